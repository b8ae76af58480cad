"""Sample sizes: golden numbers, which statsmodels has too, and what the formulas promise."""

from dataclasses import replace
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.analysis.duration import Duration, count_users, find_duration
from realtime.analysis.model import Moments
from realtime.analysis.planning import (
    Baseline,
    PlanError,
    Question,
    compute_control_users,
    compute_guardrail_users,
    find_smallest_lift,
    read_baseline,
)
from tests.support.analysis import metric, sums
from tests.support.golden_moments import read_golden

FIXED = Question(is_sequential=False)


def golden(key: str) -> Baseline:
    moments = read_golden("q2")[key]
    return read_baseline(moments.metric, moments)


def without_cuped(baseline: Baseline) -> Baseline:
    return Baseline(baseline.mean, baseline.variance, 0.0, baseline.is_conversion)


def test_the_baseline_of_the_second_quarter() -> None:
    revenue, conversion = golden("capped-revenue"), golden("conversion")
    assert revenue.mean == pytest.approx(13.4243046245, rel=1e-11)
    assert revenue.variance == pytest.approx(1304.64219765, rel=1e-11)
    assert revenue.correlation == pytest.approx(0.14381454656, rel=1e-10)
    assert conversion.mean == pytest.approx(0.226941026729, rel=1e-11)
    assert conversion.is_conversion


@pytest.mark.parametrize(
    ("has_cuped", "question", "users"),
    [
        (False, FIXED, 45_458),
        (True, FIXED, 38_921),
        (False, Question(), 87_047),
        (False, Question(is_sequential=False, comparisons=2), 55_050),
        (False, Question(is_sequential=False, ratio=3), 30_305),
    ],
)
def test_users_of_the_control_for_5_percent_of_revenue(
    has_cuped: bool, question: Question, users: int
) -> None:
    baseline = golden("capped-revenue")
    if not has_cuped:
        baseline = without_cuped(baseline)
    assert ceil(compute_control_users(baseline, 0.05, question)) == users


def test_users_are_exact_before_they_are_rounded() -> None:
    baseline = without_cuped(golden("capped-revenue"))
    assert compute_control_users(baseline, 0.05, FIXED) == pytest.approx(45457.4935, abs=5e-5)


def test_conversions() -> None:
    assert ceil(compute_control_users(golden("conversion"), 0.05, FIXED)) == 21_760
    tenth = Baseline(0.1, 0.09, is_conversion=True)
    assert ceil(compute_control_users(tenth, 0.1, FIXED)) == 14_749


def test_the_smallest_lift() -> None:
    baseline = without_cuped(golden("capped-revenue"))
    lift = find_smallest_lift(baseline, 11_785, FIXED)
    assert lift == pytest.approx(0.098199200909, rel=1e-10)


QUESTIONS = st.builds(
    Question,
    st.floats(0.001, 0.2),
    st.floats(0.55, 0.99),
    st.booleans(),
    st.integers(1, 6),
    st.floats(0.1, 10),
    st.integers(0, 4),
)
BASELINES = st.builds(Baseline, st.floats(0.01, 0.9), st.floats(0.01, 100), st.floats(0, 0.9), st.booleans())


@given(BASELINES, QUESTIONS, st.floats(0.001, 0.1))
def test_the_smallest_lift_is_the_inverse_of_the_users(
    baseline: Baseline, question: Question, lift: float
) -> None:
    users = compute_control_users(baseline, lift, question)
    assert find_smallest_lift(baseline, users, question) == pytest.approx(lift, rel=1e-6)


@given(BASELINES, QUESTIONS)
def test_larger_effects_and_less_power_need_fewer_users(baseline: Baseline, question: Question) -> None:
    users = compute_control_users(baseline, 0.05, question)
    assert compute_control_users(baseline, 0.06, question) < users
    assert compute_control_users(baseline, 0.05, replace(question, power=0.52)) < users
    assert compute_control_users(baseline, 0.05, replace(question, comparisons=7)) > users
    assert compute_control_users(baseline, 0.05, replace(question, guardrails=5)) > users


def test_a_guardrail_is_one_sided_and_shares_the_power() -> None:
    baseline = Baseline(10.0, 25.0)
    alone = Question(is_sequential=False, guardrails=0)
    # (1.644853627 + 0.8416212336)² · 25 · (0.95² + 1) / (0.05 · 10)²
    assert compute_guardrail_users(baseline, 0.05, alone) == pytest.approx(1176.2315, abs=1e-4)
    two = Question(is_sequential=False, guardrails=2)
    assert two.z_power == pytest.approx(1.5010859460, rel=1e-9)  # of 1 − 0.2 / 3
    assert compute_guardrail_users(baseline, 0.05, two) > compute_guardrail_users(baseline, 0.05, alone)
    assert compute_guardrail_users(baseline, 0.05, alone, "down") > 1176.3


@pytest.mark.parametrize(
    ("baseline", "lift", "message"),
    [
        (Baseline(0.0, 1.0), 0.05, "a lift needs one above 0"),
        (Baseline(-1.0, 1.0), 0.05, "a lift needs one above 0"),
        (Baseline(1.0, 1.0), 0.0, "infinitely many"),
        (Baseline(0.9, 0.09, is_conversion=True), 0.5, "at most 1"),
    ],
)
def test_what_has_no_answer_says_why(baseline: Baseline, lift: float, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        compute_control_users(baseline, lift, FIXED)


def test_too_few_users_make_no_baseline() -> None:
    with pytest.raises(PlanError, match="1 users are too few"):
        read_baseline(metric(), Moments(metric(), [sums("all", 1, 3.0)]))


def test_no_rate_is_high_enough() -> None:
    assert find_smallest_lift(Baseline(0.9, 0.09, is_conversion=True), 20, FIXED) is None


@pytest.mark.parametrize(
    ("new_users", "needed", "window_days", "expected"),
    [
        ([100] * 30, 450, 0, Duration(10, 14, False)),  # 0.45 of 100 a day
        ([100] * 30, 450, 4, Duration(10, 14, False)),
        ([100] * 30, 450, 5, Duration(10, 21, False)),
        ([100] * 30, 451, 0, Duration(11, 14, False)),
        ([1_000, 0, 0, 0], 450, 0, Duration(1, 7, False)),
        ([100] * 4, 450, 14, Duration(10, 28, True)),
        ([500] * 3 + [10] * 7, 1_350, 0, Duration(153, 154, True)),
    ],
)
def test_days_until_the_plan(
    new_users: list[int], needed: float, window_days: int, expected: Duration
) -> None:
    found = find_duration(new_users, needed, share=0.45, window_seconds=window_days * 86_400)
    assert found == expected
    assert found.weeks * 7 == found.days


def test_nobody_comes_any_more() -> None:
    assert find_duration([], 10, share=1) is None
    assert find_duration([5] + [0] * 7, 10, share=1) is None


def test_users_after_some_days() -> None:
    assert count_users([10, 20, 30], 2, 0.5) == 15
    assert count_users([10, 20, 30], 5, 0.5) == 50
    assert count_users([], 5, 0.5) == 0
