"""What one comparison says about a metric."""

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from realtime.analysis.model import Decision, Inference, VariantMean

MIN_USERS = 100
MIN_CONVERTED = 10
"""Below these, means are not near enough to normal for a verdict."""


def find_shortage(metric: MetricDocument, *variants: VariantMean) -> str | None:
    """Why the numbers decide nothing yet; None if there are users enough."""
    users = min(variant.users for variant in variants)
    if users < MIN_USERS:
        return f"a variant has {users:,} users; a decision needs {MIN_USERS}"
    converted = min(variant.converted for variant in variants)
    if converted < MIN_CONVERTED:
        return f"in a variant {converted} users have the event; a decision needs {MIN_CONVERTED}"
    others = min(variant.users - variant.converted for variant in variants)
    if metric.aggregate == "conversion" and others < MIN_CONVERTED:
        return f"in a variant {others} users do not have the event; a decision needs {MIN_CONVERTED}"
    return None


def decide_difference(
    metric: MetricDocument, difference: float, inference: Inference, *, is_significant: bool
) -> Decision:
    """A difference that is there is named, even if it is smaller than the one that matters."""
    if is_significant:
        return "better" if (difference > 0) == (metric.better == "up") else "worse"
    lift, limit = inference.lift_interval, metric.minimum_effect
    if lift is None or limit is None or lift.lower is None or lift.upper is None:
        return "undecided"
    return "no_difference_that_matters" if -limit < lift.lower and lift.upper < limit else "undecided"


def decide_margin(inference: Inference, alpha: float) -> Decision:
    """``inference`` is one-sided: against the treatment being worse by the margin or more."""
    if inference.p_value is None:
        return "undecided"
    if inference.p_value < alpha:
        return "holds"
    return "fails" if inference.p_value > 1 - alpha else "undecided"
