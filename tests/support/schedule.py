"""A drawn schedule of events, faults, deliveries and deaths, over the real handler and local AWS."""

import gzip
import os
import random
import time
from collections import Counter as Multiset
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
from aws_kinesis_agg.aggregator import RecordAggregator

from chalicelib.domain.definitions.model import Assignment
from chalicelib.domain.stream.amounts import SCALE
from chalicelib.settings import Settings
from chalicelib.stores.assignments import AssignmentStore
from chalicelib.stores.clients import Clients as ServiceClients
from chalicelib.stores.definitions import DefinitionStore
from realtime.local.clients import Clients
from realtime.local.provision import provision
from realtime.local.pump import Pump
from realtime.local.streams import KinesisStream
from realtime.resources import EventSource, Stream, describe
from tests.support.containers import Container, ContainerDied
from tests.support.experiments import experiment, published
from tests.support.proxy import FAULTS, Call, FaultProxy
from tests.support.unique_names import unique_names

DRAIN_SECONDS = 300.0  # the whole of CDNOW takes two minutes on a busy machine
METRICS = ["purchase", "signup"]
CHECKOUT = experiment(metrics=METRICS)
CONTAINERS = 3
"""That are kept alive, each with what it remembers."""
POISON = (
    b"{",
    b"[]",
    b'{"event_type":"purchase"}',
    b"\xff",
    b'{"user_id":"\\ud800"}',
    b"x" * 300_000,
    b"\x1f\x8bbroken",
)


@dataclass(frozen=True)
class Bench:
    """What all schedules of a worker share."""

    clients: Clients
    service: ServiceClients
    proxy: FaultProxy
    socket: Path


class Schedule:
    batch_size: int | None = None  # of each consumer its own

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.chance = random.Random(seed)
        # Drawn by the proxy's threads, in whatever order they run: all else follows from the seed alone.
        self.mischief = random.Random(f"{seed} mischief")
        names = unique_names(Settings.from_env({}))
        self.table = self.chance.random() < 0.3  # duplicates may come from anywhere
        self.settings = replace(names, event_dedupe="table" if self.table else "memory")
        shards = self.chance.choice([1, 2])
        resources = describe(self.settings)
        unused = {names.flags_table, names.segments_table, names.keys_table, names.overrides_table}
        tables = tuple(table for table in resources.tables if table.name not in unused)
        stream = Stream(self.settings.event_stream, shards)
        provision(replace(resources, stream=stream, tables=tables), bench.clients)
        self.stream = KinesisStream(bench.clients.kinesis, self.settings.event_stream)
        self.truth: Multiset[tuple[str, int, int]] = Multiset()  # (variant, hour since 1970, amount)
        self.signups = 0  # events of a user whose assignment lands in between
        self.poison: set[tuple[str, int]] = set()  # sequence number and part
        self.sent: list[dict[str, Any]] = []
        self.rate = self.chance.choice([0.05, 0.1, 0.3])
        self.budget = 8  # so that each schedule is bounded
        self.free: list[Container] = []
        self.busy: list[Container] = []

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
        poisoned: list[list[int]] = []
        for _ in range(number):
            if self.chance.random() < 0.1:
                data, poison = self._aggregate()
            else:
                data, spoilt = self._part()
                poison = [0] if spoilt else []
            records.append({"Data": data, "PartitionKey": f"k{self.chance.randrange(9)}"})
            poisoned.append(poison)
        answer = self.bench.clients.kinesis.put_records(
            StreamName=self.settings.event_stream, Records=records
        )
        for poison, put in zip(poisoned, answer["Records"], strict=True):
            self.poison |= {(put["SequenceNumber"], part) for part in poison}

    def _aggregate(self) -> tuple[bytes, list[int]]:
        """A record of the Kinesis Producer Library, and which of its parts are poison."""
        aggregator = RecordAggregator()
        poison = []
        for number in range(self.chance.randrange(1, 5)):
            data, spoilt = self._part()
            aggregator.add_user_record(f"k{number}", data)
            poison += [number] if spoilt else []
        content: bytes = aggregator.clear_and_get().get_contents()[2]
        return content, poison

    def _part(self) -> tuple[bytes, bool]:
        """An event as it is sent, or poison."""
        kind = self.chance.random()
        if kind < 0.1:
            return self.chance.choice(POISON), True
        event = self.chance.choice(self.sent) if kind < 0.2 and self.sent and self.table else self._event()
        data = orjson.dumps(event)
        return (gzip.compress(data) if self.chance.random() < 0.2 else data), False

    def _event(self) -> dict[str, Any]:
        user, millionths = self.chance.randrange(7), self.chance.randrange(100_000_000)
        hour = int(self.now // 3600) - self.chance.randrange(3)
        event: dict[str, Any] = {
            "event_id": f"e{len(self.sent)}",
            "event_type": "purchase",
            "user_id": f"u{user}",
            "timestamp": time.strftime("%Y-%m-%dT%H:05:00Z", time.gmtime(hour * 3600)),
            "value": millionths / 1_000_000,
        }
        self.sent.append(event)
        if user == 6:
            event["event_type"] = "signup"
            self.signups += 1
        else:
            variant = ("control", "treatment")[user % 2] if user % 3 else "$unassigned"
            self.truth[variant, hour, millionths * SCALE // 1_000_000] += 1
        return event

    def _consume(self, checkpoints: dict[str, str], batches: int | None = None) -> dict[str, str]:
        size = self.batch_size or self.chance.randrange(2, 20)
        source = EventSource("event_processor", self.settings.event_stream, batch_size=size, window=0.0)
        pump = Pump(source, self.stream, self._invoke, _never, checkpoints=checkpoints, backoff=(0.002, 0.05))
        if batches is None:
            self._drain(pump)
        else:
            for _ in range(batches):
                pump.run_once()
        return pump.checkpoints

    def _drain(self, pump: Pump) -> None:
        """All shards at once, as Lambda does it; where nothing else is drawn, one after the other."""
        if self.chance.random() < 0.5:
            pump.drain(DRAIN_SECONDS)
            return
        pump.start()
        try:
            pump.drain(DRAIN_SECONDS)
        finally:
            pump.stop()

    def _invoke(self, event: Any, context: Any) -> Any:
        container = self._container()
        self.busy.append(container)
        try:
            answer = container(event, context)
        except ContainerDied:
            container.close()
            raise
        finally:
            self.busy.remove(container)
        self.free.append(container)
        return answer

    def _container(self) -> Container:
        """Any that is free, or a new one."""
        with suppress(IndexError):
            if self.mischief.random() < 0.7:
                return self.free.pop(self.mischief.randrange(len(self.free) or 1))
        if len(self.free) > CONTAINERS:
            self._close()
        return Container(self.bench.socket, self.settings)

    def _decide(self, call: Call) -> str:
        if self.budget > 0 and self.mischief.random() < self.rate:
            self.budget -= 1
            return self.mischief.choice(FAULTS)
        return ""

    def _kill(self) -> None:
        with suppress(IndexError, ProcessLookupError):
            os.kill(self.mischief.choice(self.busy).pid, 9)

    def _close(self) -> None:
        while self.free:
            self.free.pop().close()

    def _earlier(self, checkpoints: dict[str, str]) -> dict[str, str]:
        """The consumer forgets how far it was: some records are delivered again, in other batches."""
        return {shard: at for shard, at in checkpoints.items() if self.chance.random() < 0.7}

    def _meanwhile(self) -> None:
        """An assignment lands that is older than events that were seen without it."""
        if self.chance.random() < 0.5:
            self._assign("u6", "control")

    def _assign(self, user: str, variant: str) -> None:
        self.assignments.put(CHECKOUT, user, Assignment(variant, f"a-{user}", self.now - 86_400.0), None)

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
