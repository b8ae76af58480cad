"""Measures runs in turns, so that their times can be compared, and names the results."""

import time
from collections.abc import Callable
from dataclasses import dataclass

ROUNDS = 9
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


def measure_fastest(*runs: Run, rounds: int = ROUNDS) -> list[float]:
    """The best time of each in seconds. Runs take turns, so that a slow phase of the machine affects all."""
    best = [float("inf")] * len(runs)
    for _ in range(rounds):
        for index, run in enumerate(runs):
            started = time.perf_counter()
            run()
            best[index] = min(best[index], time.perf_counter() - started)
    return best
