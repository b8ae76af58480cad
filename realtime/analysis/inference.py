"""From what an engine counted to the answer. Pure; nothing here is undefined: what cannot be said is None."""

from collections.abc import Sequence
from dataclasses import replace

from realtime.analysis.checks import run_checks
from realtime.analysis.comparing import compare_metric, compare_metrics
from realtime.analysis.model import (
    Analysis,
    Census,
    Design,
    EventCounts,
    MetricResult,
    Moments,
    PlannedMetric,
)
from realtime.analysis.verdict import decide_verdict


def analyze(
    design: Design,
    census: Census,
    moments: Sequence[Moments],
    now: float,
    *,
    engine: str,
    counts: EventCounts | None = None,
    changes: Sequence[str] = (),
    segments: Sequence[Moments] = (),
    by: str | None = None,
) -> Analysis:
    """``moments`` are in the order of the design's metrics. ``now``: epoch seconds.

    ``changes``: what was changed after the first user, a sentence each. ``segments``: the moments of each
    value of ``by``; they are exploration and decide nothing.
    """
    results = compare_metrics(design, moments)
    progress = find_progress(design, results)
    checks = run_checks(design, census, moments, results, counts, changes)
    return Analysis(
        design,
        now,
        engine,
        census,
        checks,
        results,
        decide_verdict(design, checks, results, progress),
        progress,
        _explore(design, segments),
        by,
    )


def find_progress(design: Design, results: Sequence[MetricResult]) -> float | None:
    """Of the plan: users whose window is over, of the primary metric and treatment with the fewest."""
    counted = [result for result in results if result.role == "primary"] or list(results)
    users = [
        result.variants[design.control].users + result.variants[treatment].users
        for result in counted
        for treatment in design.treatments
        if design.control in result.variants
    ]
    if design.planned_users is None or not users:
        return None
    return min(users) / design.planned_users


def _explore(design: Design, segments: Sequence[Moments]) -> list[MetricResult]:
    planned = {one.metric.key: one for one in design.metrics}
    results = [
        compare_metric(design, planned.get(one.metric.key, PlannedMetric(one.metric, "secondary")), one)
        for one in segments
    ]
    return [_leave_open(result) for result in results]


def _leave_open(result: MetricResult) -> MetricResult:
    return replace(result, comparisons=[replace(one, decision="undecided") for one in result.comparisons])
