"""When the numbers are not to be believed."""

from fractions import Fraction
from typing import Any

import pytest

from realtime.analysis.model import Analysis, Census, Check, EventCounts, Moments, Users
from tests.support.analysis import (
    analyze_moments,
    census,
    compare,
    design,
    find_check,
    metric,
    moments,
    planned,
    sums,
)

USERS = {"control": 5_000, "treatment": 5_000}


def run(check: str, **fields: Any) -> Check:
    found = find_check(analyze(**fields), check)
    assert found is not None, check
    return found


def analyze(**fields: Any) -> Analysis:
    plan = fields.pop("plan", design())
    measured = fields.pop("measured", [moments(metric(), control=(5_000, 10.0), treatment=(5_000, 10.5))])
    return analyze_moments(plan, measured, **({"census": census(USERS)} | fields))


def test_nothing_is_wrong() -> None:
    analysis = analyze()
    assert {check.status for check in analysis.checks} == {"ok"}
    assert analysis.verdict.code == "ship"


def test_60_percent_of_one_variant_are_missing() -> None:
    analysis = analyze(census=census({"control": 5_000, "treatment": 2_000}))
    check = find_check(analysis, "split")
    assert check is not None
    assert check.status == "alarm"
    assert "control 71.4% of 50.0%, treatment 28.6% of 50.0%" in check.message
    assert analysis.verdict.code == "stop_data_problem"
    assert check.message in analysis.verdict.sentence


@pytest.mark.parametrize(("treatment", "status"), [(5_334, "ok"), (5_335, "alarm")])
def test_the_split_alarms_below_a_p_value_of_a_thousandth(treatment: int, status: str) -> None:
    check = run("split", census=census({"control": 5_000, "treatment": treatment}))
    assert check.status == status
    assert isinstance(check.facts["p_value"], float)
    assert (check.facts["p_value"] < 0.001) == (status == "alarm")


@pytest.mark.parametrize(
    ("archived", "status"),
    [
        ({"control": 900, "treatment": 1_000}, "ok"),
        ({"control": 891, "treatment": 990}, "note"),
        ({"control": 800, "treatment": 890}, "warning"),
        ({"control": 900, "treatment": 400}, "alarm"),
        ({"control": 900, "treatment": 1_600}, "alarm"),
        ({"control": 900}, "alarm"),
        ({}, "warning"),
    ],
)
def test_what_was_counted_is_in_the_archive(archived: dict[str, int], status: str) -> None:
    counters = {"purchase": {"control": 900, "treatment": 1_000}, "refund": {"control": 1}}
    analysis = analyze(counts=EventCounts(counters, {"purchase": archived}))
    check = find_check(analysis, "archive_complete")
    assert check is not None
    assert check.status == status
    assert (analysis.verdict.code == "stop_data_problem") == (status == "alarm")


def test_assigned_users_are_compared_with_the_census() -> None:
    def check(assigned: dict[str, int], **fields: Any) -> str:
        counts = EventCounts({"$assigned": assigned}, {})
        return run("archive_complete", counts=counts, **fields).status

    assert check(USERS) == "ok"
    assert check({"control": 5_000, "treatment": 5_600}) == "alarm"
    assert check({"control": 5_000, "treatment": 5_600}, plan=design(since=1.0)) == "ok"  # not all of them
    moved = Census([Users("control", 5_000, moved=600), Users("treatment", 5_000)])
    assert check({"control": 4_400, "treatment": 5_600}, census=moved) == "ok"


def test_users_who_moved_are_shown() -> None:
    moved = Census([Users("control", 5_000, moved=1), Users("treatment", 5_000, moved=2)])
    check = run("moved", census=moved)
    assert (check.status, check.facts["moved"]) == ("note", {"control": 1, "treatment": 2})


@pytest.mark.parametrize(("shift", "status"), [(0.05, "ok"), (0.1, "alarm")])
def test_the_time_before_does_not_differ(shift: float, status: str) -> None:
    document = metric(pre_period="7d")

    def with_pre_period(variant: str, mean: float) -> Any:
        one = sums(variant, 5_000, 10.0)
        before = sums(variant, 5_000, mean)
        return one._replace(
            totals=dict(one.totals) | {"x": before.totals["y"]},
            products=dict(one.products)
            | {"xx": before.products["yy"], "yx": one.totals["y"] * before.totals["y"] / 5_000},
        )

    measured = [
        Moments(document, [with_pre_period("control", 3.0), with_pre_period("treatment", 3.0 + shift)])
    ]
    analysis = analyze(plan=design(planned(document)), measured=measured)
    check = find_check(analysis, "pre_period")
    assert check is not None
    assert check.status == status
    assert (analysis.verdict.code == "stop_data_problem") == (status == "alarm")
    assert find_check(analyze(), "pre_period") is None


def test_one_user_with_a_tenth_of_a_sum() -> None:
    control, treatment = (sums(variant, 5_000, 10.0) for variant in USERS)
    for largest, is_outlier in ((5_000, False), (5_001, True)):
        measured = [Moments(metric(), [control, treatment._replace(largest=Fraction(largest))])]
        check = find_check(analyze(measured=measured), "outlier")
        assert (check is not None) == is_outlier
    assert check is not None
    assert check.status == "warning"
    assert "10.0% of revenue in treatment" in check.message
    assert "cap" in check.message


def test_an_effect_too_good_to_be_true() -> None:
    for mean, is_doubted in ((14.9, False), (15.1, True), (4.9, True)):
        measured = [moments(metric(), control=(5_000, 10.0), treatment=(5_000, mean))]
        check = find_check(analyze(measured=measured), "twyman")
        assert (check is not None) == is_doubted
        assert check is None or check.status == "warning"
    few = [moments(metric(), control=(50, 10.0), treatment=(50, 15.1))]
    assert run("twyman", measured=few).status == "note"


def test_what_is_left_out_is_shown() -> None:
    waiting = moments(metric(), control=(5_000, 10.0), treatment=(5_000, 10.5))
    measured = [Moments(metric(), waiting.sums, waiting=12, currencies={"USD": 3, "": 1})]
    left_out = Census(census(USERS).users, 1, 2, events_before_anchor=3, late_duplicates=4, unreadable=5)
    analysis = analyze(measured=measured, census=left_out, changes=["cap of revenue: 0.99, was none"])
    found = {check.code: (check.status, check.message) for check in analysis.checks if check.status != "ok"}
    assert {code: status for code, (status, _) in found.items()} == {
        "waiting": "note",
        "currencies": "warning",
        "changed_after_start": "warning",
        "events_before_anchor": "note",
        "unassigned": "note",
        "left_out": "note",
        "late_duplicates": "note",
        "unreadable": "warning",
    }
    assert "12 for revenue" in found["waiting"][1]
    assert "4 events of revenue (USD, none)" in found["currencies"][1]
    assert "cap of revenue: 0.99, was none" in found["changed_after_start"][1]
    assert analysis.verdict.code == "ship"
    assert found["changed_after_start"][1] in analysis.verdict.reasons


def test_events_of_before_the_anchor_only() -> None:
    document = metric()
    nothing = [Moments(document, [sums(variant, 5_000, 0.0, 0.0, converted=0) for variant in USERS])]
    early = Census(census(USERS).users, events_before_anchor=9_000)
    analysis = analyze(measured=nothing, census=early)
    check = find_check(analysis, "events_before_anchor")
    assert check is not None
    assert check.status == "warning"
    assert "Try another --anchor" in check.message
    assert compare(analysis).difference == 0
