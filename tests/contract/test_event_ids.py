"""What every durable memory of event ids does: the one in memory and the one in DynamoDB."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain.stream.event_ids import Claim, EventIds, EventName
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.event_ids import EventIdStore
from realtime.testing.event_stores import MemoryEventIds

LATER = 1_800_000_000.0


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> EventIds:
    if request.param == "memory":
        return MemoryEventIds()
    table = request.getfixturevalue("aws_settings").dedupe_table
    return EventIdStore(request.getfixturevalue("service_clients"), table)


def claim(event_id: str, place: str, user: str = "u1", event_type: str = "purchase") -> Claim:
    return Claim(EventName(user, event_type, event_id), place)


def refused(store: EventIds, *claims: Claim) -> list[EventName]:
    return sorted(store.claim(claims, LATER))


def test_the_first_place_owns_an_id_and_keeps_it(store: EventIds) -> None:
    assert refused(store, claim("a", "here"), claim("b", "here")) == []
    assert refused(store, claim("a", "there"), claim("c", "there"), claim("b", "here")) == [
        claim("a", "").name
    ]
    assert refused(store, claim("c", "elsewhere")) == [claim("c", "").name]
    assert refused(store, claim("a", "here"), claim("b", "here")) == []


def test_an_id_is_unique_for_each_user_and_event_type(store: EventIds) -> None:
    order, refund = claim("1", "p1"), claim("1", "p2", event_type="refund")
    other = claim("1", "p3", user="u2")
    assert refused(store, order, refund, other) == []
    assert refused(store, other, refund, order) == []
    repeated = [each._replace(place="later") for each in (refund, order, other)]
    assert refused(store, *repeated) == sorted(each.name for each in repeated)
    assert refused(store, refund, claim("1", "p4", user="u3"), repeated[1]) == [order.name]


@given(
    st.lists(
        st.lists(
            st.builds(
                claim,
                st.sampled_from("12"),
                st.sampled_from(["p1", "p2", "p3"]),
                st.sampled_from(["u1", "u2"]),
                st.sampled_from(["purchase", "refund"]),
            ),
            max_size=6,
            unique_by=lambda each: each.name,
        ),
        max_size=4,
    )
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_both_stores_refuse_the_same(
    service_clients: Clients, aws_settings: Settings, calls: list[list[Claim]]
) -> None:
    table, memory = EventIdStore(service_clients, aws_settings.dedupe_table), MemoryEventIds()
    run = uuid.uuid4().hex
    for call in calls:
        named = [each._replace(name=each.name._replace(event_id=each.name.event_id + run)) for each in call]
        assert refused(table, *named) == refused(memory, *named)


def test_a_hundred_ids_are_claimed_at_once(store: EventIds) -> None:
    claims = [claim(f"id-{number}", f"place-{number}") for number in range(100)]
    assert refused(store, *claims) == []
    assert refused(store, *claims) == []
    assert len(refused(store, *(each._replace(place="other") for each in claims))) == 100


def test_a_hundred_owners_of_one_id_are_claimed_at_once(store: EventIds) -> None:
    claims = [claim("1", f"place-{number}", user=f"u{number}") for number in range(100)]
    assert refused(store, *claims) == []
    assert len(refused(store, *(each._replace(place="other") for each in claims))) == 100


def test_of_many_places_that_claim_an_id_at_once_one_gets_it(store: EventIds) -> None:
    with ThreadPoolExecutor(6) as pool:
        calls = pool.map(lambda place: refused(store, claim("a", str(place)), claim("b", "x")), range(6))
    assert sorted(map(len, calls)) == [0, 1, 1, 1, 1, 1]


def test_a_claim_is_kept_until_its_time(service_clients: Clients, aws_settings: Settings) -> None:
    store = EventIdStore(service_clients, aws_settings.dedupe_table)
    store.claim([claim("a", "here")], LATER)
    store.claim([claim("a", "there", user="u2")], LATER + 5)  # the first row leads to the second
    items = service_clients.dynamodb.scan(TableName=aws_settings.dedupe_table)["Items"]
    assert {item["ttl"]["N"] for item in items} == {"1800000005"}
    assert sorted(item["place"]["S"] for item in items) == ["here", "there"]
    assert "u2" not in str(items)


def test_a_row_of_before_there_were_owners_stands_for_all(
    service_clients: Clients, aws_settings: Settings
) -> None:
    item: Any = {"id": {"S": "a"}, "place": {"S": "here"}, "ttl": {"N": "1800000000"}}
    service_clients.dynamodb.put_item(TableName=aws_settings.dedupe_table, Item=item)
    store = EventIdStore(service_clients, aws_settings.dedupe_table)
    assert len(refused(store, claim("a", "there"), claim("a", "elsewhere", user="u2"))) == 2
    assert refused(store, claim("a", "here")) == []  # the same event, again
    assert refused(store, claim("a", "elsewhere", user="u2")) == []
