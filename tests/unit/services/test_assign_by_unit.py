"""Experiments divided by accounts, holdouts that are recorded, scheduled changes, and winners."""

from typing import Any

import pytest

from chalicelib.domain.errors import InvalidInput
from tests.support.assigner import DAY, NOW, Container
from tests.support.experiments import published

AT = "2027-01-16T08:00:00Z"  # a day after NOW
BY_ACCOUNT: dict[str, Any] = {"unit": "account.id"}


def in_account(container: Container, account: Any, user: str = "u", **context: Any) -> dict[str, Any]:
    return container.assign(user, account={"id": account}, **context)


def test_users_of_one_account_have_one_row_and_one_variant() -> None:
    container = Container(published(**BY_ACCOUNT))
    answers = [in_account(container, "acme", f"u{n}") for n in range(20)]
    assert len({answer["variant"] for answer in answers}) == 1
    assert len({answer["assignment_id"] for answer in answers}) == 1
    assert [*container.rows.rows] == [("checkout", "acme")]
    assert [answer["reason"] for answer in answers[:2]] == ["ASSIGNED", "STICKY"]
    accounts = {in_account(container, f"a{n}")["variant"] for n in range(40)}
    assert accounts == {"control", "treatment"}


def test_the_first_unit_that_is_there_counts() -> None:
    container = Container(published(unit=["account.id", "user_id"]))
    in_account(container, "acme", "ada")
    container.assign("ada")
    assert [*container.rows.rows] == [("checkout", "acme"), ("checkout", "ada")]
    no_units: list[Any] = ["", None, 1.5, []]
    for empty in no_units:
        in_account(container, empty, "ada")
    assert len(container.rows.rows) == 2


def test_without_the_unit_the_error_names_it() -> None:
    container = Container(published(**BY_ACCOUNT))
    with pytest.raises(InvalidInput) as caught:
        container.assign("ada")
    assert caught.value.details[0].path == "context.account.id"
    assert container.assign_many("checkout")["checkout"]["error"]["code"] == "targeting_key_missing"
    assert container.rows.rows == {}


def test_a_missing_unit_may_mean_nobody() -> None:
    container = Container(published(unit={"of": "account.id", "missing": "exclude"}))
    assert container.assign("ada")["reason"] == "NOT_IN_TRAFFIC"
    assert container.rows.rows == {}


def test_a_user_whose_id_is_an_accounts_does_not_get_the_accounts_row() -> None:
    unit = {"of": "account.id", "missing": "exclude"}
    container = Container(published(unit=unit))
    in_account(container, "same", "other")
    assert container.assign("same")["variant"] is None


def test_an_override_names_a_user_whatever_the_unit_is() -> None:
    container = Container(published(overrides={"ada": "treatment"}, **BY_ACCOUNT))
    assert container.assign("ada")["reason"] == "OVERRIDE"


# Holdouts.


def held_out(share: float = 0.5, **more: Any) -> dict[str, Any]:
    return {"holdout": {"key": "q1", "share": share, "measured": True} | more}


def test_who_is_held_out_is_recorded_once_and_told_nothing() -> None:
    container = Container(published(**held_out(1.0)))
    answer = container.assign()
    assert (answer["variant"], answer["reason"], answer["assignment_id"]) == (None, "HOLDOUT", None)
    assert container.rows.rows["checkout", "u"].variant == "$holdout"
    assert container.take_calls() == {"get": 1, "put": 1}
    assert container.assign() == answer | {"timestamp": container.assign()["timestamp"]}
    assert container.take_calls() == {}
    assert container.assign_many()["checkout"]["reason"] == "HOLDOUT"
    other = Container(beside=container)
    other.assign()
    assert other.take_calls() == {"get": 1}


def test_the_share_is_held_out_and_the_others_are_assigned() -> None:
    container = Container(published(**held_out(0.3)))
    for number in range(2_000):
        container.assign(f"u{number}")
    recorded = [row.variant for row in container.rows.rows.values()]
    assert abs(recorded.count("$holdout") / 2_000 - 0.3) < 0.04
    assert len(recorded) == 2_000


def test_a_holdout_that_is_not_measured_costs_no_call() -> None:
    container = Container(published(**held_out(1.0, measured=False)))
    container.assign()
    assert container.take_calls() == {}


def test_who_is_released_is_assigned() -> None:
    container = Container(published(**held_out(1.0)))
    container.assign()
    container.publish(published(**held_out(0.0)))
    container.now += DAY / 24
    assert container.assign()["reason"] in ("ASSIGNED", "REASSIGNED")
    assert container.rows.rows["checkout", "u"].variant in ("control", "treatment")


def test_the_event_of_an_assignment_to_the_holdout_says_so() -> None:
    container = Container(published(**held_out(1.0)))
    container.assign()
    (result,) = container.tracker.results
    assert result.decision.recorded == "$holdout"
    assert result.assignment_id


# Changes by the clock, and winners.


def test_a_change_is_in_force_from_its_time_on() -> None:
    change = {"at": AT, "set": {"status": "completed", "serve": "treatment"}}
    container = Container(published(changes=[change]))
    assert container.assign()["reason"] == "ASSIGNED"
    container.now = NOW + 2 * DAY
    assert {container.assign(f"u{n}")["variant"] for n in range(20)} == {"treatment"}
    assert container.assign()["reason"] == "WINNER"
    assert container.assign_many() == {}


def test_a_change_may_start_an_experiment() -> None:
    container = Container(published(status="draft", changes=[{"at": AT, "set": {"status": "active"}}]))
    assert container.assign()["reason"] == "DRAFT"
    container.now = NOW + 2 * DAY
    assert container.assign_many()["checkout"]["reason"] == "ASSIGNED"


def test_the_winner_serves_those_who_were_assigned_otherwise_too() -> None:
    container = Container(published())
    users = [f"u{n}" for n in range(20)]
    assert {container.assign(user)["variant"] for user in users} == {"control", "treatment"}
    container.publish(published(status="completed", serve="control"))
    container.now += DAY / 24
    assert {container.assign(user)["variant"] for user in users} == {"control"}


def test_an_alias_names_an_experiment_too() -> None:
    container = Container(published(alias="Kasse / 2027"), published("pricing"))
    answers = container.assign_many("Kasse / 2027", "pricing", "gone")
    assert [*answers] == ["Kasse / 2027", "gone", "pricing"]
    assert answers["Kasse / 2027"]["experiment_key"] == "checkout"
    assert container.assign(key="Kasse / 2027")["reason"] == "STICKY"
    assert container.assign_many("Kasse / 2027", "checkout")["checkout"]["reason"] == "STICKY"
