"""What the formulas promise for any numbers, and where they have no answer."""

from fractions import Fraction
from math import hypot, isclose, sqrt
from statistics import mean, variance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.analysis.model import Interval, Sums
from realtime.analysis.statistics.comparisons import reject_by_benjamini_hochberg
from realtime.analysis.statistics.estimates import Estimate, estimate_variants
from realtime.analysis.statistics.horizons import FixedHorizon, Horizon, SequentialHorizon
from realtime.analysis.statistics.pair import Pair, make_pair
from realtime.analysis.statistics.split import compare_split
from tests.support.analysis_reference import SCALE, UserNumbers, add_up

AMOUNTS = st.integers(-(10**6), 10**6)
HORIZONS = st.sampled_from([FixedHorizon(), SequentialHorizon(1_000), SequentialHorizon(50)])
ALPHAS = st.floats(0.001, 0.4)
MEANS = st.integers(-(10**8), 10**8).map(lambda millionths: millionths / 10**6)
"""Amounts have four decimals. A mean of 1e-300 only says how many digits a float has."""
ESTIMATES = st.builds(Estimate, st.integers(2, 10**6), MEANS, st.floats(1e-9, 10_000) | st.just(0.0))


def sums_of(variant: str, *users: tuple[int, ...]) -> Sums:
    """y, d, x and z of each user, in whole units."""
    return add_up(variant, [UserNumbers(variant, *(number * SCALE for number in user)) for user in users])


@given(st.lists(AMOUNTS, min_size=2, max_size=20))
def test_mean_and_variance_are_those_of_the_users(amounts: list[int]) -> None:
    [estimate] = estimate_variants(
        [sums_of("a", *((amount,) for amount in amounts))], is_ratio=False, has_pre_period=False
    ).adjusted.values()
    assert estimate.mean == pytest.approx(mean(amounts))
    assert estimate.variance == pytest.approx(float(variance(map(Fraction, amounts))))


@given(st.lists(st.tuples(AMOUNTS, st.integers(1, 9)), min_size=2, max_size=20))
def test_a_ratio_has_the_variance_of_its_linearised_users(users: list[tuple[int, int]]) -> None:
    [estimate] = estimate_variants(
        [sums_of("a", *users)], is_ratio=True, has_pre_period=False
    ).adjusted.values()
    ratio = Fraction(sum(y for y, _ in users), sum(d for _, d in users))
    scale = Fraction(len(users), sum(d for _, d in users))
    assert estimate.mean == pytest.approx(float(ratio))
    assert estimate.variance == pytest.approx(float(variance((y - ratio * d) * scale for y, d in users)))


@given(
    st.lists(st.tuples(AMOUNTS, st.integers(1, 9), AMOUNTS, st.integers(1, 9)), min_size=4, max_size=20),
    st.booleans(),
)
def test_cuped_never_adds_variance_over_all_users(users: list[tuple[int, ...]], is_ratio: bool) -> None:
    estimates = estimate_variants([sums_of("a", *users)], is_ratio=is_ratio, has_pre_period=True)
    adjusted, raw = estimates.adjusted["a"], estimates.raw["a"]
    assert adjusted.mean == pytest.approx(raw.mean)  # of all users, nothing is taken off
    assert adjusted.variance is not None
    assert raw.variance is not None
    assert 0 <= adjusted.variance <= raw.variance * (1 + 1e-12)


def test_a_pre_period_that_explains_everything_leaves_no_variance() -> None:
    control = sums_of("control", *((3 * x + 1, 0, x, 0) for x in (1, 5, 6, 9)))
    treatment = sums_of("treatment", *((3 * x + 1, 0, x, 0) for x in (2, 4, 8)))
    estimates = estimate_variants([control, treatment], is_ratio=False, has_pre_period=True)
    assert estimates.theta == 3
    assert [one.variance for one in estimates.adjusted.values()] == [0, 0]
    assert estimates.adjusted["control"].mean == estimates.adjusted["treatment"].mean


@pytest.mark.parametrize("x", [0, 7])
def test_a_pre_period_without_variance_changes_nothing(x: int) -> None:
    sums = [sums_of("control", (1, 0, x, 0), (4, 0, x, 0)), sums_of("treatment", (2, 0, x, 0))]
    estimates = estimate_variants(sums, is_ratio=False, has_pre_period=True)
    assert estimates.theta == 0
    assert estimates.adjusted == estimates.raw


def test_a_ratio_whose_pre_period_is_over_0_changes_nothing() -> None:
    sums = [
        sums_of("control", (1, 1, 2, 1), (4, 2, 3, 1)),
        sums_of("treatment", (2, 1, 0, 0), (3, 2, 0, 0)),
    ]
    estimates = estimate_variants(sums, is_ratio=True, has_pre_period=True)
    assert estimates.theta == 0
    assert estimates.adjusted == estimates.raw


@pytest.mark.parametrize(
    ("users", "is_ratio", "expected"),
    [
        ([], False, Estimate(0, None, None)),
        ([(3,)], False, Estimate(1, 3.0, None)),
        ([], True, Estimate(0, None, None)),
        ([(3, 0), (2, 0)], True, Estimate(2, None, None)),
        ([(3, 2)], True, Estimate(1, 1.5, None)),
        ([(2,), (2,)], False, Estimate(2, 2.0, 0.0)),
    ],
)
def test_what_is_undefined_is_none(users: list[tuple[int, ...]], is_ratio: bool, expected: Estimate) -> None:
    for has_pre_period in (False, True):
        estimates = estimate_variants(
            [sums_of("a", *users)], is_ratio=is_ratio, has_pre_period=has_pre_period
        )
        assert estimates.adjusted["a"] == expected


def test_large_amounts_cancel_nothing() -> None:
    """A double has lost the variance of these: 10^12 squared has no room for 1."""
    big = 10**12
    [estimate] = estimate_variants(
        [sums_of("a", (big,), (big + 1,), (big + 2,))], is_ratio=False, has_pre_period=False
    ).adjusted.values()
    assert estimate.variance == 1


@given(ESTIMATES, ESTIMATES, HORIZONS, ALPHAS)
def test_intervals_and_p_values_say_the_same(
    control: Estimate, treatment: Estimate, horizon: Horizon, alpha: float
) -> None:
    pair = make_pair(control, treatment)
    if pair is None:
        assert control.variance == treatment.variance == 0
        return
    k, z = horizon.find_k(pair, alpha), pair.find_z()
    p_value = horizon.find_p(pair, z, alpha)
    assert 0 <= p_value <= 1
    if isclose(abs(z), k, rel_tol=1e-9):
        return
    intervals = [pair.find_interval(k)]
    lift = pair.find_lift_interval(k)
    if lift is not None and abs(pair.difference) > 1e-9 * abs(pair.control):
        intervals.append(lift)
    for interval in intervals:
        assert has_zero(interval) == (p_value >= alpha)


@given(ESTIMATES, ESTIMATES, st.floats(0.5, 5))
def test_the_ends_of_fiellers_interval_are_k_errors_away(
    control: Estimate, treatment: Estimate, k: float
) -> None:
    pair = make_pair(control, treatment)
    if pair is None:
        return
    lift = pair.find_lift_interval(k)
    if lift is None:
        return
    for end in lift:
        assert end is not None
        error = hypot(sqrt(pair.treatment_error), (1 + end) * sqrt(pair.control_error))
        gap = abs(pair.treatment - (1 + end) * pair.control)
        a = pair.control**2 - k**2 * pair.control_error
        if a > 1e-6 * pair.control**2:  # nearer to 0, the ends run away and have few digits
            digits = 1e-9 + 1e-14 * abs(pair.treatment)  # of a float
            assert gap == pytest.approx(k * error, rel=1e-6, abs=digits)


@pytest.mark.parametrize("control", [0.0, -3.0, 0.5])
def test_a_control_mean_within_its_noise_has_no_lift(control: float) -> None:
    pair = make_pair(Estimate(100, control, 9.0), Estimate(100, 5.0, 9.0))
    assert pair is not None
    assert pair.find_lift_interval(1.96) is None
    assert pair.find_interval(1.96).lower is not None


def test_one_variance_may_be_0() -> None:
    pair = make_pair(Estimate(10, 5.0, 0.0), Estimate(10, 6.0, 10.0))
    assert pair is not None
    assert (pair.se, pair.degrees) == (1.0, 9.0)


def test_welchs_degrees_survive_tiny_variances() -> None:
    pair = make_pair(Estimate(10, 1e-170, 1e-320), Estimate(10, 2e-170, 1e-320))
    assert pair is not None
    assert pair.degrees == pytest.approx(18)


@given(st.integers(2, 10**7), st.integers(2, 10**7), ALPHAS)
def test_a_sequence_is_wider_than_one_look(users: int, planned: int, alpha: float) -> None:
    pair = Pair(users, 1.0, 1.0, 1.0, 1.0, 1e9)
    assert SequentialHorizon(planned).find_k(pair, alpha) > FixedHorizon().find_k(pair, alpha)


def test_benjamini_hochberg() -> None:
    assert reject_by_benjamini_hochberg([], 0.05) == []
    assert reject_by_benjamini_hochberg([None, None], 0.05) == [False, False]
    assert reject_by_benjamini_hochberg([0.04], 0.05) == [True]
    # the second is above its own step of 0.025, and passes with the third
    p_values = [0.01, 0.03, None, 0.037, 0.2]
    assert reject_by_benjamini_hochberg(p_values, 0.05) == [True, True, False, True, False]
    assert reject_by_benjamini_hochberg([0.034, 0.04, 0.06], 0.05) == [False, False, False]


def test_a_planned_variant_without_users_is_in_the_split() -> None:
    split = compare_split({"control": 500, "b": 500}, {"control": 0.4, "b": 0.4, "c": 0.2})
    assert split is not None
    assert split.value == pytest.approx(250)
    assert split.p_value < 1e-50


@pytest.mark.parametrize(
    ("users", "shares"),
    [
        ({}, {"control": 0.5, "b": 0.5}),
        ({"control": 4, "b": 5}, {"control": 0.5, "b": 0.5}),
        ({"control": 500}, {"control": 1.0}),
        ({"control": 500, "b": 3}, {"control": 1.0, "b": 0.0}),
    ],
)
def test_some_splits_cannot_be_tested(users: dict[str, int], shares: dict[str, float]) -> None:
    assert compare_split(users, shares) is None


def has_zero(interval: Interval) -> bool:
    assert interval.lower is not None
    assert interval.upper is not None
    return interval.lower <= 0 <= interval.upper
