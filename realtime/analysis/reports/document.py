"""The answer as JSON, for scripts: numbers are not rounded, and null is what nothing can be said about."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from chalicelib.domain.timestamps import format_timestamp
from realtime.analysis.model import (
    Analysis,
    Comparison,
    Design,
    Inference,
    Interval,
    MetricResult,
    VariantMean,
)
from realtime.analysis.reports.plots import MetricPlots


def describe_analysis(analysis: Analysis) -> dict[str, Any]:
    """docs/analysis.md describes the fields."""
    design, census = analysis.design, analysis.census
    document = {
        "experiment_key": design.experiment_key,
        "iteration": design.iteration,
        "version": design.version,
        "as_of": format_timestamp(analysis.as_of),
        "anchor": design.anchor,
        "engine": analysis.engine,
        "settings": _describe_settings(design),
        "progress": _finite(analysis.progress),
        "users": {users.variant: users.users for users in census.users},
        "census": {
            "moved": {users.variant: users.moved for users in census.users},
            "by_day": {users.variant: dict(users.by_day) for users in census.users},
            "unassigned": census.unassigned,
            "left_out": census.left_out,
            "events_before_anchor": census.events_before_anchor,
            "late_duplicates": census.late_duplicates,
            "unreadable": census.unreadable,
            "first_anchor": _format_time(census.first_anchor),
            "last_anchor": _format_time(census.last_anchor),
        },
        "checks": [
            _describe_facts(check.facts)
            | {"code": check.code, "status": check.status, "message": check.message}
            for check in analysis.checks
        ],
        "metrics": [_describe_metric(metric) for metric in analysis.metrics],
        "verdict": {
            "code": analysis.verdict.code,
            "sentence": analysis.verdict.sentence,
            "reasons": list(analysis.verdict.reasons),
            "treatment": analysis.verdict.treatment,
        },
    }
    if analysis.by is not None:
        document["by"] = analysis.by
        document["segments"] = [_describe_segment(segment) for segment in analysis.segments]
    return document


def _describe_settings(design: Design) -> dict[str, Any]:
    return {
        "control": design.control,
        "shares": dict(design.shares),
        "alpha": design.alpha,
        "power": design.power,
        "sequential": design.is_sequential,
        "planned_users": design.planned_users,
        "fixed": design.is_fixed_asked,
        "since": _format_time(design.since),
        "until": _format_time(design.until),
    }


def _describe_metric(result: MetricResult) -> dict[str, Any]:
    return {
        "key": result.metric.key,
        "name": result.metric.name,
        "role": result.role,
        "margin": result.margin,
        "cuped": result.theta is not None,
        "theta": _finite(result.theta),
        "cap": _finite(result.cap),
        "waiting": result.waiting,
        "definition": result.metric.model_dump(mode="json", exclude_defaults=True),
        "variants": {key: _describe_mean(mean) for key, mean in result.variants.items()},
        "comparisons": [_describe_comparison(comparison) for comparison in result.comparisons],
    }


def _describe_segment(result: MetricResult) -> dict[str, Any]:
    """As a metric, but it decides nothing."""
    described = _describe_metric(result)
    for comparison in described["comparisons"]:
        comparison["decision"] = None
    return {"segment": result.segment, **described}


def _describe_mean(mean: VariantMean) -> dict[str, Any]:
    return {
        "users": mean.users,
        "mean": _finite(mean.mean),
        "variance": _finite(mean.variance),
        "raw_mean": _finite(mean.raw_mean),
        "converted": mean.converted,
        "total": _finite(mean.total),
    }


def _describe_comparison(comparison: Comparison) -> dict[str, Any]:
    current = comparison.current
    return {
        "treatment": comparison.treatment,
        "difference": _finite(comparison.difference),
        "se": _finite(comparison.se),
        "interval": None if current is None else _describe_interval(current.interval),
        "lift": _finite(comparison.lift),
        "lift_interval": None if current is None else _describe_interval(current.lift_interval),
        "p_value": None if current is None else _finite(current.p_value),
        "alpha": comparison.alpha,
        "fixed": _describe_fixed(comparison.fixed),
        "decision": comparison.decision,
        "notes": list(comparison.notes),
        "chance_to_beat": _finite(comparison.chance_to_beat),
    }


def _describe_fixed(fixed: Inference | None) -> dict[str, Any] | None:
    if fixed is None:
        return None
    return {
        "interval": _describe_interval(fixed.interval),
        "lift_interval": _describe_interval(fixed.lift_interval),
        "p_value": _finite(fixed.p_value),
        "valid_for": "one look",
    }


def _describe_interval(interval: Interval | None) -> list[float | None] | None:
    """An end is null where it is unbounded."""
    return None if interval is None else [_finite(interval.lower), _finite(interval.upper)]


def _describe_facts(facts: Mapping[str, object]) -> dict[str, Any]:
    return {name: _describe_value(value) for name, value in facts.items()}


def _describe_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _describe_value(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_describe_value(each) for each in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    return _finite(float(value))


def describe_curves(plots: Sequence[MetricPlots]) -> list[dict[str, Any]]:
    """The effect that was known at the end of each day, with its band: lifts, or differences."""
    return [
        {
            "metric": plot.result.metric.key,
            "treatment": curve.treatment,
            "is_lift": curve.is_lift,
            "steps": [
                {
                    "until": format_timestamp(step.until, "seconds"),
                    "effect": _finite(step.effect),
                    "interval": _describe_interval(step.interval),
                }
                for step in curve.steps
            ],
        }
        for plot in plots
        for curve in plot.curves
    ]


def _finite(value: float | None) -> float | None:
    """JSON has no infinity."""
    return value if value is not None and isfinite(value) else None


def _format_time(epoch_seconds: float | None) -> str | None:
    return None if epoch_seconds is None else format_timestamp(epoch_seconds)
