"""A batch that needs more calls than an invocation has time for is done after some invocations."""

from typing import Any

import orjson
import pytest
from aws_kinesis_agg.aggregator import RecordAggregator

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.stream.aggregation import join_parts
from chalicelib.domain.stream.event import Limits
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.services.concurrency import Parallel
from tests.support.plane import EventPlane
from tests.support.streams import ARRIVED, kinesis, purchase, resumed

CALLS = 150


class Budget:
    """Stores whose calls fail once those of the invocation are used up."""

    def __init__(self) -> None:
        self.left = CALLS

    def wrap(self, store: Any) -> Any:
        return _Counted(store, self)


class _Counted:
    def __init__(self, store: Any, budget: Budget) -> None:
        self._store, self._budget = store, budget

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            if self._budget.left <= 0:
                raise StorageUnavailable
            self._budget.left -= 1
            return getattr(self._store, name)(*arguments)

        return call


def deliver_until_done(event: dict[str, Any], *, new_containers: bool) -> tuple[EventPlane, list[int]]:
    """The records that each invocation got; a container may be another one every time."""
    plane, budget = EventPlane(limits=Limits(max_age=float("inf"))), Budget()
    stores = {
        name: budget.wrap(getattr(plane, name)) for name in ("verdicts", "counters", "archive", "quarantine")
    }
    container = plane.new_container(parallel=Parallel(1), **stores)
    sizes: list[int] = []
    rest: dict[str, Any] | None = event
    while rest is not None:
        assert len(sizes) < 20
        sizes.append(len(rest["Records"]))
        budget.left = CALLS
        if new_containers:
            container = plane.new_container(parallel=Parallel(1), **stores)
        rest = resumed(rest, container.process(rest, lambda: 60.0, ARRIVED + 1))
    return plane, sizes


def days(number: int) -> list[dict[str, Any]]:
    return [purchase(timestamp=format_timestamp(ARRIVED - day * 86_400)) for day in range(number)]


@pytest.mark.parametrize("new_containers", [False, True])
def test_each_invocation_settles_some_records(new_containers: bool) -> None:
    plane, sizes = deliver_until_done(kinesis(days(200)), new_containers=new_containers)
    assert sizes == sorted(set(sizes), reverse=True)
    assert len(sizes) <= 4
    assert sum(sums[0] for sums in plane.counted().values()) == 200
    assert len(plane.archive.objects) == 200


def test_a_record_with_more_parts_than_an_invocation_has_time_for_is_done_too() -> None:
    aggregator = RecordAggregator()
    for event in days(200):
        aggregator.add_user_record("u1", orjson.dumps(event))
    plane, sizes = deliver_until_done(
        kinesis([aggregator.clear_and_get().get_contents()[2]]), new_containers=False
    )
    assert sizes == [1] * len(sizes)
    assert len(sizes) <= 4
    assert sum(sums[0] for sums in plane.counted().values()) == 200


def test_poison_of_a_settled_piece_is_quarantined_once() -> None:
    events: list[Any] = days(150)
    for index in (3, 70, 149):
        events.insert(index, b"{")
    plane, _ = deliver_until_done(kinesis(events), new_containers=True)
    places = [entry.sequence_number for entry in plane.quarantine.entries]
    assert len(places) == len(set(places)) == 3


def test_poison_of_one_record_is_one_object() -> None:
    payload = join_parts([("u1", b"")] * 160_000)
    plane, sizes = deliver_until_done(kinesis([payload, purchase()]), new_containers=True)
    assert sizes == [2]
    [entry] = plane.quarantine.entries
    assert entry.poison.refusal.message == "160000 parts of the record were refused: 160000 empty."
    assert len(entry.payload) == len(payload)


def test_what_is_in_quarantine_is_not_sent_again() -> None:
    """Ten parts of each record go one by one, in more calls than an invocation has time for."""
    records = [join_parts([("u1", b"")] * 10)] * 200
    plane, sizes = deliver_until_done(kinesis(records), new_containers=False)
    assert 1 < len(sizes) <= 4
    places = [(entry.sequence_number, entry.poison.part) for entry in plane.quarantine.entries]
    assert len(places) == len(set(places)) == 2_000
