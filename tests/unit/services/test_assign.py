"""`/assign` and `/assign/batch`: answers, stored rows, calls to the store, and dead tables."""

import random
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import deadline
from chalicelib.api.assignments import render_assignments
from chalicelib.domain.assignment import make_assignment_id
from chalicelib.domain.definitions.model import MAX_BATCH, Assignment, Decision, Experiment
from chalicelib.domain.errors import InvalidInput, NotFound, StorageUnavailable, Throttled, TooLarge
from chalicelib.domain.reasons import Reason
from chalicelib.services.assignment_cache import AssignmentCache
from tests.support.assigner import DAY, NOW, TTL, Container, CountingAssignments
from tests.support.experiments import experiment, published, published_flag, shares

AT = "2027-01-15T08:00:00.500Z"


def find_user_in(variant: str, **fields: Any) -> str:
    """A user whom the hash puts into ``variant`` of an experiment with ``fields``."""
    container = Container(published(**fields))
    return next(
        name
        for name in (f"user-{number}" for number in range(1000))
        if container.assign(name)["variant"] == variant
    )


# answers


def test_a_new_user_gets_the_whole_answer_and_it_is_stored() -> None:
    container = Container(
        published(id="exp-1", variants=[{"key": "b", "allocation": 1.0, "payload": {"x": 1}}])
    )
    identity = make_assignment_id(experiment(id="exp-1"), "u")
    assert container.assign() == {
        "user_id": "u",
        "experiment_key": "checkout",
        "experiment_id": "exp-1",
        "variant": "b",
        "payload": {"x": 1},
        "assignment_id": identity,
        "timestamp": AT,
        "reason": "ASSIGNED",
    }
    assert container.rows.rows == {
        ("exp-1", "u"): Assignment("b", identity, NOW, 1, float(int(NOW + TTL)), 1)
    }


def test_a_known_user_gets_the_stored_assignment_with_its_own_time() -> None:
    container = Container(published())
    first = container.assign()
    container.now += DAY
    assert container.assign() == first | {"reason": "STICKY"}


def test_an_excluded_user_gets_a_reason_and_nothing_is_stored() -> None:
    container = Container(published(traffic_allocation=0.0))
    assert container.assign() == {
        "user_id": "u",
        "experiment_key": "checkout",
        "experiment_id": "checkout",
        "variant": None,
        "payload": None,
        "assignment_id": None,
        "timestamp": AT,
        "reason": "NOT_IN_TRAFFIC",
    }
    assert container.rows.rows == {}
    assert container.tracked == []


def test_an_override_is_answered_with_an_id_and_never_stored() -> None:
    container = Container(published(overrides={"u": "treatment"}))
    answer = container.assign()
    assert (answer["variant"], answer["reason"]) == ("treatment", "OVERRIDE")
    assert answer["assignment_id"] == make_assignment_id(experiment(), "u")
    assert "persisted" not in answer
    assert container.rows.rows == {}


def test_an_unknown_experiment_is_not_found() -> None:
    with pytest.raises(NotFound) as caught:
        Container().assign()
    assert caught.value.code == "experiment_not_found"


def test_ids_and_contexts_are_checked() -> None:
    container = Container(published())
    with pytest.raises(InvalidInput):
        container.assign("a\nb")
    with pytest.raises(InvalidInput):
        container.assigner.assign(42, "checkout", {}, NOW)  # type: ignore[arg-type] # as JSON may bring it
    with pytest.raises(TooLarge):
        container.assign(big="x" * 40_000)
    with pytest.raises(TooLarge):
        container.assign_many("checkout", big="x" * 40_000)
    assert container.rows.calls == {}


def test_rules_can_ask_for_the_user_id_and_the_callers_context_stays_as_it_is() -> None:
    rules = {
        "version": "1.0",
        "rules": [
            {
                "id": "me",
                "rule": {
                    "operator": "and",
                    "conditions": [{"attribute": "user_id", "operator": "eq", "value": "me"}],
                },
            }
        ],
    }
    container = Container(published(targeting_rules=rules))
    context = {"user_id": "another"}
    assert container.assigner.assign("me", "checkout", context, NOW).decision.reason == "ASSIGNED"
    assert (
        container.assigner.assign("you", "checkout", {"user_id": "me"}, NOW).decision.reason == "NOT_TARGETED"
    )
    assert context == {"user_id": "another"}


@pytest.mark.parametrize("user", ["ünï", "😀", "\u200b", " ", "0", "a#b", "x" * 1024])
def test_any_valid_id_is_assigned_and_recognised(user: str) -> None:
    container = Container(published())
    first = container.assign(user)
    assert Container(beside=container).assign(user) == first | {"reason": "STICKY"}


# calls to the store


def test_a_new_user_costs_two_calls_a_known_one_one_and_a_hot_one_none() -> None:
    container = Container(published())
    container.assign()
    assert container.take_calls() == {"get": 1, "put": 1}
    container.assign()
    assert container.take_calls() == {}
    second = Container(beside=container)
    second.assign()
    assert container.take_calls() == {"get": 1}
    second.assign()
    assert container.take_calls() == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "paused"},
        {"overrides": {"u": "control"}},
        {"holdout": {"key": "h", "share": 1.0}},
        {"start_at": "2030-01-01T00:00:00Z"},
    ],
)
def test_who_is_decided_before_the_row_costs_no_call(fields: dict[str, Any]) -> None:
    container = Container(published(**fields))
    container.assign()
    assert container.take_calls() == {}


def test_the_assignment_cache_is_bounded() -> None:
    cache = AssignmentCache(3)
    checkout = experiment()
    for number in range(5):
        cache.put(checkout, str(number), Assignment("v", "i", NOW))
        cache.get(checkout, "2")
    assert [number for number in range(5) if cache.get(checkout, str(number))] == [2, 3, 4]


def test_in_a_zipf_load_over_95_percent_of_look_ups_need_no_call() -> None:
    """10,000 users over 100 experiments and 100 flags, 100 requests a second, for five minutes and more."""
    keys = [f"e{number}" for number in range(100)]
    container = Container(*map(published, keys), *map(published_flag, keys))
    generator = random.Random(1)
    users = generator.choices(range(10_000), [1 / rank for rank in range(1, 10_001)], k=40_000)
    definitions = generator.choices(range(200), [1 / rank for rank in range(1, 201)], k=40_000)
    seen = set()
    for user, index in zip(users, definitions, strict=True):
        container.now += 0.01
        key = keys[index // 2]
        if index % 2:
            assert container.catalog.flags.get(key) is not None
        else:
            container.assign(f"user-{user}", key)
            seen.add((user, key))
    assert container.catalog.hit_rate() > 0.95
    assert container.take_calls()["get"] < 1.01 * len(seen)  # nearly every row is read once


# sticky, across containers and changes


def test_a_hot_user_obeys_a_kill_switch() -> None:
    container = Container(published())
    container.assign()
    container.publish(published(status="paused"))
    container.now += 6
    assert container.assign()["reason"] == "PAUSED"


def test_a_removed_variant_reassigns_and_every_container_agrees() -> None:
    user = find_user_in("control")
    container = Container(published())
    second = Container(beside=container)
    container.assign(user)
    second.assign(user)
    container.publish(published(variants=shares(treatment=1.0)))
    container.now, second.now = NOW + 10, NOW + 11
    assert container.assign(user)["reason"] == "REASSIGNED"
    again = second.assign(user)  # its cache has the old row
    assert (again["variant"], again["reason"]) == ("treatment", "STICKY")
    assert second.assign(user) == again


def test_an_expired_row_is_replaced() -> None:
    container = Container(published())
    first = container.assign()
    container.now += TTL + 1
    again = container.assign()
    assert again["reason"] == "ASSIGNED"
    assert again["timestamp"] > first["timestamp"]
    assert Container(beside=container).assign()["timestamp"] == again["timestamp"]


def test_a_new_iteration_is_stored_over_the_one_before() -> None:
    container = Container(published())
    first = container.assign()
    container.publish(published(iteration=2))
    container.now += 10
    again = container.assign()
    assert again["reason"] == "ASSIGNED"
    assert again["assignment_id"] != first["assignment_id"]
    assert Container(beside=container).assign()["assignment_id"] == again["assignment_id"]


def test_who_is_not_sticky_is_stored_anew_when_the_hash_moves() -> None:
    user = find_user_in("control")
    container = Container(published(sticky=False))
    container.assign(user)
    container.publish(published(sticky=False, variants=shares(control=0.0, treatment=1.0)))
    container.now += 10
    assert container.assign(user)["reason"] == "REASSIGNED"
    assert container.assign(user)["reason"] == "STICKY"


# races


def test_the_loser_of_a_race_answers_with_the_winners_row_and_reads_nothing_again() -> None:
    container = Container(published())
    winner = Assignment("treatment" if container.assign("x") else "", "winner", NOW - 1, 1, NOW + TTL)
    user = find_user_in("control")
    container.take_calls()

    class Raced(CountingAssignments):
        def put(
            self, experiment: Experiment, user_id: str, row: Assignment, replace: Assignment | None
        ) -> Assignment:
            self.rows.setdefault((experiment.id, user_id), winner)
            return super().put(experiment, user_id, row, replace)

    container.rows.__class__ = Raced
    answer = container.assign(user)
    assert (answer["variant"], answer["assignment_id"], answer["reason"]) == ("treatment", "winner", "STICKY")
    assert answer["timestamp"] == "2027-01-15T07:59:59.500Z"
    assert container.take_calls() == {"get": 1, "put": 1}
    assert container.assign(user) == answer
    assert container.take_calls() == {}


def test_a_winner_that_does_not_serve_any_more_is_replaced() -> None:
    container = Container(published())
    stale = Assignment("removed", "stale", NOW - 1, 1, NOW + TTL)
    container.rows.rows["checkout", "u"] = stale
    container.rows.get = lambda *_: None  # type: ignore[method-assign] # a read that is behind
    answer = container.assign()
    assert answer["reason"] == "ASSIGNED"
    assert container.rows.rows["checkout", "u"].assignment_id == answer["assignment_id"]


# a dead table


@pytest.mark.parametrize("error", [StorageUnavailable(), Throttled()])
def test_what_needs_the_row_cannot_be_decided_without_it(error: Exception) -> None:
    container = Container(published())
    container.rows.failing = {"get": error}
    with pytest.raises(type(error)):
        container.assign()
    assert container.tracked == []


@pytest.mark.parametrize("error", [StorageUnavailable(), Throttled()])
def test_what_is_decided_but_not_stored_says_so_and_is_queued_and_counted(error: Exception) -> None:
    container = Container(published())
    container.rows.failing = {"put": error}
    answer = container.assign()
    assert answer["persisted"] is False
    assert answer["reason"] == "ASSIGNED"
    assert container.tracked == [answer]
    assert container.metrics.recorded["AssignmentNotPersisted"] == [1]


def test_it_is_tried_again_with_the_next_request_and_gives_the_same_answer() -> None:
    container = Container(published())
    container.rows.failing = {"put": StorageUnavailable()}
    first = container.assign()
    container.rows.failing = {}
    again = container.assign()
    assert "persisted" not in again
    assert (again["variant"], again["assignment_id"]) == (first["variant"], first["assignment_id"])


def test_the_tracker_stores_it_later() -> None:
    container = Container(published())
    container.rows.failing = {"put": StorageUnavailable()}
    answer = container.assign()
    container.rows.failing = {}
    container.store_again()
    stored = Container(beside=container).assign()
    assert stored == {key: value for key, value in answer.items() if key != "persisted"} | {
        "reason": "STICKY"
    }


def test_what_is_stored_later_never_overwrites_what_the_user_got_since() -> None:
    container = Container(published())
    answer = container.assign(find_user_in("control"))
    (result,) = container.tracker.results
    treatment = Decision("treatment", Reason.ASSIGNED)
    container.assigner.store_again(result._replace(decision=treatment, is_persisted=False))
    assert container.rows.rows["checkout", answer["user_id"]].variant == "control"
    assert container.metrics.recorded["AssignmentContradicted"] == [1]


def test_what_is_stored_later_of_who_is_not_sticky_replaces_what_stood_before() -> None:
    user = find_user_in("control")
    container = Container(published(sticky=False))
    container.assign(user)
    container.publish(published(sticky=False, variants=shares(control=0.0, treatment=1.0)))
    second = Container(beside=container)
    second.now += 10
    container.rows.failing = {"get": StorageUnavailable()}
    answer = second.assign(user)
    assert (answer["variant"], answer["persisted"]) == ("treatment", False)
    container.rows.failing = {}
    second.store_again()
    row = container.rows.rows["checkout", user]
    assert (row.variant, row.assignment_id) == ("treatment", answer["assignment_id"])
    assert "AssignmentContradicted" not in second.metrics.recorded
    later = Container(beside=container)
    later.now += 11
    assert later.assign(user)["timestamp"] == answer["timestamp"]
    row = Assignment("control", "newer", NOW + 20, 1, NOW + TTL, row.version)
    container.rows.rows["checkout", user] = row
    second.store_again()
    assert container.rows.rows["checkout", user] == row


def test_what_belongs_to_an_earlier_iteration_is_not_stored_later() -> None:
    container = Container(published())
    container.rows.failing = {"put": StorageUnavailable()}
    container.assign()
    container.rows.failing = {}
    container.publish(published(iteration=2))
    container.now += 10
    container.store_again()
    assert container.rows.rows == {}
    (result,) = container.tracker.results
    with pytest.raises(NotFound):
        container.assigner.store_again(result._replace(experiment=replace(result.experiment, key="gone")))


def test_who_is_not_sticky_is_decided_without_the_row() -> None:
    container = Container(published(sticky=False))
    container.rows.failing = {"get": StorageUnavailable()}
    answer = container.assign()
    assert answer["reason"] == "ASSIGNED"
    assert answer["persisted"] is False
    assert container.take_calls() == {"get": 1}


def test_who_is_excluded_before_the_row_is_answered_though_the_table_is_dead() -> None:
    container = Container(published(status="paused"))
    container.rows.failing = {"get": StorageUnavailable(), "put": StorageUnavailable()}
    assert container.assign()["reason"] == "PAUSED"


def test_a_new_assignment_is_recorded_by_the_tracker_once() -> None:
    container = Container(published())
    answer = container.assign()
    container.assign()
    Container(beside=container).assign()
    assert container.tracked == [answer]


def test_calls_know_how_much_time_is_left() -> None:
    container = Container(*(published(f"e{number}") for number in range(3)))
    with deadline.limit(lambda: 1.5):
        container.assigner.assign("u", "e0", {}, NOW)
        container.assigner.assign_many("u", None, {}, NOW)
    assert set(container.rows.time_left) == {1.5}
    assert len(container.rows.time_left) == 5
    assert deadline.get_remaining() == float("inf")


# batch


def test_a_batch_answers_each_key_as_assign_does() -> None:
    container = Container(published("a"), published("b", status="paused"))
    answers = container.assign_many("b", "a", "a", "missing")
    assert list(answers) == ["a", "b", "missing"]
    assert answers["a"] == Container(container.definitions.get_many("experiment", ["a"])["a"]).assign(key="a")
    assert answers["b"]["reason"] == "PAUSED"
    assert answers["missing"] == {
        "error": {
            "code": "experiment_not_found",
            "message": "There is no experiment 'missing'.",
            "details": [],
        }
    }


def test_without_keys_a_batch_is_all_active_experiments() -> None:
    container = Container(published("a"), published("b"), published("c", status="draft"))
    assert set(container.assign_many()) == {"a", "b"}
    assert Container().assign_many() == {}


def test_a_batch_of_100_reads_once_and_writes_what_is_new() -> None:
    container = Container(*(published(f"e{number}") for number in range(100)))
    first = container.assign_many()
    assert container.take_calls() == {"get_many": 1, "put": 100}
    assert {answer["reason"] for answer in first.values()} == {"ASSIGNED"}
    second = container.assign_many()
    assert container.take_calls() == {}
    assert second == {key: answer | {"reason": "STICKY"} for key, answer in first.items()}
    assert Container(beside=container).assign_many() == second
    assert container.take_calls() == {"get_many": 1}


def test_a_batch_reads_no_row_that_nothing_asks_for() -> None:
    container = Container(published("a", status="paused"), published("b", overrides={"u": "control"}))
    container.assign_many("a", "b")
    assert container.take_calls() == {}


def test_in_a_batch_only_those_that_need_the_dead_table_fail() -> None:
    container = Container(published("a"), published("b", status="paused"), published("c", sticky=False))
    container.rows.failing = {"get_many": StorageUnavailable(), "put": StorageUnavailable()}
    answers = container.assign_many("a", "b", "c")
    assert answers["a"] == {
        "error": {
            "code": "storage_unavailable",
            "message": "The store cannot be reached; try again.",
            "details": [],
        }
    }
    assert answers["b"]["reason"] == "PAUSED"
    assert answers["c"]["persisted"] is False


def test_in_a_batch_what_is_not_stored_says_so() -> None:
    container = Container(published("a"), published("b"))
    container.rows.failing = {"put": Throttled()}
    answers = container.assign_many()
    assert [answer["persisted"] for answer in answers.values()] == [False, False]
    assert len(container.tracked) == 2


def test_an_experiment_that_is_not_listed_takes_only_who_names_it() -> None:
    container = Container(published(), published("hidden", listed=False))
    assert [*container.assign_many()] == ["checkout"]
    assert container.assign(key="hidden")["variant"] is not None
    assert [*container.assign_many("hidden")] == ["hidden"]
    container.publish(published("hidden"))
    container.now += 60
    assert [*container.assign_many()] == ["checkout", "hidden"]


def test_all_experiments_come_in_pages_of_as_many_as_keys_may_be_asked_for() -> None:
    keys = [f"e{number:04d}" for number in range(1_500)]
    container = Container(*map(published, keys))
    first = container.assigner.assign_many("u", None, {}, NOW)
    assert list(first) == keys[:MAX_BATCH]
    assert container.rows.calls["put"] == MAX_BATCH
    after = render_assignments(first, is_page=True)["continue_after"]
    rest = container.assigner.assign_many("u", None, {}, NOW, after)
    assert list(rest) == keys[MAX_BATCH:]
    assert "continue_after" not in render_assignments(rest, is_page=True)
    assert container.assigner.assign_many("u", None, {}, NOW, keys[-1]) == {}
    assert "continue_after" not in render_assignments(first)  # of keys that were asked for
