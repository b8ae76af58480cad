"""How a comparison reads."""

from collections.abc import Sequence

from realtime.analysis.model import Comparison, Inference, Interval, MetricResult
from realtime.analysis.numbers import format_interval, format_number, format_share

_NAMED = 3
"""So many things are named in a sentence."""


def name_metric(result: MetricResult) -> str:
    return result.metric.name or result.metric.key


def describe_effect(result: MetricResult, comparison: Comparison) -> str:
    """Such as ``revenue +4.10% (+1.20% to +7.00%)``."""
    inference = comparison.current or comparison.fixed
    if comparison.difference is None:
        return f"{name_metric(result)} unknown"
    has_lift = comparison.lift is not None
    form = format_share if has_lift else format_number
    shown = form(comparison.lift if has_lift else comparison.difference, is_signed=True)
    limits = describe_limits(inference, has_lift=has_lift) if inference else ""
    return f"{name_metric(result)} {shown}{limits}"


def describe_limits(inference: Inference, *, has_lift: bool) -> str:
    interval: Interval | None = inference.lift_interval if has_lift else inference.interval
    if interval is None or interval.lower is None or interval.upper is None:
        return ""
    return f" ({format_interval(interval, is_lift=has_lift)})"


def join_words(words: Sequence[str]) -> str:
    """``a, b and c``; further ones are counted."""
    named = [*words[:_NAMED], *([f"{len(words) - _NAMED} more"] if len(words) > _NAMED else [])]
    return " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else "".join(named)
