"""What is plotted of a metric, as values: terminal and page draw the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import NamedTuple

from chalicelib.domain.definitions.analysis_schema import MetricDocument, read_duration
from realtime.analysis.model import (
    Analysis,
    Bin,
    Comparison,
    DaySum,
    Design,
    Engine,
    Interval,
    MetricResult,
    Moments,
)

DAY = 86_400
MAX_LOOKS, MAX_BINS, MAX_DAYS = 60, 24, 60
Measure = Callable[[Design, Moments], MetricResult]
"""From sums to a result: `realtime/analysis/inference.py` has it."""


class Step(NamedTuple):
    """The effect that was known at ``until``."""

    until: float
    effect: float
    interval: Interval


class Curve(NamedTuple):
    """Steps are lifts, or differences where there is no lift."""

    treatment: str
    steps: Sequence[Step]
    is_lift: bool


@dataclass(frozen=True, slots=True)
class MetricPlots:
    result: MetricResult
    curves: Sequence[Curve]
    bins: Sequence[Bin]
    days: Sequence[DaySum]


def read_plots(
    engine: Engine, analysis: Analysis, measure: Measure, *, has_all: bool = True
) -> list[MetricPlots]:
    """Of the primary metrics, or of the first one. Without ``has_all`` only curves are read."""
    design = analysis.design
    primary = [result for result in analysis.metrics if result.role == "primary"]
    plots = []
    for result in primary or analysis.metrics[:1]:
        looks = engine.read_looks(design, result.metric, list_times(analysis, result.metric))
        steps = [(look.until, measure(design, look.moments)) for look in looks]
        bins = engine.read_distribution(design, result.metric, MAX_BINS) if has_all else []
        days = engine.read_days(design, result.metric, MAX_DAYS) if has_all else []
        plots.append(MetricPlots(result, make_curves(design, steps), bins, days))
    return plots


def list_times(analysis: Analysis, metric: MetricDocument) -> list[float]:
    """The end of each day (UTC) from the first user on; every few days, if there are many.

    The last is when the last user's window was over, if that is past: nothing changes after it.
    """
    census, design = analysis.census, analysis.design
    if census.first_anchor is None or census.last_anchor is None:
        return []
    end = analysis.as_of if design.until is None else min(design.until, analysis.as_of)
    if metric.window is not None:
        end = min(end, (census.last_anchor + read_duration(metric.window)) // DAY * DAY + DAY)
    first = (census.first_anchor // DAY + 1) * DAY
    count = max(0, ceil((end - first) / DAY))
    every = max(1, ceil(count / (MAX_LOOKS - 1)))
    times = [first + number * DAY for number in range(0, count, every)]
    return [*times, end] if end > census.first_anchor else times


def make_curves(design: Design, looks: Sequence[tuple[float, MetricResult]]) -> list[Curve]:
    curves = []
    for treatment in design.treatments:
        found = [
            (until, comparison)
            for until, result in looks
            for comparison in result.comparisons
            if comparison.treatment == treatment
        ]
        is_lift = bool(found) and found[-1][1].lift is not None
        steps = [step for until, each in found if (step := make_step(until, each, is_lift=is_lift))]
        curves.append(Curve(treatment, steps, is_lift))
    return curves


def make_step(until: float, comparison: Comparison, *, is_lift: bool) -> Step | None:
    """None where nothing could be said yet."""
    inference = comparison.current or comparison.fixed
    effect = comparison.lift if is_lift else comparison.difference
    if inference is None or effect is None:
        return None
    interval = inference.lift_interval if is_lift else inference.interval
    return None if interval is None else Step(until, effect, interval)


def find_range(curve: Curve, thresholds: Sequence[float]) -> float:
    """± this much is drawn: three times the last interval, so that the wide first days are cut."""
    reaches = [
        max(abs(end) for end in (step.effect, *step.interval) if end is not None) for step in curve.steps
    ]
    if not reaches:
        return 0.01
    return max(min(max(reaches), 3 * reaches[-1]), *map(abs, thresholds), 1e-9) * 1.05


def format_day(epoch_seconds: float) -> str:
    """The UTC day that ends or is under way at this time."""
    return datetime.fromtimestamp(epoch_seconds - 1, UTC).date().isoformat()


def list_days(analysis: Analysis) -> list[str]:
    """Each UTC day on which a user of any variant came in, in order."""
    return sorted({day for users in analysis.census.users for day in users.by_day})
