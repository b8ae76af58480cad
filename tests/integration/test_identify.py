"""Anonymous ids and their users over real tables, with their stream, and the event stream."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.domain.timestamps import format_timestamp
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.wiring import Plane
from realtime.local.clients import Clients as LocalClients
from tests.support.draining import drain
from tests.support.experiments import published, shares

PEOPLE = 12
VARIANTS = shares(**{f"v{number}": 0.125 for number in range(8)})


@pytest.fixture
def new_plane(aws_settings: Settings, service_clients: Clients) -> Callable[[], Plane]:
    """A container each time."""
    experiment = published(variants=VARIANTS, metrics=["purchase"])
    DefinitionStore(service_clients, aws_settings).publish([experiment], 0, 0.0)
    return lambda: Plane(aws_settings, clients=service_clients)


def count(plane: Plane, event_type: str) -> dict[str, int]:
    totals: dict[str, int] = {}
    for counter, hours in plane.counters.read("checkout"):
        if counter.event_type == event_type:
            number = sum(sums.count for sums in hours.values())
            totals[counter.variant] = totals.get(counter.variant, 0) + number
    return {variant: number for variant, number in totals.items() if number}


def test_concurrent_calls_end_with_one_variant_a_person(
    new_plane: Callable[[], Plane], aws_clients: LocalClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Callable[[], object]] = []
    for person in range(PEOPLE):
        device, user = f"device-{person}", f"user-{person}"
        calls += [lambda id_=id_: new_plane().assign(id_, "checkout", {}) for id_ in (device, user)]  # type: ignore[misc]
        calls += [lambda ids=(device, user): new_plane().identify(*ids)] * 2  # type: ignore[misc]
    random.Random(7).shuffle(calls)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda call: call(), calls))
    plane = new_plane()
    drain(plane, aws_clients, monkeypatch)
    plane = new_plane()
    variants = []
    for person in range(PEOPLE):
        by_device, by_user = (
            plane.assign(f"{kind}-{person}", "checkout", {}).decision.variant for kind in ("device", "user")
        )
        assert by_device == by_user
        variants.append(by_user)
    now = format_timestamp(plane.clock())
    events = [
        {"event_type": "purchase", "user_id": f"{kind}-{person}", "timestamp": now}
        for person in range(PEOPLE)
        for kind in ("device", "user")
    ]
    assert plane.ingest({"events": events})["accepted"] == 2 * PEOPLE
    drain(plane, aws_clients, monkeypatch)
    expected = {str(variant): variants.count(variant) for variant in variants}
    assert count(plane, "$assigned") == expected
    assert count(plane, "purchase") == {variant: 2 * number for variant, number in expected.items()}
