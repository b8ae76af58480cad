"""What every store of event types does: the one in memory and the one in DynamoDB."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.services.events.event_types import EventTypes
from chalicelib.stores.event_types import EventTypeStore
from realtime.testing.event_stores import MemoryEventTypes


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> EventTypes:
    if request.param == "memory":
        return MemoryEventTypes()
    table = request.getfixturevalue("aws_settings").counters_table
    return EventTypeStore(request.getfixturevalue("service_clients"), table)


def test_names_are_added_as_long_as_there_is_room(store: EventTypes) -> None:
    assert store.claim("checkout", 1, frozenset("ab"), 3) == set("ab")
    assert store.claim("checkout", 1, frozenset("bcd"), 3) == set("abc")
    assert store.claim("checkout", 1, frozenset("e"), 3) == set("abc")
    assert store.claim("checkout", 2, frozenset("e"), 3) == set("e")
    assert store.claim("checkout@2", 1, frozenset("e"), 3) == set("e")


def test_more_names_than_the_limit_at_once(store: EventTypes) -> None:
    assert len(store.claim("checkout", 1, frozenset("abcdef"), 4)) == 4


def test_names_of_any_text(store: EventTypes) -> None:
    names = frozenset(["Order Completed", "$pageview", "Café#%", "purchase\nEUR"])
    assert store.claim("checkout", 1, names, 100) == names


def test_containers_that_claim_at_once_stay_within_the_limit(store: EventTypes) -> None:
    with ThreadPoolExecutor(6) as pool:
        calls = [frozenset([f"{number}-{part}" for part in range(3)]) for number in range(6)]
        list(pool.map(lambda names: store.claim("checkout", 1, names, 10), calls))
    assert len(store.claim("checkout", 1, frozenset("z"), 10)) == 10
