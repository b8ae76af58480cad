"""Measures runs in turns, so that their times can be compared, and names the results.

Limits in µs and ms are for one machine. On a slower one they grow by as much as the reference has become
slower, which is measured in the same turns and is the same for all of them: W1 by `mmh3.hash`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import mmh3

from loadtests.workloads import build_users

ROUNDS = 9
REFERENCE_MICROSECONDS = 0.14
"""Of one decision, on the machine of the limits."""
Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Row:
    """``value`` and ``limit`` are in ``unit``; ``ok`` means that the value is within the limit."""

    name: str
    value: float
    unit: str
    limit: float
    ok: bool


def build_row(name: str, value: float, unit: str, limit: float) -> Row:
    return Row(name, round(value, 3), unit, round(limit, 3), value <= limit)


def measure_fastest(
    *runs: Run, rounds: int = ROUNDS, clock: Callable[[], float] = time.process_time
) -> list[float]:
    """The best time of each in seconds, of the CPU by default: what waits for busy neighbours costs nothing.

    Runs take turns, so that a slow phase of the machine affects all.
    """
    best = [float("inf")] * len(runs)
    for _ in range(rounds):
        for index, run in enumerate(runs):
            started = clock()
            run()
            best[index] = min(best[index], clock() - started)
    return best


def compute_slowness(reference_seconds: float) -> float:
    """How much slower than the machine of the limits; 1 on a faster one. The time is of `run_reference`."""
    return max(1.0, reference_seconds / len(_USERS) * 1e6 / REFERENCE_MICROSECONDS)


def run_reference() -> None:
    for user in _USERS:
        _decide(user["user_id"])


_USERS = build_users(500)


def _decide(user_id: str) -> bool:
    return mmh3.hash(("flag/w1:" + user_id).encode(), 0, False) < 1 << 31
