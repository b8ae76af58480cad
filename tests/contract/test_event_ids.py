"""What every durable memory of event ids does: the one in memory and the one in DynamoDB."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.services.events.deduplication import EventIds
from chalicelib.stores.event_ids import EventIdStore
from realtime.testing.event_stores import MemoryEventIds

LATER = 1_800_000_000.0


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> EventIds:
    if request.param == "memory":
        return MemoryEventIds()
    settings = request.getfixturevalue("aws_settings")
    return EventIdStore(request.getfixturevalue("service_clients"), settings.dedupe_table)


def test_the_first_place_owns_an_id_and_keeps_it(store: EventIds) -> None:
    assert store.claim([("a", "here"), ("b", "here")], LATER) == set()
    assert store.claim([("a", "there"), ("c", "there"), ("b", "here")], LATER) == {"a"}
    assert store.claim([("c", "elsewhere")], LATER) == {"c"}
    assert store.claim([("a", "here"), ("b", "here")], LATER) == set()


def test_a_hundred_ids_are_claimed_at_once(store: EventIds) -> None:
    claims = [(f"id-{number}", f"place-{number}") for number in range(100)]
    assert store.claim(claims, LATER) == set()
    assert store.claim(claims, LATER) == set()
    assert store.claim([(event_id, "other") for event_id, _ in claims], LATER) == {
        event_id for event_id, _ in claims
    }


def test_of_many_places_that_claim_an_id_at_once_one_gets_it(store: EventIds) -> None:
    with ThreadPoolExecutor(6) as pool:
        refused = list(pool.map(lambda place: store.claim([("a", str(place)), ("b", "x")], LATER), range(6)))
    assert sorted(map(len, refused)) == [0, 1, 1, 1, 1, 1]


def test_a_claim_is_kept_until_its_time(service_clients: Any, aws_settings: Any) -> None:
    EventIdStore(service_clients, aws_settings.dedupe_table).claim([("a", "here")], LATER)
    [item] = service_clients.dynamodb.scan(TableName=aws_settings.dedupe_table)["Items"]
    assert item == {"id": {"S": "a"}, "place": {"S": "here"}, "ttl": {"N": "1800000000"}}
