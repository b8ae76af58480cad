"""From published versions to a design: defaults, roles, splits, and what was changed after the first user."""

from typing import Any

import pytest

from chalicelib.domain.definitions.analysis_schema import AnalysisDocument, MetricDocument
from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.errors import NotFound
from chalicelib.domain.publishing.documents import build_row, parse_document
from realtime.analysis.changes_after_start import list_changes_after_start
from realtime.analysis.checks import run_checks
from realtime.analysis.design import Options, find_published, make_design
from realtime.analysis.model import Census, Design, Users
from realtime.analysis.split_periods import check_split_periods, find_split
from realtime.testing.stores import MemoryDefinitions
from tests.support.experiments import document, shares

DAY = 86_400.0
START = 1_800_100_800.0  # 2027-01-16T12:00Z
REVENUE = {"key": "revenue", "event": "purchase", "aggregate": "sum", "window": "14d"}
ORDERS = {"key": "orders", "event": "purchase"}
PLAN = {"primary": ["revenue"], "secondary": ["orders"], "metrics": [REVENUE, ORDERS]}


def publish(*versions: dict[str, Any]) -> list[DefinitionRow]:
    """One version a day from START on; newest first."""
    definitions = MemoryDefinitions()
    for number, fields in enumerate(versions):
        row = build_row(parse_document("experiment", document(**{"metrics": ["purchase"], **fields})))
        definitions.publish([row], number, START + number * DAY)
    return definitions.get_history("experiment", "checkout")


def design(*versions: dict[str, Any], **options: Any) -> Design:
    history = publish(*versions)
    return make_design(find_published("checkout", history), history, START + 90 * DAY, Options(**options))


def changes(*versions: dict[str, Any], first: float | None = START, **options: Any) -> list[str]:
    history = publish(*versions)
    return list_changes_after_start(find_published("checkout", history), history, first, Options(**options))


def metric(**fields: Any) -> MetricDocument:
    return MetricDocument.model_validate(fields)


def list_roles(made: Design) -> list[tuple[str, str, float | None]]:
    return [(each.metric.key, each.role, each.margin) for each in made.metrics]


def test_a_plan_becomes_a_design() -> None:
    plan = {
        "control": "treatment",
        "anchor": "view",
        "guardrails": [{"metric": "refunds", "margin": 0.1}],
        "alpha": 0.01,
        "sequential": False,
        "planned_users": 500,
    }
    metrics = [REVENUE, ORDERS, {"key": "refunds", "event": "refund"}]
    made = design(
        {
            "id": "exp-1",
            "iteration": 3,
            "overrides": {"qa": "control"},
            "analysis": PLAN | plan | {"metrics": metrics},
        },
        since=1.0,
    )
    assert (made.experiment_key, made.experiment_id, made.iteration, made.version) == (
        "checkout",
        "exp-1",
        3,
        1,
    )
    assert (made.control, made.treatments, made.anchor) == ("treatment", ("control",), "view")
    assert list_roles(made) == [
        ("revenue", "primary", None),
        ("refunds", "guardrail", 0.1),
        ("orders", "secondary", None),
    ]
    assert (made.alpha, made.power, made.is_sequential, made.planned_users) == (0.01, 0.8, False, 500)
    assert (made.left_out, made.since, made.until) == (frozenset({"qa"}), 1.0, None)
    assert made.shares == {"control": 0.5, "treatment": 0.5}


@pytest.mark.parametrize(
    ("counted", "anchor"), [(["purchase"], "assignment"), (["purchase", "exposure"], "exposure")]
)
def test_the_anchor_is_the_exposure_where_it_is_counted(counted: list[str], anchor: str) -> None:
    assert design({"metrics": counted, "analysis": PLAN}).anchor == anchor
    assert design({"metrics": counted}).anchor == anchor
    assert design({"metrics": counted}, anchor="view").anchor == "view"


def test_without_a_plan_the_counted_types_are_shown_and_decide_nothing() -> None:
    made = design({"metrics": ["Order Completed", "purchase", "exposure", "Order/Completed", "§"]})
    assert list_roles(made) == [
        (key, "secondary", None)
        for key in (
            *("Order-Completed-users", "Order-Completed-sum"),
            *("Order-Completed-2-users", "Order-Completed-2-sum"),
            *("purchase-users", "purchase-sum"),
            *("event-users", "event-sum"),
        )
    ]
    assert [each.metric.aggregate for each in made.metrics[:2]] == ["conversion", "sum"]


def test_the_metrics_of_a_file_take_the_place_of_the_frozen_ones() -> None:
    mine = metric(key="revenue", event="purchase", aggregate="sum", window="30d")
    added = metric(key="big", event="purchase", where={"size": "L"})
    made = design({"analysis": PLAN}, metrics={"big": added, "revenue": mine})
    assert list_roles(made) == [("revenue", "primary", None), ("big", "secondary", None)]
    assert made.metrics[0].metric.window == "30d"
    said = changes({"analysis": PLAN}, first=None, metrics={"big": added, "revenue": mine})
    assert said == [
        "this analysis measures otherwise than planned: revenue",
        "this analysis leaves out planned metrics: orders",
    ]
    assert list_roles(design({}, metrics={"big": added})) == [("big", "secondary", None)]


def test_the_plan_of_a_file_is_used_and_said() -> None:
    analysis = AnalysisDocument.model_validate({"primary": ["big"], "planned_users": 900})
    options: Any = {"metrics": {"big": metric(key="big", event="purchase")}, "analysis": analysis}
    made = design({"analysis": PLAN}, **options)
    assert (list_roles(made), made.planned_users) == ([("big", "primary", None)], 900)
    assert "by its file, planned_users was changed from null to 900" in changes({"analysis": PLAN}, **options)


def test_a_control_without_users_is_refused() -> None:
    plan = {"control": "old"}
    with pytest.raises(ValueError, match=r"the control old gets no users: name another as analysis\.control"):
        design({"variants": shares(old=0.0, a=0.5, b=0.5), "analysis": plan})


def test_a_removed_experiment_has_its_last_version() -> None:
    history = publish({"analysis": PLAN})
    removed = DefinitionRow("experiment", "checkout", "", "removed", 2)
    assert find_published("checkout", [removed, *history]).version == 1
    with pytest.raises(NotFound):
        find_published("checkout", [removed])


# What was changed after the first user


def test_nothing_was_changed_of_a_plan_that_stays() -> None:
    active = {"analysis": PLAN}
    assert changes({"status": "draft"}, active, first=START + DAY) == []
    assert changes(active, active | {"status": "paused"}) == []
    assert changes(active, {"analysis": PLAN | {"alpha": 0.1}}, first=None) == []  # nobody yet


def test_each_change_after_the_first_user_is_said_with_its_version() -> None:
    longer = {"analysis": PLAN | {"metrics": [REVENUE | {"window": "30d"}, ORDERS]}}
    back = {"analysis": PLAN | {"planned_users": 500}}
    assert changes({"analysis": PLAN}, longer, back, first=START + DAY / 2) == [
        'metrics.revenue.window was changed from "14d" to "30d" in version 2 (2027-01-17T12:00Z)',
        "planned_users was changed from null to 500 in version 3 (2027-01-18T12:00Z)",
        'metrics.revenue.window was changed from "30d" to "14d" in version 3 (2027-01-18T12:00Z)',
    ]
    assert len(changes({"analysis": PLAN}, longer, back, first=START + 1.5 * DAY)) == 2
    assert changes({"analysis": PLAN}, longer, back, first=START + 3 * DAY) == []


def test_a_metric_that_was_added_or_removed_is_said() -> None:
    fewer = {"primary": ["revenue"], "metrics": [REVENUE]}
    texts = changes({"analysis": PLAN}, {"analysis": fewer}, {"analysis": PLAN})
    assert "metrics.orders was removed in version 2 (2027-01-17T12:00Z)" in texts
    assert "metrics.orders was added in version 3 (2027-01-18T12:00Z)" in texts


def test_a_whole_analysis_that_came_late_is_said_in_one_sentence() -> None:
    assert changes({}, {"analysis": PLAN}) == ["the analysis was added in version 2 (2027-01-17T12:00Z)"]
    assert changes({"analysis": PLAN}, {}) == ["the analysis was removed in version 2 (2027-01-17T12:00Z)"]


def test_users_older_than_the_first_version_are_of_a_replay() -> None:
    assert changes({"analysis": PLAN}, first=0.0) == []


def test_another_iteration_is_another_plan() -> None:
    restarted = {"iteration": 2, "analysis": PLAN | {"alpha": 0.1}}
    assert changes({"analysis": PLAN}, restarted, first=START + 2 * DAY) == []
    assert changes({"analysis": PLAN}, restarted, first=START) == []


def test_another_anchor_than_planned_is_said() -> None:
    assert changes({"analysis": PLAN}, anchor="view") == [
        "this analysis has the anchor view, where assignment was planned"
    ]
    assert changes({}, anchor="view") == []


# A split that was changed


def census(control: dict[str, int], treatment: dict[str, int], first: float, last: float) -> Census:
    both = {"control": control, "treatment": treatment}
    users = [Users(variant, sum(by_day.values()), 0, by_day) for variant, by_day in both.items()]
    return Census(users, first_anchor=first, last_anchor=last)


EVEN, UNEVEN = shares(control=0.5, treatment=0.5), shares(control=0.2, treatment=0.8)
HALF, MOST = {"2027-01-16": 500}, {"2027-01-16": 495}


def test_one_split_is_no_period() -> None:
    made = design({}, {"status": "paused"})
    assert made.periods == ()
    assert check_split_periods(made, census(HALF, MOST, START, START + DAY)) is None


def test_each_period_is_tested_against_its_own_split() -> None:
    made = design({"variants": EVEN}, {"variants": UNEVEN})
    assert made.shares == pytest.approx({"control": 0.2, "treatment": 0.8})
    good = census(
        HALF | {"2027-01-18": 210, "2027-01-17": 999}, MOST | {"2027-01-18": 790}, START, START + 3 * DAY
    )
    check = check_split_periods(made, good)
    assert check is not None
    assert check.status == "warning"
    assert run_checks(made, good, [], [])[0] == check
    assert check.facts["degrees"] == 2
    # χ² of 500 : 495 by halves and of 210 : 790 by 20 : 80; the day of the change is left out
    assert check.facts["chi_square"] == pytest.approx(2 * 2.5**2 / 497.5 + 100 / 200 + 100 / 800)
    bad = census(HALF | {"2027-01-18": 400}, MOST | {"2027-01-18": 400}, START, START + 3 * DAY)
    check = check_split_periods(made, bad)
    assert check is not None
    assert check.status == "alarm"


def test_users_of_one_period_only_are_tested_by_its_split() -> None:
    made = design({"variants": EVEN}, {"variants": UNEVEN})
    early = census(HALF, MOST, START, START + DAY / 2)
    assert check_split_periods(made, early) is None
    assert find_split(made, early).shares == pytest.approx({"control": 0.5, "treatment": 0.5})
    assert run_checks(made, early, [], [])[0].status == "ok"
    assert find_split(made, Census(())).shares == made.shares


def test_exposures_of_a_changed_split_are_not_tested_and_that_is_said() -> None:
    made = design({"variants": EVEN}, {"variants": UNEVEN}, anchor="exposure")
    check = check_split_periods(made, census(HALF, MOST, START, START + 3 * DAY))
    assert check is not None
    assert (check.status, check.facts.get("p_value")) == ("warning", None)
    assert "cannot be tested by exposure" in check.message


def test_too_few_users_are_said() -> None:
    made = design({"variants": EVEN}, {"variants": UNEVEN})
    check = check_split_periods(made, census({"2027-01-16": 1}, {}, START, START + 3 * DAY))
    assert check is not None
    assert check.status == "note"
