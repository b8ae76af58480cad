"""Whatever fails, wherever: each event counts once, is archived, or is in quarantine. In memory, by seed.

tests/integration/test_faults.py does the same with the real handler, stores and processes.
"""

import gzip
import random
from collections import Counter as Multiset
from typing import Any

import orjson
import pytest

from chalicelib.domain.definitions.model import Assignment
from chalicelib.domain.stream.amounts import SCALE
from chalicelib.services.concurrency import Parallel
from chalicelib.services.events.deduplication import Deduplicator
from chalicelib.services.events.processor import EventProcessor
from realtime.testing.event_stores import MemoryEventIds
from tests.support.faults import Faults, Killed
from tests.support.plane import EventPlane, FixedDefinitions, purchase_experiment
from tests.support.streams import ARRIVED, purchase, record

SCHEDULES = 400
HOURS = ("08", "09", "10")


class Schedule:
    """One shard's records, delivered as Lambda would, by a process that is killed and stores that fail."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.plane = EventPlane()
        self.faults = Faults(self.chance, self.chance.choice([0.02, 0.1, 0.3]))
        self.ids = MemoryEventIds()
        self.records: list[dict[str, Any]] = []
        self.truth: Multiset[tuple[str, str, int, int]] = Multiset()  # (variant, type, hour, amount)
        self.loose: Multiset[str] = Multiset()  # type → events whose variant depends on when they were seen
        self.poison: set[tuple[str, int]] = set()
        self.sent: list[dict[str, Any]] = []
        for user in range(6):
            if user % 3:
                self.plane.assign(f"u{user}", ("control", "treatment")[user % 2], at=ARRIVED - 86_400)
        for number in range(self.chance.randrange(1, 60)):
            self._add(number)
        self.container = self._new_container()

    def _new_container(self) -> EventProcessor:
        plane, parallel = self.plane, Parallel(1)
        names = ("assignments", "verdicts", "counters", "archive", "quarantine")
        stores = {name: self.faults.wrap(getattr(plane, name)) for name in names}
        deduplicator = Deduplicator(self.faults.wrap(self.ids), parallel, 86_400.0)
        return plane.new_container(deduplicator=deduplicator, parallel=parallel, **stores)

    def _add(self, number: int) -> None:
        kind = self.chance.random()
        if kind < 0.1:
            self.records.append(record(self.chance.choice([b"{", b"[]", b"", "%"]), number))
            self.poison.add((self.records[-1]["kinesis"]["sequenceNumber"], 0))
        elif kind < 0.2 and self.sent:
            self.records.append(record(self.chance.choice(self.sent), number))
        elif kind < 0.3:
            event = purchase("late", event_type="exposure", experiment_key="checkout")
            self._send(event, number)
            self.loose["exposure"] += 1
        else:
            user, hour = self.chance.randrange(6), self.chance.choice(HOURS)
            amount = self.chance.randrange(10_000_000)
            timestamp = f"2026-11-22T{hour}:00:00Z"
            self._send(purchase(f"u{user}", value=amount / 10_000, timestamp=timestamp), number)
            variant = ("control", "treatment")[user % 2] if user % 3 else "$unassigned"
            self.truth[variant, "purchase", int(hour), amount * SCALE // 10_000] += 1

    def _send(self, event: dict[str, Any], number: int) -> None:
        self.sent.append(event)
        self.records.append(record(event, number))

    def run(self) -> None:
        at = attempts = 0
        while at < len(self.records):
            attempts += 1
            if attempts > 150:
                self.faults.settle()
            self._meanwhile()
            start = self.chance.randrange(at + 1) if self.chance.random() < 0.1 else at  # delivered again
            batch = self.records[start : max(at, start) + self.chance.randrange(1, 30)]
            at = max(at, start + self._deliver(batch))
        self.faults.settle()
        self._deliver(self.records[self.chance.randrange(len(self.records)) :])

    def _deliver(self, batch: list[dict[str, Any]]) -> int:
        """How many records of it are done."""
        try:
            answer = self.container.process({"Records": batch}, lambda: 60.0, ARRIVED + 1)
        except Killed:
            self.container = self._new_container()
            return 0
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        numbers = [record_["kinesis"]["sequenceNumber"] for record_ in batch]
        return min((numbers.index(number) for number in failed), default=len(batch))

    def _meanwhile(self) -> None:
        """An assignment lands late, a container starts, the experiment is published again."""
        if self.chance.random() < 0.1:
            row = Assignment(variant="control", assignment_id="a", timestamp=ARRIVED - 1)
            self.plane.assignments.rows["checkout", "late"] = row
        if self.chance.random() < 0.1:
            self.container = self._new_container()
        if self.chance.random() < 0.05:
            self.plane.experiments = FixedDefinitions(
                purchase_experiment(), purchase_experiment("another", metrics=[])
            )


def check(schedule: Schedule) -> None:
    expected: dict[tuple[str, str, int], list[int]] = {}
    for (variant, event_type, hour, amount), times in schedule.truth.items():
        sums = expected.setdefault((variant, event_type, hour), [0, 0, 0])
        for index, number in enumerate((1, amount, amount * amount)):
            sums[index] += number * times
    loose: Multiset[str] = Multiset()
    totals: dict[tuple[str, str, int], list[int]] = {}
    for (variant, event_type, _, hour), sums_ in schedule.plane.counted().items():
        if event_type in schedule.loose:
            loose[event_type] += sums_[0]
        else:
            totals[variant, event_type, hour] = list(sums_)
    assert totals == expected
    assert loose == schedule.loose
    quarantined = {(entry.sequence_number, entry.poison.part) for entry in schedule.plane.quarantine.entries}
    assert quarantined == schedule.poison
    lines = [
        orjson.loads(line)
        for body in schedule.plane.archive.objects.values()
        for line in gzip.decompress(body).splitlines()
    ]
    assert {line["event_id"] for line in lines} == {event["event_id"] for event in schedule.sent}
    counted = {
        (line["realtime"]["place"], experiment["variant"])
        for line in lines
        for experiment in line["realtime"]["experiments"]
    }
    assert len(counted) == sum(schedule.truth.values()) + sum(schedule.loose.values())


@pytest.mark.parametrize("group", range(4))
def test_every_event_counts_once_whatever_fails(group: int) -> None:
    for seed in range(group, SCHEDULES, 4):
        schedule = Schedule(seed)
        schedule.run()
        try:
            check(schedule)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
