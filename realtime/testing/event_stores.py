"""The event stream's stores in memory; `realtime.testing.stores` has the others."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from threading import Lock
from typing import Any

from chalicelib.domain.stream.archive import ArchiveObject
from chalicelib.domain.stream.counters import (
    Addition,
    CountedScope,
    Counter,
    CounterItem,
    parse_hours,
)
from chalicelib.domain.stream.event_ids import Claim, EventName
from chalicelib.domain.stream.folded_days import POSITION_SECONDS, PackedDay, add_items, pack_day, unpack_day
from chalicelib.domain.stream.outgoing import OutgoingRecord
from chalicelib.domain.stream.quarantine import (
    CALL_SIZE,
    HIDDEN_SECONDS,
    QuarantinedRecord,
    QuarantineEntry,
    QueueState,
)
from chalicelib.domain.stream.verdicts import Verdicts


class MemoryCounters:
    """`chalicelib.stores.counters.CounterStore`; ``writes`` counts the calls that wrote."""

    def __init__(self) -> None:
        self.writes = 0
        self._items: dict[Counter, tuple[str, dict[str, int]]] = {}
        self._days: dict[str, dict[int, PackedDay]] = {}
        self._folded_at: dict[Counter, float] = {}
        self._lock = Lock()

    def add(self, tally: Addition, counted: str | None) -> str | None:
        with self._lock:
            stored, numbers = self._items.get(tally.counter, (None, {}))
            if stored is not None and (stored >= tally.first if counted is None else stored != counted):
                return stored
            for name, number in tally.increments().items():
                numbers[name] = numbers.get(name, 0) + number
            self._items[tally.counter] = tally.last, numbers
            self.writes += 1
            return None

    def read_positions(self, scope: str) -> CountedScope:
        positions = {each: stored for each, (stored, _) in self._items.items() if each.scope == scope}
        return CountedScope(list(self.read(scope)), positions)

    def read(self, scope: str) -> Iterator[CounterItem]:
        for counter, (_, numbers) in sorted(self._items.items()):
            if counter.scope == scope and numbers:
                yield CounterItem(counter, parse_hours(numbers))
        for day, packed in sorted(self._days.get(scope, {}).items()):
            yield from unpack_day(scope, day, packed)

    def fold(self, scope: str, before: int, now: float) -> int:
        moved = 0
        with self._lock:
            days = self._days.setdefault(scope, {})
            for counter, (position, numbers) in list(self._items.items()):
                if counter.scope == scope and counter.day < before:
                    if numbers:
                        folded = (
                            unpack_day(scope, counter.day, days[counter.day]) if counter.day in days else []
                        )
                        item = CounterItem(counter, parse_hours(numbers))
                        days[counter.day] = pack_day(add_items(folded, [item]))
                        self._items[counter], self._folded_at[counter] = (position, {}), now
                        moved += 1
                    elif self._folded_at[counter] < now - POSITION_SECONDS:
                        del self._items[counter]
        return moved


class MemoryVerdicts:
    """`chalicelib.stores.verdicts.VerdictStore`; ``writes`` counts the calls that wrote."""

    def __init__(self) -> None:
        self.writes = 0
        self._shards: dict[str, Verdicts] = {}
        self._lock = Lock()

    def read(self, shard: str, positions: Sequence[str]) -> Verdicts | None:
        stored = self._shards.get(shard)
        return stored and _select(stored, positions)

    def write(
        self, shard: str, verdicts: Verdicts, replaced: Verdicts | None, positions: Sequence[str]
    ) -> Verdicts | None:
        with self._lock:
            stored = self._shards.get(shard)
            if stored is not None and (
                stored.last >= verdicts.first if replaced is None else stored[:2] != replaced[:2]
            ):
                return _select(stored, positions)
            self._shards[shard] = verdicts
            self.writes += 1
            return None


class MemoryArchive:
    """`chalicelib.stores.archive.S3Archive`: key → body."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, archived: ArchiveObject) -> None:
        self.objects[archived.key] = archived.compress()


class MemoryQuarantine:
    """`chalicelib.stores.quarantine.QuarantineQueue`; ``entries`` has all that was ever put."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.entries: list[QuarantineEntry] = []
        self._clock = clock
        self._lock = Lock()
        self._records: dict[str, QuarantinedRecord] = {}
        self._hidden_until: dict[str, float] = {}

    def put(self, entries: Sequence[QuarantineEntry]) -> list[bool]:
        with self._lock:
            for entry in entries:
                self.entries.append(entry)
                handle = str(len(self.entries))
                self._records[handle] = QuarantinedRecord(
                    handle, handle, self._clock(), entry.description(), entry.payload
                )
        return [True] * len(entries)

    def receive(self, wait: int = 0) -> list[QuarantinedRecord]:  # noqa: ARG002 - everything is here at once
        with self._lock:
            records = [record for record in self._records.values() if self._is_visible(record)][:CALL_SIZE]
            self._hide(records, HIDDEN_SECONDS)
        return records

    def hide(self, records: Sequence[QuarantinedRecord], seconds: int) -> None:
        with self._lock:
            self._hide(records, seconds)

    def remove(self, records: Sequence[QuarantinedRecord]) -> list[bool]:
        with self._lock:
            for record in records:
                self._records.pop(record.handle, None)
        return [True] * len(records)

    def read_payload(self, record: QuarantinedRecord) -> bytes | None:
        return record.inline

    def measure(self) -> QueueState:
        visible = sum(map(self._is_visible, self._records.values()))
        return QueueState(float(int(self._clock())), visible, len(self._records) - visible)

    def _hide(self, records: Sequence[QuarantinedRecord], seconds: int) -> None:
        self._hidden_until |= {record.handle: self._clock() + seconds for record in records}

    def _is_visible(self, record: QuarantinedRecord) -> bool:
        return self._hidden_until.get(record.handle, 0.0) <= self._clock()


class MemoryEventIds:
    """`chalicelib.stores.event_ids.EventIdStore`."""

    def __init__(self) -> None:
        self._owners: dict[EventName, str] = {}
        self._lock = Lock()

    def claim(self, claims: Sequence[Claim], expires_at: float) -> set[EventName]:  # noqa: ARG002 - nothing expires
        with self._lock:
            return {name for name, place in claims if self._owners.setdefault(name, place) != place}


class MemoryEventTypes:
    """`chalicelib.stores.event_types.EventTypeStore`."""

    def __init__(self) -> None:
        self._counted: dict[tuple[str, int], frozenset[str]] = {}
        self._lock = Lock()

    def claim(self, scope: str, day: int, names: frozenset[str], limit: int) -> frozenset[str]:
        with self._lock:
            counted = self._counted.get((scope, day), frozenset())
            counted |= frozenset(sorted(names - counted)[: limit - len(counted)])
            self._counted[scope, day] = counted
            return counted


class MemoryEventStream:
    """`chalicelib.stores.stream.EventStream`."""

    def __init__(self) -> None:
        self.records: list[OutgoingRecord] = []

    def put(self, records: Sequence[OutgoingRecord]) -> list[str | None]:
        self.records += records
        return [None] * len(records)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(record.data) for record in self.records]


def _select(stored: Verdicts, positions: Sequence[str]) -> Verdicts:
    wanted = set(positions)
    by_event = {event: verdict for event, verdict in stored.by_event.items() if event[0] in wanted}
    return Verdicts(stored.first, stored.last, by_event)
