"""Concurrency, shards and DynamoDB units of a load. Pure."""

from dataclasses import dataclass

from realtime.capacity.facts import BYTES, REQUESTS_PER_UNIT
from realtime.capacity.load import HEADROOM, Load, round_up
from realtime.capacity.work import (
    BATCH_SECONDS,
    BATCH_SIZE,
    MEMORY_MB,
    Work,
    average_ms,
    count_records,
    list_work,
    make_batch,
    make_sync,
)

LOSS = 1e-4
"""The share of requests that may be refused because every environment is busy."""
SHARD_RECORDS, SHARD_BYTES = 1_000, 1_000_000
"""A shard takes so much a second (AWS's documents)."""
NEW_STREAM_SHARDS = 4
"""Of a stream on demand. It has room for twice the highest rate of the last 30 days."""
PARTITION_WRITES = 1_000
"""A partition of a table takes so many units a second, and is one shard of the table's stream."""
NEW_TABLE_WRITES = 4_000
CHECK_SECONDS, DEFINITIONS_SECONDS = 5.0, 300.0
"""`REALTIME_DEFINITIONS_CHECK` and `REALTIME_DEFINITIONS_TTL`."""
COUNTERS_A_BATCH = 4
"""Distinct experiments, variants and event types, for each of which a batch has one write."""


@dataclass(frozen=True, slots=True)
class FunctionSize:
    """``rate``: invocations a second. ``milliseconds``: of one, its work after the answer included.

    ``by_duration``: environments by Erlang's loss formula, so that at most `LOSS` of requests finds none.
    ``by_rate``: units of concurrency by Lambda's limit of requests a second.
    """

    rate: float
    milliseconds: float
    by_duration: int
    by_rate: int

    @property
    def units(self) -> int:
        return max(self.by_duration, self.by_rate)


@dataclass(frozen=True, slots=True)
class TableUnits:
    """A second at the peak."""

    reads: float
    writes: float


@dataclass(frozen=True, slots=True)
class Size:
    functions: dict[str, FunctionSize]
    shards: int
    open_shards: int
    """As many may be open while the stream resizes itself."""
    batch_ms: float
    """A full batch, as the functions have it."""
    assignments: TableUnits
    counters: TableUnits
    publications: TableUnits

    @property
    def concurrency(self) -> int:
        return sum(function.units for function in self.functions.values())


def erlang_b(servers: int, offered: float) -> float:
    """The share of arrivals that finds every server busy, for any distribution of service times."""
    blocked = 1.0
    for count in range(1, servers + 1):
        blocked = offered * blocked / (count + offered * blocked)
    return blocked


def count_servers(offered: float, loss: float = LOSS) -> int:
    """The fewest servers that lose at most ``loss`` of ``offered`` erlangs."""
    servers, blocked = 0, 1.0
    while blocked > loss and offered > 0:
        servers += 1
        blocked = offered * blocked / (servers + offered * blocked)
    return servers


def compute_size(load: Load) -> Size:
    records = count_records(load, at_peak=True)
    work = list_work(load)
    functions = {
        "assignment": _size(load.assigns, average_ms(work["assignment"], MEMORY_MB["assignment"])),
        "feature_flags": _size(load.flags, average_ms(work["feature_flags"], MEMORY_MB["feature_flags"])),
        "ingest": _size(load.ingests, average_ms(work["ingest"], MEMORY_MB["ingest"])),
    }
    full = _mix_batch(BATCH_SIZE, records.client / records.total if records.total else 1.0)
    batch_ms = full.count_busy_ms(MEMORY_MB["event_processor"])
    needed = max(
        records.total / SHARD_RECORDS,
        records.bytes / SHARD_BYTES,
        records.total / BATCH_SIZE * batch_ms / 1000,
    )
    shards = max(1, round_up(needed * HEADROOM))
    open_shards = max(NEW_STREAM_SHARDS, 2 * shards)
    functions["event_processor"] = _size_readers(records.total, open_shards, batch_ms)
    partitions = round_up(max(NEW_TABLE_WRITES, 2 * load.assigns) / PARTITION_WRITES)
    sync_ms = make_sync(BATCH_SIZE).count_busy_ms(MEMORY_MB["assignment_sync"])
    functions["assignment_sync"] = _size_readers(load.assigns, partitions, sync_ms)
    if load.front == "rest":
        functions["authorizer"] = _size_authorizer(load)
    return Size(
        functions=functions,
        shards=shards,
        open_shards=open_shards,
        batch_ms=batch_ms,
        assignments=TableUnits(
            0.5 * load.assigns * (1 - load.assignment_hits) + load.counted * load.events, load.assigns
        ),
        counters=count_counter_units(records.client, shards, load.assigns, partitions),
        publications=TableUnits(count_containers(functions) * 0.5 / CHECK_SECONDS, 0.0),
    )


def count_containers(functions: dict[str, FunctionSize]) -> int:
    """Environments that are busy often enough to check for new definitions."""
    names = ("assignment", "feature_flags", "event_processor")
    return sum(functions[name].by_duration for name in names)


def count_batches(rate: float, shards: int) -> tuple[float, float]:
    """Batches a second on all ``shards``, and the records of one."""
    if not rate:
        return 0.0, 0.0
    size = min(BATCH_SIZE, max(1.0, rate / shards * BATCH_SECONDS))
    return rate / size, size


def count_counter_units(events: float, shards: int, assigns: float, partitions: int) -> TableUnits:
    batches, size = count_batches(events, shards)
    verdicts = round_up(max(1.0, size / BATCH_SIZE * BYTES["verdicts_item"] / 1024))
    changes, _ = count_batches(assigns, partitions)
    return TableUnits(batches, batches * (verdicts + COUNTERS_A_BATCH) + changes * 2)


def _mix_batch(size: float, share_of_clients: float) -> Work:
    return make_batch(size * share_of_clients, size * (1 - share_of_clients))


def _size(rate: float, milliseconds: float) -> FunctionSize:
    offered = rate * HEADROOM * milliseconds / 1000
    by_rate = round_up(rate * HEADROOM / REQUESTS_PER_UNIT)
    return FunctionSize(rate, milliseconds, count_servers(offered), by_rate)


def _size_readers(rate: float, shards: int, milliseconds: float) -> FunctionSize:
    """One reader a shard: a stream waits, and refuses nothing."""
    batches, _ = count_batches(rate, shards)
    return FunctionSize(batches, milliseconds, shards, round_up(batches / REQUESTS_PER_UNIT))


def _size_authorizer(load: Load) -> FunctionSize:
    """When the gateway's copy of a key's answer expires, every request with that key asks until one is back.

    At worst one key carries the whole load.
    """
    milliseconds = average_ms(list_work(load)["authorizer"], MEMORY_MB["authorizer"])
    together = load.decisions * HEADROOM * milliseconds / 1000
    rate = (load.keys + load.decisions * milliseconds / 1000) / load.key_seconds
    by_rate = round_up((load.keys + together) / REQUESTS_PER_UNIT)
    return FunctionSize(rate, milliseconds, round_up(together) + 1, by_rate)
