"""How a comparison reads."""

from collections.abc import Sequence

from realtime.analysis.model import Comparison, Inference, Interval, MetricResult

_NAMED = 3
"""So many things are named in a sentence."""


def name_metric(result: MetricResult) -> str:
    return result.metric.name or result.metric.key


def describe_effect(result: MetricResult, comparison: Comparison) -> str:
    """Such as ``revenue +4.1 % (1.2 % to 7.0 %)``."""
    inference = comparison.current or comparison.fixed
    if comparison.difference is None:
        return f"{name_metric(result)} unknown"
    has_lift = comparison.lift is not None
    shown = f"{comparison.difference:+.4g}" if comparison.lift is None else show_change(comparison.lift)
    limits = describe_limits(inference, has_lift=has_lift) if inference else ""
    return f"{name_metric(result)} {shown}{limits}"


def describe_limits(inference: Inference, *, has_lift: bool) -> str:
    interval: Interval | None = inference.lift_interval if has_lift else inference.interval
    if interval is None or interval.lower is None or interval.upper is None:
        return ""
    if has_lift:
        return f" ({show_change(interval.lower)} to {show_change(interval.upper)})"
    return f" ({interval.lower:+.4g} to {interval.upper:+.4g})"


def join_words(words: Sequence[str]) -> str:
    """``a, b and c``; further ones are counted."""
    named = [*words[:_NAMED], *([f"{len(words) - _NAMED} more"] if len(words) > _NAMED else [])]
    return " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else "".join(named)


def show_share(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def show_change(share: float) -> str:
    return f"{100 * share:+.1f} %"
