"""From moments to decisions: what is corrected, what decides, and what nothing can be said about."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from realtime.analysis.model import Analysis, Moments, Sums
from tests.support.analysis import (
    analyze_moments,
    compare,
    design,
    find_check,
    metric,
    moments,
    planned,
    sums,
)
from tests.support.analysis_reference import SCALE, UserNumbers, add_up
from tests.support.golden_moments import make_design, read_golden


def test_the_golden_quarter_as_a_whole() -> None:
    golden = read_golden("q2")
    analysis = analyze_moments(make_design("q2"), list(golden.values()))
    revenue = compare(analysis, "capped-revenue")
    assert revenue.fixed is not None
    assert revenue.current is not None
    assert revenue.fixed.p_value == pytest.approx(0.395906326091, rel=1e-11)
    assert revenue.fixed.interval == pytest.approx((-1.22299495154, 0.483747069614), rel=1e-11)
    assert revenue.fixed.lift_interval == pytest.approx((-0.0871710142856, 0.0367205721129), rel=1e-11)
    assert revenue.lift == pytest.approx(13.2389437852 / 13.6085677262 - 1, rel=1e-9)
    assert revenue.current.p_value == 1
    assert analysis.progress == 23_570 / 20_000
    [result] = [one for one in analysis.metrics if one.metric.key == "capped-revenue"]
    assert result.theta == pytest.approx(0.296080215073, rel=1e-11)
    assert result.cap == 219.71
    assert result.variants["control"].mean == pytest.approx(13.6085677262, rel=1e-11)
    assert {check.code: check.status for check in analysis.checks if check.status != "ok"} == {}


def test_fixed_numbers_wait_for_the_plan_or_for_being_asked() -> None:
    measured = [moments(metric(), control=(1_000, 10.0), treatment=(1_000, 10.2))]
    for fields, is_shown, is_marked in (
        ({"planned_users": 2_001}, False, False),
        ({"planned_users": 2_000}, True, False),
        ({}, False, False),
        ({"is_fixed_asked": True}, True, True),
        ({"planned_users": 2_001, "is_fixed_asked": True}, True, True),
    ):
        comparison = compare(analyze_moments(design(**fields), measured))
        assert (comparison.fixed is not None) == is_shown
        assert ("the fixed-horizon numbers are valid for one look only" in comparison.notes) == is_marked
        assert comparison.current is not None
        if comparison.fixed is not None:
            assert comparison.current.interval.lower is not None
            assert comparison.fixed.interval.lower is not None
            assert comparison.current.interval.lower < comparison.fixed.interval.lower


def test_a_fixed_design_says_nothing_before_its_plan() -> None:
    measured = [moments(metric(), control=(1_000, 10.0), treatment=(1_000, 12.0))]
    early = compare(analyze_moments(design(is_sequential=False, planned_users=9_000), measured))
    assert (early.current, early.fixed, early.decision) == (None, None, "undecided")
    assert early.difference == pytest.approx(2)
    for fields in ({"planned_users": 2_000}, {"is_fixed_asked": True}):
        late = compare(analyze_moments(design(is_sequential=False, **fields), measured))
        assert late.current == late.fixed
        assert late.decision == "better"


def test_primaries_and_treatments_share_alpha() -> None:
    orders, shares = metric("orders", aggregate="count"), {"control": 1 / 3, "b": 1 / 3, "c": 1 / 3}
    plan = design(planned(), planned(orders), planned(metric("more"), "secondary"), shares=shares)
    groups = {"control": (1_000, 10.0), "b": (1_000, 10.0), "c": (1_000, 10.0)}
    analysis = analyze_moments(
        plan, [moments(metric(), **groups), moments(orders, **groups), moments(metric("more"), **groups)]
    )
    assert [one.alpha for result in analysis.metrics for one in result.comparisons] == [
        *[0.0125] * 4,
        *[0.05] * 2,
    ]


def test_the_direction_of_a_metric_decides_what_is_better() -> None:
    for better, decision in (("up", "better"), ("down", "worse")):
        document = metric(better=better)
        measured = [moments(document, control=(5_000, 10.0), treatment=(5_000, 10.5))]
        comparison = compare(analyze_moments(design(planned(document)), measured))
        assert comparison.decision == decision
        assert comparison.chance_to_beat == pytest.approx(1 if better == "up" else 0, abs=1e-9)


@pytest.mark.parametrize(
    ("mean", "deviation", "decision"),
    [(10.0, 1.0, "no_difference_that_matters"), (10.0, 20.0, "undecided"), (10.15, 1.0, "better")],
)
def test_a_minimum_effect(mean: float, deviation: float, decision: str) -> None:
    document = metric(minimum_effect=0.02)
    measured = [moments(document, control=(10_000, 10.0, deviation), treatment=(10_000, mean, deviation))]
    assert compare(analyze_moments(design(planned(document)), measured)).decision == decision


@pytest.mark.parametrize("better", ["up", "down"])
@pytest.mark.parametrize(
    ("change", "decision"), [(0.0, "holds"), (-0.02, "holds"), (-0.05, "undecided"), (-0.09, "fails")]
)
def test_a_guardrail_is_proven_or_broken(better: str, change: float, decision: str) -> None:
    sign = 1 if better == "up" else -1
    document = metric("refunds", better=better)
    plan = design(planned(document, "guardrail", 0.05), planned_users=20_000)
    treated = 10 * (1 + sign * change)
    measured = [moments(document, control=(10_000, 10.0, 5.0), treatment=(10_000, treated, 5.0))]
    comparison = compare(analyze_moments(plan, measured), "refunds")
    assert comparison.decision == decision
    assert comparison.alpha == 0.1
    assert comparison.current is not None
    assert comparison.current.p_value is not None
    lift = comparison.current.lift_interval
    assert lift is not None
    assert lift.lower is not None
    assert lift.upper is not None
    nearer_end = lift.lower if better == "up" else -lift.upper
    assert (nearer_end > -0.05) == (comparison.current.p_value < 0.05) == (decision == "holds")


def test_a_guardrail_at_one_look_is_the_one_sided_test() -> None:
    document = metric("refunds")
    plan = design(planned(document, "guardrail", 0.1), is_sequential=False, is_fixed_asked=True)
    measured = [moments(document, control=(200, 10.0, 6.0), treatment=(300, 9.6, 5.0))]
    comparison = compare(analyze_moments(plan, measured), "refunds")
    assert comparison.current is not None
    # scipy.stats.t.sf((9.6 - 0.9 * 10) / sqrt(25 / 300 + 0.81 * 36 / 200), 372.7…): Welch degrees
    assert comparison.current.p_value == pytest.approx(0.105413762806, rel=1e-10)


def test_secondaries_are_decided_together() -> None:
    documents = [metric(f"m{number}") for number in range(4)]
    plan = design(
        *(planned(document, "secondary") for document in documents), is_sequential=False, is_fixed_asked=True
    )
    error = math.sqrt(2 / 1_000)
    z_values = [2.6, 2.2, 2.25, 0.3]  # p: 0.009, 0.028, 0.025, 0.76; alone, three would be significant
    measured = [
        moments(document, control=(1_000, 5.0), treatment=(1_000, 5 + z * error))
        for document, z in zip(documents, z_values, strict=True)
    ]
    assert list_decisions(analyze_moments(plan, measured)) == ["better", "better", "better", "undecided"]
    weaker = analyze_moments(plan, [measured[3], *measured[1:]])
    assert list_decisions(weaker) == ["undecided"] * 4


@pytest.mark.parametrize(
    ("control", "treatment", "reason"),
    [
        (sums("control", 99, 0.5, 0.5), sums("treatment", 120, 0.6, 0.5), "99 users"),
        (sums("control", 500, 0.5, 0.5), sums("treatment", 500, 0.6, 0.5, converted=9), "9 users have"),
        (sums("control", 500, 0.5, 0.5, converted=491), sums("treatment", 500, 0.9), "0 users do not"),
    ],
)
def test_few_users_give_numbers_and_no_decision(control: Any, treatment: Any, reason: str) -> None:
    document = metric(aggregate="conversion")
    analysis = analyze_moments(design(planned(document)), [Moments(document, [control, treatment])])
    comparison = compare(analysis)
    assert comparison.decision == "undecided"
    assert reason in comparison.notes[0]
    assert comparison.current is not None
    assert comparison.current.p_value is not None
    assert analysis.verdict.code == "keep_running"
    assert find_check(analysis, "low_counts") is not None


def test_segments_decide_nothing() -> None:
    document = metric()
    measured = [moments(document, control=(5_000, 10.0), treatment=(5_000, 11.0))]
    segments = [
        Moments(document, measured[0].sums, segment="DE"),
        Moments(document, [measured[0].sums[0]], segment="AT"),
    ]
    analysis = analyze_moments(design(), measured, segments=segments, by="country")
    assert compare(analysis).decision == "better"
    assert [one.decision for result in analysis.segments for one in result.comparisons] == ["undecided"] * 2
    assert analysis.segments[0].comparisons[0].current == compare(analysis).current
    assert analysis.segments[1].comparisons[0].difference is None


DEGENERATE: list[dict[str, Any]] = [
    {},
    {"control": (0, 0.0), "treatment": (0, 0.0)},
    {"control": (1, 3.0), "treatment": (1, 4.0)},
    {"control": (1, 3.0), "treatment": (500, 4.0)},
    {"control": (500, 3.0)},
    {"control": (500, 3.0, 0.0), "treatment": (500, 3.0, 0.0)},
    {"control": (500, 0.0, 0.0), "treatment": (500, 0.0, 0.0)},
    {"control": (500, 0.0), "treatment": (500, 4.0)},
    {"control": (500, -3.0), "treatment": (500, 4.0)},
]


@pytest.mark.parametrize("groups", DEGENERATE, ids=str)
@pytest.mark.parametrize(
    "fields", [{}, {"is_fixed_asked": True}, {"planned_users": 2}, {"is_sequential": False}]
)
def test_degenerate_inputs_give_nulls_and_a_note(groups: dict[str, Any], fields: dict[str, Any]) -> None:
    plan = design(planned(), planned(metric("refunds"), "guardrail", 0.1), **fields)
    analysis = analyze_moments(plan, [moments(metric(), **groups), moments(metric("refunds"), **groups)])
    comparison = compare(analysis)
    assert comparison.lift is None or groups["control"][1] > 0
    assert comparison.notes
    assert analysis.verdict.code in {"keep_running", "stop_data_problem", "do_not_ship", "ship"}


def test_what_each_edge_leaves() -> None:
    def one(**groups: Any) -> Any:
        return compare(analyze_moments(design(is_fixed_asked=True), [moments(metric(), **groups)]))

    nobody = one()
    assert (nobody.difference, nobody.se, nobody.current, nobody.fixed) == (None, None, None, None)
    single = one(control=(1, 3.0), treatment=(1, 4.0))
    assert (single.difference, single.se, single.current, single.lift) == (
        1,
        None,
        None,
        pytest.approx(1 / 3),
    )
    equal = one(control=(500, 3.0, 0.0), treatment=(500, 4.0, 0.0))
    assert (equal.difference, equal.se, equal.current) == (1, 0, None)
    nothing = one(control=(500, 0.0), treatment=(500, 4.0))
    assert (nothing.difference, nothing.lift) == (4, None)
    assert nothing.current.p_value < 0.05
    assert nothing.current.lift_interval is nothing.fixed.lift_interval is None
    noisy = one(control=(500, 0.01), treatment=(500, 0.02))
    assert (noisy.difference, noisy.lift) == (pytest.approx(0.01), None)


def test_one_variant_has_means_only() -> None:
    analysis = analyze_moments(design(shares={"control": 1.0}), [moments(metric(), control=(500, 3.0))])
    [result] = analysis.metrics
    assert result.comparisons == []
    assert result.variants["control"].mean == 3
    assert (analysis.verdict.code, analysis.progress) == ("keep_running", None)


def test_a_planned_variant_without_users_stays() -> None:
    plan = design(shares={"control": 0.4, "b": 0.4, "c": 0.2})
    analysis = analyze_moments(plan, [moments(metric(), control=(500, 3.0), b=(500, 3.0))])
    assert list(analysis.metrics[0].variants) == ["control", "b", "c"]
    assert compare(analysis, treatment="c").difference is None
    assert analysis.verdict.code == "stop_data_problem"


USER = st.tuples(*[st.integers(-50, 50)] * 4)
GROUP = st.lists(USER, max_size=12) | st.lists(USER, min_size=1, max_size=8).map(lambda users: 110 * users)
RATIO = MetricDocument.model_validate(
    {"key": "value", "numerator": {"event": "a", "aggregate": "sum"}, "denominator": {"event": "a"}}
    | {"pre_period": "7d"}
)
METRICS = st.sampled_from(
    [
        metric(),
        metric(pre_period="7d", minimum_effect=0.5),
        metric(aggregate="conversion"),
        metric(aggregate="count", better="down", pre_period="1d"),
        RATIO,
    ]
)


@given(
    st.data(),
    st.lists(st.tuples(METRICS, st.sampled_from(["primary", "guardrail", "secondary"])), max_size=3),
    st.sampled_from([1, 2, 3]),
    st.builds(
        dict,
        is_sequential=st.booleans(),
        is_fixed_asked=st.booleans(),
        planned_users=st.none() | st.integers(2, 300),
        alpha=st.floats(0.001, 0.49),
    ),
)
def test_any_sums_give_an_analysis(
    data: st.DataObject, metrics: list[tuple[MetricDocument, Any]], variants: int, fields: dict[str, Any]
) -> None:
    shares = dict.fromkeys(["control", "b", "c"][:variants], 1 / variants)
    plan = design(
        *(planned(one, role, 0.1 if role == "guardrail" else None) for one, role in metrics),
        shares=shares,
        **fields,
    )
    measured = [
        Moments(one.metric, [_draw_sums(data, variant) for variant in shares]) for one in plan.metrics
    ]
    analysis = analyze_moments(plan, measured)
    for number in _list_numbers(asdict(analysis)):
        assert math.isfinite(number)
    for result in analysis.metrics:
        for one in result.comparisons:
            for inference in (one.current, one.fixed):
                assert inference is None or inference.p_value is None or 0 <= inference.p_value <= 1
            assert one.decision == "undecided" or one.current is not None


def list_decisions(analysis: Analysis) -> list[str]:
    return [one.decision for result in analysis.metrics for one in result.comparisons]


def _draw_sums(data: st.DataObject, variant: str) -> Sums:
    users = data.draw(GROUP)
    return add_up(variant, [UserNumbers(variant, *(number * SCALE for number in user)) for user in users])


def _list_numbers(value: Any) -> list[float]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [number for one in value for number in _list_numbers(one)]
    return [float(value)] if isinstance(value, int | float | Fraction) else []
