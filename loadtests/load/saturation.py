"""Where more users give no more answers, and what is at its limit there."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import psutil

from loadtests.load.measure import Run
from loadtests.load.requests_log import find_percentile, split_by_time
from loadtests.load.shapes import STEPS

GROWTH = 1.1
"""With less than this from one step to the next, the service is saturated."""
FULL = 85.0
DISTURBED = 25.0
"""Percent of CPU from which a core counts as used up."""


@dataclass(frozen=True, slots=True)
class Step:
    users: int
    per_second: float
    p50: float
    p99: float
    cpu: dict[str, float]  # percent of a core, by process
    machine: float  # percent of all cores
    others: float  # the part of it by processes that do not belong to the measurement


def measure_steps(run: Run) -> list[Step]:
    """The first quarter of each step is left out: connections are being opened."""
    length = run.seconds / len(STEPS)
    steps = []
    for number, requests in split_by_time(run.requests, run.start, length).items():
        if not 0 <= number < len(STEPS):
            continue
        start, end = run.start + (number + 0.25) * length, run.start + (number + 1) * length
        times = sorted(request.milliseconds for request in requests if start <= request.at < end)
        cpu = {name: run.usage.get_cpu(name, start, end) for name in run.usage.samples}
        machine = run.usage.get_machine(start, end)
        steps.append(
            Step(
                STEPS[number],
                len(times) / (end - start),
                find_percentile(times, 0.5),
                find_percentile(times, 0.99),
                cpu,
                machine,
                max(0.0, machine - sum(cpu.values()) / (psutil.cpu_count() or 1)),
            )
        )
    return steps


def find_saturation(steps: Sequence[Step]) -> Step | None:
    """The first step after which more users bring less than a tenth more; None if there is none."""
    for step, following in pairwise(steps):
        if following.per_second < GROWTH * step.per_second:
            return step
    return None


def explain_limit(step: Step, behind: str) -> str:
    """What limits the answers at ``step``."""
    ranked = sorted(step.cpu.items(), key=lambda pair: -pair[1])
    shares = ", ".join(f"{name} {share:.0f} %" for name, share in ranked[:4])
    if step.others > DISTURBED:
        return f"other processes, which use {step.others:.0f} % of this machine: measure again without them"
    if step.machine >= FULL:
        return f"the cores of this machine, which Locust shares: {shares} of a core"
    if ranked and ranked[0][1] >= FULL:
        return f"one core: {ranked[0][0]} uses {ranked[0][1]:.0f} % of it"
    return f"waiting for what is behind the service ({behind}): {shares} of a core"
