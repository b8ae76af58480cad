"""Repeated ids in several shards and containers: whatever fails in between, one of them counts."""

from typing import Any

import pytest

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.services.concurrency import Parallel
from chalicelib.services.events.deduplication import Deduplicator
from chalicelib.services.events.processor import EventProcessor
from realtime.testing.event_stores import MemoryEventIds, MemoryVerdicts
from tests.support.plane import EventPlane
from tests.support.streams import ARRIVED, kinesis, purchase

SENT = purchase("u1", event_id="E")
A, B = kinesis([SENT], shard=0), kinesis([SENT], shard=1, start=50)


class Failing:
    """A store whose methods raise while it is down; ``after``: when they have taken effect."""

    def __init__(self, store: Any, *, after: bool = False) -> None:
        self.store, self.after, self.down = store, after, True

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            if self.down and not self.after:
                raise StorageUnavailable
            answer = getattr(self.store, name)(*arguments)
            if self.down:
                raise StorageUnavailable
            return answer

        return call


def table(ids: Any) -> Deduplicator:
    return Deduplicator(ids, Parallel(1), 86_400.0)


def deliver(container: EventProcessor, event: Any) -> bool:
    """Whether all of it made it."""
    return not container.process(event, lambda: 60.0, ARRIVED + 1)["batchItemFailures"]


def counted(plane: EventPlane) -> int:
    return sum(sums[0] for sums in plane.counted().values())


def test_a_claim_whose_answer_was_lost_counts_when_it_is_made_again() -> None:
    ids = Failing(MemoryEventIds(), after=True)
    plane = EventPlane(deduplicator=table(ids))
    assert not deliver(plane.processor, A)
    ids.down = False
    assert deliver(plane.processor, B)
    assert deliver(plane.processor, A)
    assert counted(plane) == 1


def test_a_claim_counts_though_another_container_takes_it_over() -> None:
    plane, ids = EventPlane(), MemoryEventIds()
    first = plane.new_container(deduplicator=table(ids), verdicts=Failing(MemoryVerdicts()))
    second = plane.new_container(deduplicator=table(ids))
    assert not deliver(first, A)
    assert deliver(second, B)
    assert deliver(second, A)
    assert counted(plane) == 1


def test_without_a_table_shards_that_swap_containers_count_each_event_of_theirs() -> None:
    plane = EventPlane()
    verdicts = Failing(plane.verdicts)
    first, second = plane.new_container(verdicts=verdicts), plane.new_container(verdicts=verdicts)
    assert not deliver(first, A)
    assert not deliver(second, B)
    verdicts.down = False
    assert deliver(second, A)
    assert deliver(first, B)
    assert counted(plane) == 2  # across shards only the table knows


@pytest.mark.parametrize("ids", [None, MemoryEventIds()])
def test_a_repeat_in_a_later_batch_of_the_shard_is_known(ids: Any) -> None:
    plane = EventPlane(deduplicator=table(ids))
    assert deliver(plane.processor, A)
    assert deliver(plane.processor, kinesis([SENT], start=7))
    assert counted(plane) == 1
