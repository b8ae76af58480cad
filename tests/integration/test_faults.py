"""The proof of guarantee 2: the real handler under the pump, against local AWS that fails in every way.

Each schedule is drawn from a seed. `make chaos` runs 5,000 of them; REALTIME_SEED=7 runs one again.
"""

import os
import random
import time
from collections import Counter as Multiset
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from chalicelib.domain.definitions import Stored
from chalicelib.settings import Settings
from chalicelib.stores.assignments import AssignmentStore
from chalicelib.stores.clients import Clients as ServiceClients
from chalicelib.stores.counters import CounterStore
from chalicelib.stores.definitions import DefinitionStore
from chalicelib.stores.quarantine import Quarantine
from realtime.local.clients import Clients
from realtime.local.provision import provision
from realtime.local.pump import Pump
from realtime.local.streams import KinesisStream
from realtime.resources import EventSource, Stream, describe
from tests.conftest import unique_names
from tests.support import containers
from tests.support.archive import archived_lines
from tests.support.containers import Container, ContainerDied
from tests.support.experiments import experiment, published
from tests.support.proxy import FAULTS, Call, FaultProxy

SCHEDULES = int(os.environ.get("REALTIME_SCHEDULES", "200"))
GROUPS = 20
ONLY = os.environ.get("REALTIME_SEED")
METRICS = ["purchase", "signup"]
CHECKOUT = experiment(metrics=METRICS)
POISON = (
    b"{",
    b"[]",
    b"null",
    b'{"event_type":"purchase"}',
    b"\xff",
    b'{"user_id":"\\ud800"}',
    b"x" * 300_000,
)


@dataclass(frozen=True)
class Bench:
    """What all schedules of a worker share."""

    clients: Clients
    service: ServiceClients
    proxy: FaultProxy
    socket: Path


@pytest.fixture(scope="session")
def bench(
    aws_environment: dict[str, str],
    aws_clients: Clients,
    service_clients: ServiceClients,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Bench]:
    upstream = int(aws_environment["AWS_ENDPOINT_URL"].rpartition(":")[2])
    socket = tmp_path_factory.mktemp("containers") / "socket"
    with FaultProxy(upstream) as proxy:
        environment = aws_environment | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}"}
        with containers.start(socket, environment) as process:
            yield Bench(aws_clients, service_clients, proxy, socket)
            assert process.stdin is not None
            process.stdin.close()


class Schedule:
    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.chance = random.Random(seed)
        names = unique_names(Settings.from_env({}))
        self.table = self.chance.random() < 0.3  # duplicates may come from anywhere
        self.settings = replace(names, event_dedupe="table" if self.table else "memory")
        shards = self.chance.choice([1, 2])
        resources = describe(self.settings)
        unused = {names.flags_table, names.keys_table, names.overrides_table}
        tables = tuple(table for table in resources.tables if table.name not in unused)
        stream = Stream(self.settings.event_stream, shards)
        provision(replace(resources, stream=stream, tables=tables), bench.clients)
        self.stream = KinesisStream(bench.clients.kinesis, self.settings.event_stream)
        self.truth: Multiset[tuple[str, int, int]] = Multiset()  # (variant, hour since 1970, amount)
        self.signups = 0  # events of a user whose assignment lands in between
        self.poison: set[str] = set()
        self.sent: list[dict[str, Any]] = []
        self.rate = self.chance.choice([0.05, 0.1, 0.3])
        self.budget = 8  # so that each schedule is bounded
        self.container: Container | None = None

    def run(self) -> None:
        DefinitionStore(self.bench.service, self.settings).publish([published(metrics=METRICS)], 0, 0.0)
        self.assignments = AssignmentStore(self.bench.service, self.settings)
        self.now = time.time()
        for user in (1, 2, 4, 5):
            variant = ("control", "treatment")[user % 2]
            self._assign(f"u{user}", variant)
        self.bench.proxy.decide, self.bench.proxy.kill = self._decide, self._kill
        try:
            checkpoints = self._produce_and_consume({})
            if self.chance.random() < 0.3:
                self._reshard()
                checkpoints = self._produce_and_consume(checkpoints)
            self.bench.proxy.settle()
            self._consume(self._earlier(checkpoints))  # delivered once more, in peace
        finally:
            self.bench.proxy.settle()
            self._close()

    def _produce_and_consume(self, checkpoints: dict[str, str]) -> dict[str, str]:
        self._produce(self.chance.randrange(3, 25))
        for _ in range(self.chance.randrange(3)):
            checkpoints = self._earlier(self._consume(checkpoints, self.chance.randrange(1, 4)))
            self._meanwhile()
        return self._consume(checkpoints)

    def _produce(self, number: int) -> None:
        records: list[Any] = []
        for _ in range(number):
            kind = self.chance.random()
            if kind < 0.1:
                data = self.chance.choice(POISON)
            elif kind < 0.2 and self.sent and self.table:
                data = orjson.dumps(self.chance.choice(self.sent))
            else:
                data = orjson.dumps(self._event())
            records.append({"Data": data, "PartitionKey": f"k{self.chance.randrange(9)}"})
        answer = self.bench.clients.kinesis.put_records(
            StreamName=self.settings.event_stream, Records=records
        )
        for record, put in zip(records, answer["Records"], strict=True):
            if record["Data"] in POISON:
                self.poison.add(put["SequenceNumber"])

    def _event(self) -> dict[str, Any]:
        user, amount = self.chance.randrange(7), self.chance.randrange(10_000_000)
        hour = int(self.now // 3600) - self.chance.randrange(3)
        event: dict[str, Any] = {
            "event_id": f"e{len(self.sent)}",
            "event_type": "purchase",
            "user_id": f"u{user}",
            "timestamp": time.strftime("%Y-%m-%dT%H:05:00Z", time.gmtime(hour * 3600)),
            "value": amount / 10_000,
        }
        self.sent.append(event)
        if user == 6:
            event["event_type"] = "signup"
            self.signups += 1
        else:
            variant = ("control", "treatment")[user % 2] if user % 3 else "$unassigned"
            self.truth[variant, hour, amount] += 1
        return event

    def _consume(self, checkpoints: dict[str, str], batches: int | None = None) -> dict[str, str]:
        size = self.chance.randrange(2, 20)
        source = EventSource("event_processor", self.settings.event_stream, batch_size=size, window=0.0)
        pump = Pump(source, self.stream, self._invoke, _never, checkpoints=checkpoints, backoff=(0.002, 0.05))
        if batches is None:
            pump.drain(120.0)
        else:
            for _ in range(batches):
                pump.run_once()
        return pump.checkpoints

    def _invoke(self, event: Any, context: Any) -> Any:
        if self.container is None or self.chance.random() < 0.1:
            self._close()
            self.container = Container(self.bench.socket, self.settings)
        try:
            return self.container(event, context)
        except ContainerDied:
            self._close()
            raise

    def _decide(self, call: Call) -> str:
        if self.budget > 0 and self.chance.random() < self.rate:
            self.budget -= 1
            return self.chance.choice(FAULTS)
        return ""

    def _kill(self) -> None:
        if self.container is not None:
            os.kill(self.container.pid, 9)

    def _close(self) -> None:
        if self.container is not None:
            self.container.close()
            self.container = None

    def _earlier(self, checkpoints: dict[str, str]) -> dict[str, str]:
        """The consumer forgets how far it was: some records are delivered again, in other batches."""
        return {shard: at for shard, at in checkpoints.items() if self.chance.random() < 0.7}

    def _meanwhile(self) -> None:
        """An assignment lands whose decision is older than events that were seen without it."""
        if self.chance.random() < 0.5:
            self._assign("u6", "control")

    def _assign(self, user: str, variant: str) -> None:
        self.assignments.put(CHECKOUT, user, Stored(variant, f"a-{user}", self.now - 60.0), None)

    def _reshard(self) -> None:
        shards = self.bench.clients.kinesis.list_shards(StreamName=self.settings.event_stream)["Shards"]
        first = min(shards, key=lambda shard: shard["ShardId"])
        bounds = first["HashKeyRange"]
        middle = (int(bounds["StartingHashKey"]) + int(bounds["EndingHashKey"])) // 2
        self.bench.clients.kinesis.split_shard(
            StreamName=self.settings.event_stream,
            ShardToSplit=first["ShardId"],
            NewStartingHashKey=str(middle),
        )


def _never(message: dict[str, Any]) -> None:
    raise AssertionError(f"discarded: {message}")


def check(schedule: Schedule) -> None:
    service, settings = schedule.bench.service, schedule.settings
    expected: dict[tuple[str, int], list[int]] = {}
    for (variant, hour, amount), times in schedule.truth.items():
        _add(expected, (variant, hour), (times, times * amount, times * amount * amount))
    found: dict[tuple[str, int], list[int]] = {}
    signups = 0
    for counter, hours in CounterStore(service, settings.counters_table).read("checkout"):
        for hour, sums in hours.items():
            if counter.event_type == "signup":
                signups += sums.count
            else:
                key = counter.variant, counter.day * 24 + hour
                _add(found, key, (sums.count, sums.total, sums.squares))
    assert found == expected, "counters"
    assert signups == schedule.signups, "counters of events whose user was assigned meanwhile"

    lines = archived_lines(service, settings.archive_bucket)
    assert {line["event_id"] for line in lines} == {event["event_id"] for event in schedule.sent}, "archive"
    about = [line["realtime"] for line in lines]
    counted = {(one["place"], part["variant"]) for one in about for part in one["experiments"]}
    assert len(counted) == len(schedule.sent), "what the archive says was counted"

    quarantine = Quarantine(service, settings.quarantine_queue, settings.archive_bucket)
    waiting = set()
    while batch := quarantine.receive():
        waiting |= {one.description["sequence_number"] for one in batch}
    assert waiting == schedule.poison, "quarantine"


def _add(sums: dict[tuple[str, int], list[int]], key: tuple[str, int], added: tuple[int, int, int]) -> None:
    one = sums.setdefault(key, [0, 0, 0])
    for index, number in enumerate(added):
        one[index] += number


@pytest.mark.timeout(0 if SCHEDULES > 1000 else 300)
@pytest.mark.parametrize("group", range(GROUPS))
def test_every_event_counts_once_and_nothing_is_lost(bench: Bench, group: int) -> None:
    seeds = range(group, SCHEDULES, GROUPS) if ONLY is None else [int(ONLY)] if group == 0 else []
    for seed in seeds:
        schedule = Schedule(bench, seed)
        try:
            schedule.run()
            check(schedule)
        except Exception as error:
            raise AssertionError(f"REALTIME_SEED={seed}: {type(error).__name__}: {error}") from error
