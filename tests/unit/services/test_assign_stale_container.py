"""Two containers, of which one has not loaded a publication yet: the newer definition decides."""

from typing import Any

import pytest

from chalicelib.domain.definitions.model import Assignment, DefinitionRow
from chalicelib.domain.errors import NotFound, StorageUnavailable
from tests.support.assigner import NOW, TTL, Container
from tests.support.experiments import published, shares

ONE_VARIANT = published(variants=shares(a=1.0))
VARIANT_ADDED = published(variants=shares(a=0.5, c=0.5))
RESTARTED = published(variants=shares(a=0.5, c=0.5), iteration=2)


def start_two(before: DefinitionRow, after: DefinitionRow) -> tuple[Container, Container]:
    """A container that still serves ``before``, and one that started after the publication of ``after``."""
    old = Container(before)
    old.assign("warm")
    old.publish(after)
    old.take_calls()
    return old, Container(beside=old)


def find_user_in(container: Container, variant: str) -> str:
    return next(user for user in map(str, range(1000)) if container.assign(user)["variant"] == variant)


def is_sticky(container: Container, user: str, answer: dict[str, Any]) -> bool:
    return container.assign(user) == answer | {"reason": "STICKY"}


@pytest.mark.parametrize(("before", "after"), [(ONE_VARIANT, VARIANT_ADDED), (VARIANT_ADDED, RESTARTED)])
def test_it_never_overwrites_what_a_newer_definition_assigned(
    before: DefinitionRow, after: DefinitionRow
) -> None:
    old, new = start_two(before, after)
    user = find_user_in(new, "c")
    answer = new.assign(user)
    row = new.rows.rows["checkout", user]
    assert is_sticky(old, user, answer)
    assert new.rows.rows["checkout", user] == row
    for container in (old, new, Container(beside=old)):
        container.now += 3600
        assert is_sticky(container, user, answer)


def test_it_takes_up_the_newer_definition_when_its_write_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = start_two(ONE_VARIANT, VARIANT_ADDED)
    user = find_user_in(new, "c")
    answer = new.assign(user)
    monkeypatch.setattr(new.rows, "get", lambda *_: None)  # an eventually consistent read
    assert is_sticky(old, user, answer)
    assert old.assign_many("checkout", user=user)["checkout"] == answer | {"reason": "STICKY"}


def test_in_a_batch_it_takes_up_the_newer_definition_too() -> None:
    old, new = start_two(ONE_VARIANT, VARIANT_ADDED)
    user = find_user_in(new, "c")
    assert old.assign_many("checkout", user=user)["checkout"] == new.assign(user) | {"reason": "STICKY"}


def test_it_takes_a_publish_up_once_and_then_costs_no_more_than_ever() -> None:
    old, new = start_two(ONE_VARIANT, VARIANT_ADDED)
    users = [user for user in map(str, range(40)) if new.assign(user)["variant"] == "c"]
    new.take_calls()
    loads: list[Any] = []
    load = old.definitions.get_many
    old.definitions.get_many = lambda *arguments: loads.append(arguments) or load(*arguments)  # type: ignore[method-assign,func-returns-value]
    for user in users:
        old.assign(user)
    assert len(loads) == 1
    assert old.take_calls() == {"get": len(users)}
    old.assign("newcomer")
    assert old.take_calls() == {"get": 1, "put": 1}


def test_an_older_row_costs_no_second_look_at_the_definition() -> None:
    container = Container(ONE_VARIANT)
    container.assign()
    container.publish(published(variants=shares(c=1.0)))
    container.now += 10
    container.catalog.experiments.get("checkout")
    container.take_calls()
    container.definitions.get_many = None  # type: ignore[method-assign,assignment]
    assert container.assign()["reason"] == "REASSIGNED"
    assert container.take_calls() == {"get": 1, "put": 1}


def test_while_the_newer_definition_cannot_be_read_nothing_is_answered_and_nothing_overwritten() -> None:
    old, new = start_two(ONE_VARIANT, VARIANT_ADDED)
    user = find_user_in(new, "c")
    row = new.rows.rows["checkout", user]

    def dead(*_: object) -> Any:
        raise StorageUnavailable

    load = old.definitions.get_many
    old.definitions.get_many = dead  # type: ignore[method-assign,assignment]
    with pytest.raises(StorageUnavailable):
        old.assign(user)
    new.rows.get = lambda *_: None  # type: ignore[method-assign] # refused by the condition only
    with pytest.raises(StorageUnavailable):
        old.assign(user)
    assert old.assign_many("checkout", user=user)["checkout"]["error"]["code"] == "storage_unavailable"
    assert new.rows.rows["checkout", user] == row
    old.definitions.get_many = load  # type: ignore[method-assign]
    assert is_sticky(old, user, new.assign(user))


def test_a_newer_definition_that_it_cannot_read_overwrites_nothing_either() -> None:
    old, new = start_two(ONE_VARIANT, VARIANT_ADDED)
    user = find_user_in(new, "c")
    row = new.rows.rows["checkout", user]
    old.publish(DefinitionRow("experiment", "checkout", '{"key": "checkout", "of_tomorrow": 1}', "active"))
    with pytest.raises(StorageUnavailable):
        old.assign(user)
    assert new.rows.rows["checkout", user] == row


def test_of_a_removed_experiment_it_learns_so() -> None:
    old, new = start_two(ONE_VARIANT, VARIANT_ADDED)
    user = find_user_in(new, "c")
    old.publish(DefinitionRow("experiment", "checkout", "", "removed"))
    with pytest.raises(NotFound):
        old.assign(user)


def test_rows_ahead_of_tables_that_were_set_up_again_are_replaced_once() -> None:
    container = Container(ONE_VARIANT)
    leftover = Assignment("gone", "left", NOW - 1, 3, NOW + TTL, 99)
    container.rows.rows["checkout", "u"] = leftover
    assert container.assign()["reason"] == "ASSIGNED"
    assert container.rows.rows["checkout", "u"].version == 1
    container.rows.rows["checkout", "v"] = leftover
    container.rows.get = lambda *_: None  # type: ignore[method-assign] # refused by the condition only
    assert container.assign("v")["variant"] == "a"
    assert container.rows.rows["checkout", "v"].version == 1


def test_what_is_stored_later_never_replaces_what_a_newer_definition_assigned() -> None:
    old, new = start_two(ONE_VARIANT, VARIANT_ADDED)
    user = find_user_in(new, "c")
    row = new.rows.rows.pop(("checkout", user))
    old.rows.failing = {"put": StorageUnavailable()}
    old.assign(user)
    old.rows.failing = {}
    new.rows.rows["checkout", user] = row
    old.store_again()
    assert new.rows.rows["checkout", user] == row
    assert old.metrics.recorded["AssignmentContradicted"] == [1]


def test_a_row_is_cached_for_one_version_of_its_experiment() -> None:
    """Another container may have replaced it while its variant was removed."""
    container = Container(VARIANT_ADDED)
    user = find_user_in(container, "a")
    second = Container(beside=container)
    container.publish(published(variants=shares(c=1.0)))
    assert second.assign(user)["reason"] == "REASSIGNED"
    container.publish(VARIANT_ADDED)
    container.now += 10
    assert container.assign(user)["variant"] == "c"
