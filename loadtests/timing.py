"""Times that can be compared: in turns, within one run."""

import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 9
Run = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Row:
    """``ok`` is whether ``value`` is within ``limit``; both in ``unit``."""

    name: str
    value: float
    unit: str
    limit: float
    ok: bool


def row(name: str, value: float, unit: str, limit: float) -> Row:
    return Row(name, round(value, 3), unit, round(limit, 3), value <= limit)


def fastest(*runs: Run, rounds: int = ROUNDS) -> list[float]:
    """The best time of each, in seconds, taken in turns so that a slow phase of the machine hits all."""
    best = [float("inf")] * len(runs)
    for _ in range(rounds):
        for index, run in enumerate(runs):
            started = time.perf_counter()
            run()
            best[index] = min(best[index], time.perf_counter() - started)
    return best
