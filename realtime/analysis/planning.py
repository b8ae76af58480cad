"""How many users an experiment needs, how long that takes, and what it can see. Pure.

Users of the control: (k + z_power)² · (v_C + v_T / ratio) · (1 − ρ²) / (lift · mean)². k is that of the
interval that will decide: the normal distribution's at a fixed horizon, the sequence's where the plan is
reached. A conversion of rate p has variance p (1 − p), in each variant its own.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Literal

from scipy.special import ndtri

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from realtime.analysis.model import Moments
from realtime.analysis.statistics.estimates import add_sums, estimate_variants, find_correlation
from realtime.analysis.statistics.horizons import find_sequence_k


class PlanError(ValueError):
    """No number of users answers the question; the message says why."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A metric as it is: mean and variance of a user, and ρ² with the pre-period (what CUPED takes off)."""

    mean: float
    variance: float
    correlation: float = 0.0
    is_conversion: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """``comparisons``: primaries × treatments, which share α. ``ratio``: treated users per control user.

    ``guardrails``: so many must hold, too.
    """

    alpha: float = 0.05
    power: float = 0.8
    is_sequential: bool = True
    comparisons: int = 1
    ratio: float = 1.0
    guardrails: int = 0

    @property
    def z_power(self) -> float:
        """All tests together have the power asked for (Schultzberg, Ankargren, Frånberg 2024)."""
        return float(ndtri(1 - (1 - self.power) / (self.guardrails + 1)))

    def find_k(self, *, is_guardrail: bool = False) -> float:
        alpha = 2 * self.alpha if is_guardrail else self.alpha / self.comparisons
        return find_sequence_k(1, 1, alpha) if self.is_sequential else float(-ndtri(alpha / 2))


def read_baseline(metric: MetricDocument, moments: Moments) -> Baseline:
    """Of all users together. Raises PlanError."""
    sums = add_sums("all", moments.sums)
    estimate = estimate_variants([sums], is_ratio=metric.is_ratio, has_pre_period=False).raw["all"]
    if estimate.mean is None or estimate.variance is None:
        raise PlanError(f"{metric.key}: {sums.users} users are too few for a baseline")
    correlation = find_correlation(sums, is_ratio=metric.is_ratio) if metric.pre_period else 0.0
    return Baseline(estimate.mean, estimate.variance, correlation, metric.aggregate == "conversion")


def compute_control_users(baseline: Baseline, lift: float, question: Question) -> float:
    """To see a relative change of ``lift``; not rounded. Raises PlanError."""
    _check(baseline, lift)
    control, treatment = _find_variances(baseline, lift)
    spread = (control + treatment / question.ratio) * (1 - baseline.correlation)
    return (question.find_k() + question.z_power) ** 2 * spread / (lift * baseline.mean) ** 2


def compute_guardrail_users(
    baseline: Baseline, margin: float, question: Question, better: Literal["up", "down"] = "up"
) -> float:
    """To prove that a treatment without effect is not worse by ``margin``. Raises PlanError."""
    _check(baseline, margin)
    variance, _ = _find_variances(baseline, 0.0)
    limit = 1 - margin if better == "up" else 1 + margin
    spread = (limit**2 + 1 / question.ratio) * variance * (1 - baseline.correlation)
    k = question.find_k(is_guardrail=True)
    return (k + question.z_power) ** 2 * spread / (margin * baseline.mean) ** 2


def find_smallest_lift(baseline: Baseline, control_users: float, question: Question) -> float | None:
    """The smallest increase that so many users of the control can show; None if no rate is high enough."""
    _check_mean(baseline)
    factor = (question.find_k() + question.z_power) ** 2 * (1 - baseline.correlation)
    variance, _ = _find_variances(baseline, 0.0)
    noise = factor * variance * (1 + 1 / question.ratio)
    if not baseline.is_conversion:
        return sqrt(noise / control_users) / baseline.mean
    # the treated rate p + d has variance v + d (1 − 2p) − d², so d solves a·d² − 2b·d − noise = 0
    a = control_users + factor / question.ratio
    b = factor * (1 - 2 * baseline.mean) / question.ratio / 2
    rise = (b + sqrt(b**2 + a * noise)) / a
    return rise / baseline.mean if baseline.mean + rise <= 1 else None


def _find_variances(baseline: Baseline, lift: float) -> tuple[float, float]:
    if not baseline.is_conversion:
        return baseline.variance, baseline.variance
    treated = baseline.mean * (1 + lift)
    if not 0 <= treated <= 1:
        raise PlanError(f"a rate of {baseline.mean:.4g} cannot change by {lift:+.0%}: it is at most 1")
    return baseline.mean * (1 - baseline.mean), treated * (1 - treated)


def _check(baseline: Baseline, lift: float) -> None:
    _check_mean(baseline)
    if lift == 0:
        raise PlanError("an effect of 0 needs infinitely many users; name the smallest one that matters")


def _check_mean(baseline: Baseline) -> None:
    if baseline.mean <= 0:
        raise PlanError(f"the baseline's mean is {baseline.mean:.4g}; a lift needs one above 0")
