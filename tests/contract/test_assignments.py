"""The contract of stores of assignments: in memory and in DynamoDB."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.domain.assignment import Assignments
from chalicelib.domain.definitions.model import Assignment
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
def store(request: pytest.FixtureRequest) -> Iterator[Assignments]:
    if request.param == "memory":
        yield MemoryAssignments()
        return
    settings: Settings = request.getfixturevalue("aws_settings")
    clients: Clients = request.getfixturevalue("service_clients")
    yield AssignmentStore(clients, settings)


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
