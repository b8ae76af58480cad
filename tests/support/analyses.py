"""An analysis from plain numbers, for tests of what a reader sees."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from realtime.analysis.model import (
    Analysis,
    Census,
    Check,
    Comparison,
    Decision,
    Design,
    Inference,
    Interval,
    MetricResult,
    PlannedMetric,
    Role,
    Users,
    VariantMean,
    Verdict,
)

NOW = 1_780_000_000.0
DAY = 86_400.0
SHARES = {"control": 0.5, "treatment": 0.5}


def make_metric(key: str = "revenue", **fields: Any) -> MetricDocument:
    return MetricDocument.model_validate({"key": key, "event": "purchase", "aggregate": "sum"} | fields)


def make_design(*metrics: PlannedMetric, **fields: Any) -> Design:
    common: dict[str, Any] = {
        "experiment_key": "checkout",
        "experiment_id": "checkout-1",
        "iteration": 2,
        "version": 7,
        "shares": SHARES,
        "control": "control",
        "anchor": "exposure",
        "metrics": metrics,
        "planned_users": 4000,
    }
    return Design(**common | fields)


def make_inference(lower: float | None, upper: float | None, p: float | None, mean: float) -> Inference:
    """``lower`` and ``upper`` are lifts of the control's ``mean``."""
    ends = [None if end is None else end * mean for end in (lower, upper)]
    return Inference(Interval(*ends), p, Interval(lower, upper))


def make_comparison(
    lift: float = 0.05,
    lower: float | None = -0.02,
    upper: float | None = 0.12,
    *,
    p: float | None = 0.16,
    mean: float = 20.0,
    decision: Decision = "undecided",
    **fields: Any,
) -> Comparison:
    common: dict[str, Any] = {
        "treatment": "treatment",
        "difference": lift * mean,
        "se": 0.7,
        "lift": lift,
        "current": make_inference(lower, upper, p, mean),
        "fixed": None,
        "alpha": 0.05,
        "decision": decision,
    }
    return Comparison(**common | fields)


def make_undefined_comparison() -> Comparison:
    return Comparison("treatment", None, None, None, None, None, 0.05, "undecided", ("Too few users.",))


def make_result(
    *comparisons: Comparison,
    metric: MetricDocument | None = None,
    role: Role = "primary",
    means: Mapping[str, float | None] | None = None,
    users: int = 1000,
    **fields: Any,
) -> MetricResult:
    by_variant = means or {"control": 20.0, "treatment": 21.0}
    variants = {
        key: VariantMean(users, mean, 490.25, mean, users // 4, (mean or 0) * users)
        for key, mean in by_variant.items()
    }
    common: dict[str, Any] = {
        "metric": metric or make_metric(),
        "role": role,
        "margin": None,
        "variants": variants,
        "comparisons": comparisons or (make_comparison(),),
    }
    return MetricResult(**common | fields)


def make_census(users: Mapping[str, int] | None = None, **fields: Any) -> Census:
    """They came in over the last four days."""
    counts = users or {"control": 1003, "treatment": 997}
    days = ("2026-05-25", "2026-05-26", "2026-05-27", "2026-05-28")
    by_variant = [
        Users(key, count, 0, {day: count // 4 + (number < count % 4) for number, day in enumerate(days)})
        for key, count in counts.items()
    ]
    common: dict[str, Any] = {"users": by_variant, "first_anchor": NOW - 3 * DAY, "last_anchor": NOW}
    return Census(**common | fields)


def make_analysis(*results: MetricResult, checks: Sequence[Check] | None = None, **fields: Any) -> Analysis:
    metrics = results or (make_result(),)
    planned = [PlannedMetric(result.metric, result.role, result.margin) for result in metrics]
    common: dict[str, Any] = {
        "design": make_design(*planned),
        "as_of": NOW,
        "engine": "duckdb",
        "census": make_census(),
        "checks": [Check("split", "ok", "Users are split as planned (p 0.893).", {"p_value": 0.893})]
        if checks is None
        else checks,
        "metrics": metrics,
        "verdict": Verdict("keep_running", "It is too early to say.", ("revenue is not clear yet.",)),
        "progress": 0.5,
    }
    return Analysis(**common | fields)


def change_design(analysis: Analysis, **fields: Any) -> Analysis:
    return replace(analysis, design=replace(analysis.design, **fields))


def make_full_analysis() -> Analysis:
    """Of all that a report shows there is one."""
    revenue = make_metric(cap=0.99, window="14d", pre_period="28d", minimum_effect=0.02)
    fixed = make_inference(-0.01, 0.11, 0.09, 20.0)
    primary = make_result(
        make_comparison(fixed=fixed, chance_to_beat=0.93), metric=revenue, theta=0.3, cap=234.84, waiting=41
    )
    refunds = make_metric("refunds", event="refund", aggregate="count", better="down", name="Refunds a user")
    guardrail = make_result(
        make_comparison(-0.01, -0.05, 0.02, mean=0.2, p=0.7, decision="holds"),
        metric=refunds,
        role="guardrail",
        margin=0.03,
        means={"control": 0.2, "treatment": 0.198},
    )
    secondary = make_result(
        make_undefined_comparison(),
        metric=make_metric("order-value", event="order"),
        role="secondary",
        means={"control": None, "treatment": 3.0},
    )
    segments = [
        make_result(make_comparison(0.4, None, 1.9), metric=revenue, segment="DE"),
        make_result(make_comparison(-0.1, -0.4, 0.2), metric=revenue, segment="FR"),
    ]
    checks = [
        Check("split", "ok", "Users are split as planned.", {"chi_square": 0.018, "p_value": 0.893}),
        Check("archive_complete", "ok", "The archive holds all users that were counted."),
        Check("waiting", "note", "41 users wait for the end of their window.", {"waiting": 41}),
        Check("twyman", "warning", "An effect over 50% is more often a mistake than a success."),
    ]
    census = make_census(unassigned=3, left_out=1, events_before_anchor=120, late_duplicates=2, unreadable=1)
    return make_analysis(
        primary, guardrail, secondary, checks=checks, census=census, segments=segments, by="country"
    )
