"""Event types that carry ids do not make a counter each; what an experiment counts is not touched."""

import logging
from typing import Any

import pytest

from chalicelib.services.events.event_types import EventTypeLimiter
from realtime.testing.event_stores import MemoryEventTypes
from realtime.testing.stores import MemoryMetrics
from tests.support.plane import EventPlane
from tests.support.streams import ARRIVED, kinesis, purchase


def named(event_type: str, **fields: Any) -> dict[str, Any]:
    return purchase("u1", event_type=event_type, experiment_key="checkout", value=2, **fields)


def counts(plane: EventPlane) -> dict[str, int]:
    totals: dict[str, int] = {}
    for key, sums in plane.counted().items():
        totals[key[1]] = totals.get(key[1], 0) + sums[0]
    return totals


def test_types_over_the_limit_count_as_other(caplog: pytest.LogCaptureFixture) -> None:
    plane = EventPlane()
    with caplog.at_level(logging.WARNING):
        for start in range(0, 500, 100):
            events = [named(f"view-{number}") for number in range(start, start + 100)]
            plane.deliver(kinesis([*events, purchase("u1")], start=start * 2))
    totals = counts(plane)
    assert len(totals) == 102
    assert totals["$other"] == 400
    assert totals["purchase"] == 5
    assert plane.metrics.recorded["EventTypesRefused"]
    assert "more than 100 event types on 2026-11-22" in caplog.text
    others = [sums for key, sums in plane.counted().items() if key[1] == "$other"]
    assert [total for _, total, _ in others] == [0]  # amounts of different events are not added up


def test_another_container_and_another_day_have_the_same_limit() -> None:
    plane = EventPlane()
    plane.deliver(kinesis([named(f"a-{number}") for number in range(100)]))
    second = plane.new_container()
    late = named("b", timestamp="2026-11-21T10:00:00Z")
    second.process(kinesis([named("b"), named("a-7"), late], start=200), lambda: 60.0, ARRIVED + 1)
    totals = counts(plane)
    assert (totals["$other"], totals["a-7"], totals["b"]) == (1, 2, 1)


def test_a_retry_counts_as_the_first_attempt_decided() -> None:
    plane = EventPlane()
    event = kinesis([named(f"a-{number}") for number in range(101)])
    plane.deliver(event)
    before = plane.counted()
    plane.event_types = MemoryEventTypes()
    plane.new_container().process(event, lambda: 60.0, ARRIVED + 1)
    assert plane.counted() == before


def test_currencies_are_limited_too() -> None:
    plane = EventPlane()
    events = [purchase("u1", value=1, currency=f"C{number:03d}") for number in range(120)]
    plane.deliver(kinesis([*events, purchase("u1", value=1)]))
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
