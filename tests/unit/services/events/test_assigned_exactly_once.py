"""Whatever fails, wherever: assigned users are counted once for each stored row. In memory, by seed."""

import json
import random
from collections import Counter as Multiset
from typing import Any

import pytest

from chalicelib.domain.stream.counters import experiment_scope
from chalicelib.services.concurrency import Parallel
from chalicelib.services.events.assignment_sync import AssignmentSync
from chalicelib.services.events.srm import SampleRatioMonitor
from realtime.testing.event_stores import MemoryCounters, MemoryQuarantine
from realtime.testing.stores import MemoryAssignmentHistory, MemoryDefinitions, MemoryMetrics
from tests.support.assignments import Image, change, row
from tests.support.faults import Faults, Killed
from tests.support.plane import FixedDefinitions, purchase_experiment

SCHEDULES = 400
SHARDS = 2
USERS = {number: f"u{number}" for number in range(8)} | {8: "bad\0user"}
"""PostgreSQL takes no text with a zero byte."""


class Schedule:
    """Rows that are written, moved, restarted, touched and deleted, delivered as Lambda would."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.faults = Faults(self.chance, self.chance.choice([0.02, 0.1, 0.3]))
        self.counters, self.history = MemoryCounters(), MemoryAssignmentHistory()
        self.quarantine = MemoryQuarantine()
        self.rows: dict[int, Image | None] = {}
        self.latest: dict[int, tuple[int, str]] = {}
        self.assigned: Multiset[tuple[int, str]] = Multiset()  # (iteration, variant)
        self.shards: list[list[dict[str, Any]]] = [[] for _ in range(SHARDS)]
        for number in range(self.chance.randrange(1, 60)):
            self._change(number)
        self.container = self._new_container()

    def _new_container(self) -> AssignmentSync:
        counters, history = self.faults.wrap(self.counters), self.faults.wrap(self.history)
        split = SampleRatioMonitor(
            FixedDefinitions(purchase_experiment()), self.counters, MemoryDefinitions(), MemoryMetrics()
        )
        quarantine = self.faults.wrap(self.quarantine)
        return AssignmentSync(counters, Parallel(1), split, history, quarantine, MemoryMetrics())

    def _change(self, number: int) -> None:
        user = self.chance.randrange(9)
        old = self.rows.get(user)
        iteration, variant = self.latest.get(user, (1, self._variant()))
        action = self.chance.choice(["move", "restart", "touch", "delete"]) if old else "assign"
        if action == "move":
            self.assigned[iteration, variant] -= 1
        if action in ("move", "restart"):
            variant = self._variant()
        iteration += action == "restart"
        if action in ("assign", "move", "restart"):
            self.assigned[iteration, variant] += 1
        new = None if action == "delete" else self._row(user, iteration, variant, number)
        self.rows[user], self.latest[user] = new, (iteration, variant)
        self.shards[user % SHARDS].append(change(number + 1, new, old))  # a key's changes are in one shard

    def _variant(self) -> str:
        return self.chance.choice(["control", "treatment"])

    def _row(self, user: int, iteration: int, variant: str, number: int) -> Image:
        at = f"2026-11-{21 + number % 3}T{number % 24:02d}:30:00.000Z"
        return row(USERS[user], variant, at, iteration=str(iteration), touched=str(number))

    def run(self) -> None:
        at, attempts = [0] * SHARDS, 0
        while any(at[shard] < len(self.shards[shard]) for shard in range(SHARDS)):
            attempts += 1
            if attempts > 150:
                self.faults.settle()
            shard = self.chance.randrange(SHARDS)
            start = self.chance.randrange(at[shard] + 1) if self.chance.random() < 0.1 else at[shard]
            end = max(at[shard], start) + self.chance.randrange(1, 20)
            at[shard] = max(at[shard], start + self._deliver(shard, self.shards[shard][start:end]))
        self.faults.settle()
        for shard in range(SHARDS):
            self._deliver(shard, self.shards[shard])

    def _deliver(self, shard: int, records: list[dict[str, Any]]) -> int:
        """How many records of it are done."""
        try:
            answer = self.container.sync({"Records": records, "shardId": f"shard-{shard}"}, lambda: 60.0, 0.0)
        except Killed:
            self.container = self._new_container()
            return 0
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        return min((numbers.index(number) for number in failed), default=len(records))

    def counted(self) -> Multiset[tuple[int, str]]:
        totals: Multiset[tuple[int, str]] = Multiset()
        for iteration in {iteration for iteration, _ in self.assigned}:
            for counter, hours in self.counters.read(experiment_scope("checkout", iteration)):
                totals[iteration, counter.variant] += sum(sums.count for sums in hours.values())
        return totals


@pytest.mark.parametrize("group", range(4))
def test_every_stored_row_counts_once_and_is_kept_whatever_fails(group: int) -> None:
    for seed in range(group, SCHEDULES, 4):
        schedule = Schedule(seed)
        schedule.run()
        assert schedule.counted() == schedule.assigned, f"seed {seed}"
        quarantined = {json.loads(entry.payload)["id"] for entry in schedule.quarantine.entries}
        assert quarantined == {f"a-{USERS[8]}" for user in schedule.rows if user == 8}, f"seed {seed}"
        kept = {f"a-{USERS[user]}" for user in schedule.rows if user != 8}
        assert set(schedule.history.rows) == kept, f"seed {seed}"
