"""The contract of stores of assignments: in memory and in DynamoDB."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.domain.assignment import Assignments
from chalicelib.domain.definitions.model import Assignment
from chalicelib.domain.identity import Identities, Link
from chalicelib.settings import Settings
from chalicelib.stores.assignments import AssignmentStore
from chalicelib.stores.clients import Clients
from realtime.testing.stores import MemoryAssignments
from tests.support.experiments import experiment

NOW = 1_800_000_000.123
CHECKOUT = experiment("checkout", id="exp-1")
SEARCH = experiment("search")
ROW = Assignment("control", "id-1", NOW, 1, 1_900_000_000.0)
OTHER = Assignment("treatment", "id-2", 1_800_000_000.124, 2, None, 7)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Iterator[Identities]:
    if request.param == "memory":
        yield MemoryAssignments()
        return
    settings: Settings = request.getfixturevalue("aws_settings")
    clients: Clients = request.getfixturevalue("service_clients")
    yield AssignmentStore(clients, settings)


LINK = Link("u", NOW, 1_900_000_000.0)


def test_a_link_comes_back_with_the_rows_of_the_same_call(store: Identities) -> None:
    assert store.get_rows_and_links([(CHECKOUT.id, "a")], ["a", "u"]) == ({}, {})
    store.put(CHECKOUT, "a", ROW, None)
    assert store.put_link("a", LINK, NOW)
    rows, links = store.get_rows_and_links([(CHECKOUT.id, "a"), (CHECKOUT.id, "u")], ["a", "u", "b"])
    assert (rows, links) == ({(CHECKOUT.id, "a"): ROW}, {"a": LINK, "u": LINK})
    assert store.get_many([(CHECKOUT.id, "a")]) == {(CHECKOUT.id, "a"): ROW}


def test_a_link_is_made_whole_or_not_at_all(store: Identities) -> None:
    assert store.put_link("a", LINK, NOW)
    assert store.put_link("a", LINK._replace(expires_at=1_900_000_001.0), NOW)
    assert not store.put_link("a", LINK._replace(user_id="v"), NOW)
    assert not store.put_link("b", LINK._replace(user_id="a"), NOW)
    assert not store.put_link("u", LINK._replace(user_id="v"), NOW)
    _, links = store.get_rows_and_links([], ["a", "b", "u", "v"])
    assert links == dict.fromkeys(["a", "u"], LINK._replace(expires_at=1_900_000_001.0))


def test_an_expired_link_counts_as_absent(store: Identities) -> None:
    assert store.put_link("a", LINK, NOW)
    other = Link("v", NOW, 2_000_000_000.0)
    assert store.put_link("a", other, LINK.expires_at)
    _, links = store.get_rows_and_links([], ["a"])
    assert links == {"a": other}


@pytest.mark.parametrize("user", ["u", "#", "ü 😀", "$identity#u", "x" * 1024])
def test_the_ids_of_a_person_can_be_listed(store: Identities, user: str) -> None:
    ids = ["a", "a#b", "y" * 1024, "é"]
    for id_ in ids:
        assert store.put_link(id_, LINK._replace(user_id=user), NOW)
    assert store.put_link("other", LINK._replace(user_id="somebody"), NOW)
    assert store.list_anonymous_ids([user, "nobody"]) == dict.fromkeys(ids, user)
    assert store.list_anonymous_ids(["nobody"]) == {}


def test_marks_of_a_link_come_back(store: Identities) -> None:
    marked = replace(ROW, person="ü", linked_at=NOW + 1)
    copied = replace(OTHER, linked_at=NOW + 2).replace_row(ROW)
    store.put(CHECKOUT, "a", ROW, None)
    assert store.put(CHECKOUT, "a", marked, ROW) == marked
    assert store.get(CHECKOUT, "a") == marked
    store.put(CHECKOUT, "u", copied, None)
    row = store.get(CHECKOUT, "u")
    assert row is not None
    assert (row, row.replaced) == (copied, (ROW,))


def test_of_16_concurrent_links_of_one_id_one_wins(store: Identities) -> None:
    def link(number: int) -> bool:
        return store.put_link("a", LINK._replace(user_id=f"u{number}"), NOW)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(link, range(16))) == 1
    _, links = store.get_rows_and_links([], [f"u{number}" for number in range(16)])
    assert len(links) == 1


def test_a_user_without_a_row_is_unassigned(store: Assignments) -> None:
    assert store.get(CHECKOUT, "u") is None
    assert store.get_many([(CHECKOUT.id, "u")]) == {}
    assert store.get_many([]) == {}


@pytest.mark.parametrize("user", ["u", "ü 😀", " ", "0", "\u200b", "#", "a#b", "x" * 1024])
def test_a_row_comes_back_as_it_was_written(store: Assignments, user: str) -> None:
    assert store.put(CHECKOUT, user, ROW, None) == ROW
    assert store.put(SEARCH, user, OTHER, None) == OTHER
    assert store.get(CHECKOUT, user) == ROW
    assert store.get(SEARCH, user) == OTHER


def test_a_row_remembers_the_latest_assignments_that_it_replaced(store: Assignments) -> None:
    row = store.put(CHECKOUT, "u", ROW, None)
    for number in range(2, 8):
        later = Assignment(f"v{number}", "id", NOW + number, number).replace_row(row)
        assert store.put(CHECKOUT, "u", later, row) == later
        row = later
    stored = store.get(CHECKOUT, "u")
    assert stored is not None
    assert [each.variant for each in stored.replaced] == ["v6", "v5", "v4", "v3"]
    assert stored.replaced == row.replaced
    assert store.get_many([(CHECKOUT.id, "u")])[CHECKOUT.id, "u"].replaced == row.replaced


def test_the_loser_of_a_race_gets_the_row_of_the_winner(store: Assignments) -> None:
    store.put(CHECKOUT, "u", ROW, None)
    assert store.put(CHECKOUT, "u", OTHER, None) == ROW
    assert store.get(CHECKOUT, "u") == ROW


def test_a_repeated_write_changes_nothing(store: Assignments) -> None:
    store.put(CHECKOUT, "u", ROW, None)
    assert store.put(CHECKOUT, "u", ROW, None) == ROW


def test_a_row_is_replaced_if_it_is_the_one_that_was_read(store: Assignments) -> None:
    store.put(CHECKOUT, "u", ROW, None)
    assert store.put(CHECKOUT, "u", OTHER, ROW) == OTHER
    assert store.put(CHECKOUT, "u", replace(ROW, assignment_id="id-3"), ROW) == OTHER


def test_a_row_that_expired_and_is_gone_is_replaced_too(store: Assignments) -> None:
    assert store.put(CHECKOUT, "u", OTHER, ROW) == OTHER


def test_rows_of_many_experiments_come_in_one_answer(store: Assignments) -> None:
    experiments = [experiment(f"e{number}") for number in range(130)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda definition: store.put(definition, "u", ROW, None), experiments[:120]))
    rows = store.get_many([(definition.id, "u") for definition in experiments])
    assert rows == {(definition.id, "u"): ROW for definition in experiments[:120]}


def test_of_64_concurrent_writers_all_get_the_row_of_one(store: Assignments) -> None:
    rows = [replace(ROW, assignment_id=str(number)) for number in range(64)]
    with ThreadPoolExecutor(32) as pool:
        answers = set(pool.map(lambda row: store.put(CHECKOUT, "u", row, None), rows))
    assert answers == {store.get(CHECKOUT, "u")}
