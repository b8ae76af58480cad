"""Definitions from their tables or, while those do not answer, from the newest snapshot."""

from collections.abc import Callable, Collection, Mapping
from math import inf
from threading import Lock
from typing import Protocol, TypeVar

from chalicelib.domain.definitions.model import Changes, DefinitionKind, DefinitionRow, Definitions
from chalicelib.domain.definitions.snapshot import Snapshot
from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.concurrency import start_call

HEDGE_SECONDS = 0.5
"""Look into the snapshot if the tables take longer. A healthy one answers in hundredths of this."""
POLL_SECONDS = 5.0
"""In an outage, look for a newer snapshot this often."""
RETRY_SECONDS = 1.0
"""After a snapshot could not be read."""

T = TypeVar("T")


class Snapshots(Protocol):
    def read(self, at_least: int) -> Snapshot | None:
        """The newest snapshot, if there is one of this version or a later one.

        Raises StorageUnavailable or Throttled.
        """


class SnapshotFallback:
    """A snapshot that is older than the newest known publication answers nothing."""

    def __init__(
        self, table: Definitions, snapshots: Snapshots, metrics: MetricsRecorder, timer: Callable[[], float]
    ) -> None:
        self._table = table
        self._snapshots = snapshots
        self._metrics = metrics
        self._timer = timer
        self._known = 0  # the newest version that a table or a snapshot has named
        self._loaded: Snapshot | None = None
        self._is_away = False  # the tables did not answer the last version check
        self._next_reads: dict[int, float] = {}  # version that was asked for in vain → time of the next try
        self._reading = Lock()

    def get_changes(self, version: int | None) -> Changes:
        """From a snapshot, `Changes.is_current` is false."""

        def read_snapshot() -> Changes | None:
            snapshot = self._find(0 if version is None else version + 1)
            if snapshot is None:
                return None
            self._is_away, self._known = True, snapshot.version
            return Changes(snapshot.version, None, is_current=False)

        if version is None:  # the caller has nothing else
            changes = self._ask(lambda: self._table.get_changes(version), read_snapshot)
        else:
            changes = _call_or_else(lambda: self._table.get_changes(version), read_snapshot)
        if changes.is_current:
            self._is_away, self._known = False, max(self._known, changes.version)
            if self._loaded is not None and self._loaded.version < self._known:
                self._loaded = None
        return changes

    def get_many(self, kind: DefinitionKind, keys: Collection[str]) -> Mapping[str, DefinitionRow]:
        def read_snapshot() -> Mapping[str, DefinitionRow] | None:
            snapshot = self._find(self._known)
            if snapshot is None:
                return None
            return {key: snapshot.rows[kind, key] for key in keys if (kind, key) in snapshot.rows}

        return self._read(lambda: self._table.get_many(kind, keys), read_snapshot)

    def get_all(self, kind: DefinitionKind) -> Mapping[str, DefinitionRow]:
        def read_snapshot() -> Mapping[str, DefinitionRow] | None:
            snapshot = self._find(self._known)
            if snapshot is None:
                return None
            return {key: row for (of_kind, key), row in snapshot.rows.items() if of_kind == kind}

        return self._read(lambda: self._table.get_all(kind), read_snapshot)

    def _read(self, ask_table: Callable[[], T], read_snapshot: Callable[[], T | None]) -> T:
        if self._is_away:
            rows = read_snapshot()
            if rows is not None:
                return rows
        return self._ask(ask_table, read_snapshot)

    def _ask(self, ask_table: Callable[[], T], read_snapshot: Callable[[], T | None]) -> T:
        outcome = start_call(ask_table)

        def wait() -> T:
            try:
                return outcome.result(HEDGE_SECONDS)
            except TimeoutError:
                raise StorageUnavailable from None

        try:
            return _call_or_else(wait, read_snapshot)
        except StorageUnavailable:
            return outcome.result()  # it may be slow only; its own time limits apply

    def _find(self, at_least: int) -> Snapshot | None:
        """One that was loaded before is good as long as no later publication is known."""
        with self._reading:
            loaded, now = self._loaded, self._timer()
            if loaded is not None and loaded.version >= at_least:
                return loaded
            if now < self._next_reads.get(at_least, -inf):
                return None
            self._next_reads = {v: at for v, at in self._next_reads.items() if now < at}
            self._next_reads[at_least] = now + POLL_SECONDS
            try:
                snapshot = self._snapshots.read(at_least)
            except (StorageUnavailable, Throttled):  # perhaps this request had no time left for it
                self._next_reads[at_least] = self._timer() + RETRY_SECONDS
                return None
            if snapshot is not None:
                self._loaded = snapshot
                self._metrics.record("SnapshotLoaded")
            return snapshot


def _call_or_else(call: Callable[[], T], read_snapshot: Callable[[], T | None]) -> T:
    try:
        return call()
    except (StorageUnavailable, Throttled):
        answer = read_snapshot()
        if answer is None:
            raise
        return answer
