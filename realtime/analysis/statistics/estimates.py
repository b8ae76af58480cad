"""From exact sums to the mean of each variant and the variance of one user.

A ratio is a mean, too: of the linearised numerator (y − r·d) / d̄ (delta method: Deng, Knoblich, Lu 2018).
CUPED takes off what the pre-period x predicts: ȳ − θ(x̄ − x̄_all) (Deng, Xu, Kohavi, Walker 2013). Fractions
stay exact until the end, so large sums cancel nothing.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from realtime.analysis.model import Sums

Weights = Mapping[str, Fraction]
_ONE = Fraction(1)
_PAIRS = ("yy", "yd", "yx", "yz", "dd", "dx", "dz", "xx", "xz", "zz")


class Estimate(NamedTuple):
    """``variance`` is that of one user (linearised and adjusted), ``mean`` that of all of a variant.

    None is undefined: the mean of nobody, a ratio over 0, the variance of fewer than two users.
    """

    users: int
    mean: float | None
    variance: float | None


class Estimates(NamedTuple):
    """By variant; ``raw`` is without CUPED. ``theta``: 0 if the pre-period says nothing, None without one."""

    adjusted: Mapping[str, Estimate]
    raw: Mapping[str, Estimate]
    theta: float | None


class _Linear(NamedTuple):
    """A mean or ratio, and the weights that make a user's numbers to one whose mean has its variance."""

    value: Fraction
    weights: Weights


def estimate_variants(sums: Sequence[Sums], *, is_ratio: bool, has_pre_period: bool) -> Estimates:
    raw = {one.variant: _estimate(one, _linearise(one, "y", "d", is_ratio=is_ratio)) for one in sums}
    if not has_pre_period:
        return Estimates(raw, raw, None)
    whole = add_sums("", sums)
    pre = _linearise(whole, "x", "z", is_ratio=is_ratio)
    theta = _find_theta(whole, pre, sums, is_ratio=is_ratio)
    if pre is None or theta == 0:
        return Estimates(raw, raw, 0.0)
    adjusted = {one.variant: _adjust(one, theta, pre.value, is_ratio=is_ratio) for one in sums}
    return Estimates(adjusted, raw, float(theta))


def estimate_pre_period(sums: Sequence[Sums], *, is_ratio: bool) -> dict[str, Estimate]:
    return {one.variant: _estimate(one, _linearise(one, "x", "z", is_ratio=is_ratio)) for one in sums}


def find_correlation(sums: Sums, *, is_ratio: bool) -> float:
    """ρ² of the measure with its pre-period: the share of the variance that CUPED takes off."""
    y = _linearise(sums, "y", "d", is_ratio=is_ratio)
    x = _linearise(sums, "x", "z", is_ratio=is_ratio)
    if y is None or x is None or sums.users < 2:
        return 0.0
    of_y, of_x = (find_covariance(sums, one.weights, one.weights) for one in (y, x))
    return float(find_covariance(sums, y.weights, x.weights) ** 2 / (of_y * of_x)) if of_y * of_x else 0.0


def find_covariance(sums: Sums, left: Weights, right: Weights) -> Fraction:
    """Of two weighted sums of a user's numbers; needs two users."""
    return sum(
        (a * b * _find_covariance(sums, i, j) for i, a in left.items() for j, b in right.items()),
        Fraction(0),
    )


def add_sums(variant: str, sums: Sequence[Sums]) -> Sums:
    """Those of the users of all of them."""
    return Sums(
        variant,
        sum(one.users for one in sums),
        {name: sum((one.totals.get(name, Fraction(0)) for one in sums), Fraction(0)) for name in "ydxz"},
        {name: sum((one.products.get(name, Fraction(0)) for one in sums), Fraction(0)) for name in _PAIRS},
        sum(one.converted for one in sums),
        max((one.largest for one in sums), default=Fraction(0)),
    )


def _linearise(sums: Sums, numerator: str, denominator: str, *, is_ratio: bool) -> _Linear | None:
    """None if it is undefined."""
    if sums.users == 0:
        return None
    if not is_ratio:
        return _Linear(sums.totals[numerator] / sums.users, {numerator: _ONE})
    below = sums.totals[denominator]
    if below == 0:
        return None
    ratio, scale = sums.totals[numerator] / below, Fraction(sums.users) / below
    return _Linear(ratio, {numerator: scale, denominator: -ratio * scale})


def _estimate(sums: Sums, linear: _Linear | None) -> Estimate:
    if linear is None:
        return Estimate(sums.users, None, None)
    if sums.users < 2:
        return Estimate(sums.users, float(linear.value), None)
    variance = find_covariance(sums, linear.weights, linear.weights)
    return Estimate(sums.users, float(linear.value), float(variance))


def _find_theta(whole: Sums, pre: _Linear | None, sums: Sequence[Sums], *, is_ratio: bool) -> Fraction:
    """cov(y, x) / var(x) over the users of all variants; 0 where a variant has no ratio of its pre-period."""
    measure = _linearise(whole, "y", "d", is_ratio=is_ratio)
    has_pre = all(not is_ratio or one.users == 0 or one.totals["z"] != 0 for one in sums)
    if measure is None or pre is None or whole.users < 2 or not has_pre:
        return Fraction(0)
    variance = find_covariance(whole, pre.weights, pre.weights)
    return find_covariance(whole, measure.weights, pre.weights) / variance if variance else Fraction(0)


def _adjust(sums: Sums, theta: Fraction, pre_mean: Fraction, *, is_ratio: bool) -> Estimate:
    measure = _linearise(sums, "y", "d", is_ratio=is_ratio)
    pre = _linearise(sums, "x", "z", is_ratio=is_ratio)
    if measure is None or pre is None:
        return Estimate(sums.users, None, None)
    value = measure.value - theta * (pre.value - pre_mean)
    weights = dict(measure.weights) | {name: -theta * weight for name, weight in pre.weights.items()}
    return _estimate(sums, _Linear(value, weights))


def _find_covariance(sums: Sums, left: str, right: str) -> Fraction:
    name = left + right if left + right in _PAIRS else right + left
    product = sums.totals[left] * sums.totals[right]
    return (sums.products[name] - product / sums.users) / (sums.users - 1)
