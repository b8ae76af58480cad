"""The deciding functions of a load while it rises: what is drawn, and how much of it is simulated."""

import math
import random
from collections.abc import Callable
from typing import Any

from realtime.capacity.facts import (
    CPU_MS,
    ENVIRONMENTS_AT_ONCE,
    ENVIRONMENTS_PER_SECOND,
    PLACEMENT,
    RESTORE,
    WAITS,
    Wait,
)
from realtime.capacity.load import Load
from realtime.capacity.simulation import Function, Outcome, Times, simulate
from realtime.capacity.sizing import Size
from realtime.capacity.work import MEMORY_MB, Share, Work, list_work, stretch

REQUESTS = 20_000
"""Simulated of each function. Of a larger load, a part is simulated with as small a part of each limit."""
DECIDING = ("assignment", "feature_flags")
FIRST_CALL_CPU_MS = 20.0
"""After a restore: connections, and definitions that are read again."""


CPU_P99 = 3.0
"""Times the median: neighbours on the same machine (an assumption)."""


def simulate_rise(load: Load, size: Size, rise: float, stay: float) -> dict[str, Outcome]:
    rates, work = {"assignment": load.assigns, "feature_flags": load.flags}, list_work(load)
    outcomes = {}
    for name in DECIDING:
        if rates[name]:
            part = min(1.0, REQUESTS / (rates[name] * (rise / 2 + stay)))
            units = size.functions[name].units
            warm = size.functions[name].by_duration if load.start == "provisioned" else 0
            function = Function(
                units=max(1, math.ceil(units * part)),
                sample=make_sample(work[name], MEMORY_MB[name]),
                start=make_start(load, MEMORY_MB[name]),
                warm=math.ceil(warm * part),
                at_once=ENVIRONMENTS_AT_ONCE * part,
                per_second=ENVIRONMENTS_PER_SECOND * part,
            )
            outcome = simulate(function, rates[name] * part, rise, stay)
            outcomes[name] = _enlarge(outcome, part)
    return outcomes


def _enlarge(outcome: Outcome, part: float) -> Outcome:
    counts: dict[str, Any] = {
        field: round(getattr(outcome, field) / part)
        for field in ("requests", "refused", "cold", "busy", "environments")
    }
    return outcome._replace(**counts)


def make_sample(shares: list[Share], memory_mb: int) -> Callable[[random.Random], Times]:
    works = [work for _, work in shares]
    weights = [share for share, _ in shares]

    def sample(draw: random.Random) -> Times:
        work = works[0] if len(works) == 1 else draw.choices(works, weights)[0]
        answer = draw_ms(work, memory_mb, draw)
        return answer, answer + (draw_ms(work.later, memory_mb, draw) if work.later else 0.0)

    return sample


def draw_ms(work: Work, memory_mb: int, draw: random.Random) -> float:
    cpu_ms = stretch(work.cpu_ms, memory_mb)
    waits = sum(draw_wait(WAITS[wait], draw) for wait in work.waits)
    return draw_wait(Wait(cpu_ms, CPU_P99 * cpu_ms), draw) + waits


def draw_wait(wait: Wait, draw: random.Random) -> float:
    return draw.lognormvariate(math.log(wait.median), wait.sigma)


def make_start(load: Load, memory_mb: int) -> Callable[[random.Random], float]:
    if load.start == "snapstart":
        return lambda draw: draw_wait(RESTORE, draw) + stretch(FIRST_CALL_CPU_MS, memory_mb)
    return lambda draw: draw_wait(PLACEMENT, draw) + stretch(CPU_MS["cold_start"], memory_mb)
