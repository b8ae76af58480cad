"""What every store of recent contexts does: the one in memory and the one in DynamoDB."""

from typing import Any

import pytest

from chalicelib.domain.recent_contexts import RecentContext, RecentContexts
from chalicelib.stores.recent_contexts import MAX_ROWS, RecentContextStore
from realtime.testing.stores import MemoryRecentContexts

NOW = 1_800_000_000.0
LATER = NOW + 3600
CONTEXT = {"ratio": 0.1, "whole": 2**70, "text": "ä\ud800", "list": [None, True, {"a": 1.0}]}


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> RecentContexts:
    if request.param == "memory":
        return MemoryRecentContexts()
    settings = request.getfixturevalue("aws_settings")
    return RecentContextStore(request.getfixturevalue("service_clients"), settings.contexts_table)


def make(unit: str = "a1", keys: tuple[str, ...] | None = ("f", "g")) -> RecentContext:
    return RecentContext("flag", keys, unit, CONTEXT, NOW)


def test_what_is_put_is_read_as_it_was(store: RecentContexts) -> None:
    rows = {1: make("a1"), 2: make("b2", None)}
    store.put(rows, LATER)
    assert {recent.unit: recent for recent in store.get_all(NOW)} == {row.unit: row for row in rows.values()}
    assert store.get_all(NOW)[0].context == CONTEXT


def test_a_newer_decision_takes_the_slot(store: RecentContexts) -> None:
    store.put({1: make("a1"), 2: make("b2")}, LATER)
    store.put({1: make("c3")}, LATER)
    assert {recent.unit for recent in store.get_all(NOW)} == {"b2", "c3"}


def test_what_has_expired_is_not_read(store: RecentContexts) -> None:
    store.put({1: make()}, LATER)
    assert store.get_all(LATER) == []


def test_an_empty_store_has_none(store: RecentContexts) -> None:
    assert list(store.get_all(NOW)) == []


def test_one_call_writes_at_most_25_rows_and_they_expire(service_clients: Any, aws_settings: Any) -> None:
    store = RecentContextStore(service_clients, aws_settings.contexts_table)
    store.put({slot: make(f"{slot:x}") for slot in range(MAX_ROWS + 5)}, LATER)
    items = service_clients.dynamodb.scan(TableName=aws_settings.contexts_table)["Items"]
    assert len(items) == MAX_ROWS
    assert {item["ttl"]["N"] for item in items} == {"1800003600"}
