"""Made-up event types and currencies do not make a counter each; what definitions name is not touched."""

import gzip
import json
import logging
from typing import Any

import pytest

from chalicelib.services.events.event_types import EventTypeLimiter
from realtime.testing.event_stores import MemoryEventTypes
from realtime.testing.stores import MemoryMetrics
from tests.support.plane import EventPlane, purchase_experiment
from tests.support.streams import ARRIVED, kinesis, purchase


def named(event_type: str, **fields: Any) -> dict[str, Any]:
    return purchase("u1", event_type=event_type, experiment_key="checkout", value=2, **fields)


def counts(plane: EventPlane) -> dict[str, int]:
    totals: dict[str, int] = {}
    for key, sums in plane.counted().items():
        totals[key[1]] = totals.get(key[1], 0) + sums[0]
    return totals


def test_made_up_types_count_as_other_however_many_requests_send_them() -> None:
    plane = EventPlane()
    for start in range(0, 4_000, 100):
        events = [named("x" * 100 + str(number), currency="EUR") for number in range(start, start + 100)]
        plane.deliver(kinesis([*events, purchase("u1"), named("exposure")], start=start * 2))
    assert counts(plane) == {"$other": 4_000, "purchase": 40, "exposure": 40}
    assert len(list(plane.counters.read("checkout"))) == 3
    assert sum(plane.metrics.recorded["EventTypesRefused"]) == 4_000
    others = [sums for key, sums in plane.counted().items() if key[1] == "$other"]
    assert [total for _, total, _ in others] == [0]  # amounts of different events are not added up
    archived = b"".join(map(gzip.decompress, plane.archive.objects.values()))
    assert b"x3999" in archived


def test_a_type_that_any_definition_names_counts_under_its_name() -> None:
    paused = purchase_experiment("search", status="paused", metrics=["refund"])
    plane = EventPlane(purchase_experiment(), paused)
    plane.deliver(kinesis([named("refund"), named("gift")]))
    assert counts(plane) == {"refund": 1, "$other": 1}


def test_types_that_the_service_writes_count_under_their_names() -> None:
    plane = EventPlane()
    plane.deliver(kinesis([named(name) for name in ("exposure", "evaluation", "assignment", "$identify")]))
    assert counts(plane) == {"exposure": 1, "evaluation": 1, "assignment": 1, "$identify": 1}


def test_a_type_that_is_named_later_counts_from_then_on() -> None:
    plane = EventPlane()
    first = kinesis([named("gift")])
    plane.deliver(first)
    plane.experiments.by_key = {"checkout": purchase_experiment(metrics=["purchase", "gift"])}
    container = plane.new_container()
    container.process(first, lambda: 60.0, ARRIVED + 1)  # a retry counts as the first attempt decided
    container.process(kinesis([named("gift")], start=1), lambda: 60.0, ARRIVED + 1)
    assert counts(plane) == {"$other": 1, "gift": 1}


@pytest.mark.parametrize("currencies", [[], [f"C{number:03d}" for number in range(120)]])
def test_a_duplicate_stays_one_whatever_its_type_counts_as(currencies: list[str]) -> None:
    plane = EventPlane()
    events = [named("gift"), *(purchase("u1", value=1, currency=code) for code in currencies)]
    with_ids = [event | {"event_id": f"e{number}"} for number, event in enumerate(events)]
    plane.deliver(kinesis([*with_ids, *with_ids]))
    lines = [
        json.loads(line)["realtime"]
        for body in plane.archive.objects.values()
        for line in gzip.decompress(body).splitlines()
    ]
    assert [line["duplicate"] for line in lines].count(True) == len(events)
    assert sum(counts(plane).values()) == len(events)


def test_another_container_and_another_day_have_the_same_limit() -> None:
    plane = EventPlane()
    plane.deliver(kinesis([purchase("u1", value=1, currency=f"A{number:03d}") for number in range(100)]))
    second = plane.new_container()
    late = purchase("u1", value=1, currency="BBB", timestamp="2026-11-21T10:00:00Z")
    again = [purchase("u1", value=1, currency=code) for code in ("BBB", "A007")]
    second.process(kinesis([*again, late], start=200), lambda: 60.0, ARRIVED + 1)
    assert counts(plane) == {"$other": 1, "purchase": 102}


def test_currencies_are_limited_too(caplog: pytest.LogCaptureFixture) -> None:
    plane = EventPlane()
    events = [purchase("u1", value=1, currency=f"C{number:03d}") for number in range(120)]
    with caplog.at_level(logging.WARNING):
        plane.deliver(kinesis([*events, purchase("u1", value=1)]))
    assert "more than 100 event types with a currency on 2026-11-22" in caplog.text
    assert counts(plane) == {"purchase": 101, "$other": 20}


def test_a_limit_that_is_reached_asks_the_store_no_more() -> None:
    calls = []

    class Counted(MemoryEventTypes):
        def claim(self, scope: str, day: int, names: frozenset[str], limit: int) -> frozenset[str]:
            calls.append(names)
            return super().claim(scope, day, names, limit)

    limiter = EventTypeLimiter(Counted(), 2, MemoryMetrics())
    for names in ({"a"}, {"a"}, {"b", "c"}, {"d"}, {"a", "e"}):
        limiter.find_refused({("checkout", 1): frozenset(names)}, ARRIVED)
    assert calls == [{"a"}, {"b", "c"}]
