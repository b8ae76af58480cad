"""All definitions, cached in the container and never older than the settings allow.

Every ``check`` seconds one query asks what was published since the last check. Cached definitions that have
changed are loaded at once; others after ``ttl`` seconds. While the store does not answer, the last good
definitions serve, and the metric ``DefinitionsAge`` says how old they may be. Those that are known to be out
of date are an error after `KILL_SECONDS`. docs/adr/031-decisions-survive-dynamodb.md says why.
"""

import time
from collections.abc import Callable
from threading import Lock
from typing import Any

from chalicelib.domain.definitions.compiler import load_experiment, load_flag, load_segment
from chalicelib.domain.definitions.model import (
    Changes,
    DefinitionKind,
    Definitions,
    Experiment,
    Flag,
    Segment,
)
from chalicelib.domain.definitions.schema import Definition
from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.concurrency import REFRESH_TIMEOUT_SECONDS
from chalicelib.services.definitions.cache import RETRY_SECONDS, DefinitionCache
from chalicelib.services.definitions.fallback import SnapshotFallback, Snapshots
from chalicelib.services.definitions.sources import DefinitionReader
from chalicelib.services.refresh_wait import LONGEST_SECONDS, RefreshWait

KILL_SECONDS = 10.0
"""A published kill switch is in force everywhere after this time."""


class Catalog:
    """Times in seconds; ``timer`` is monotonic. Threads share one catalog.

    ``snapshots`` serve while ``store`` does not answer, and has nothing cached.
    """

    def __init__(
        self,
        store: Definitions,
        metrics: MetricsRecorder,
        *,
        ttl: float = 300.0,
        check: float = 5.0,
        max_entries: int = 10_000,
        timer: Callable[[], float] = time.monotonic,
        snapshots: Snapshots | None = None,
    ) -> None:
        self._store: DefinitionReader = store
        if snapshots is not None:
            self._store = SnapshotFallback(store, snapshots, metrics, timer)
        self._metrics = metrics
        self._check = check
        self._timer = timer
        self._wait = RefreshWait(timer)
        options: dict[str, Any] = {
            "metrics": metrics,
            "ttl": ttl,
            "max_entries": max_entries,
            "timer": timer,
            "check_for_changes": self._check_for_changes,
            "table": store,
        }
        self.experiments: DefinitionCache[Experiment]
        self.experiments = DefinitionCache("experiment", load_experiment, self._store, **options)
        self.flags: DefinitionCache[Flag] = DefinitionCache("flag", load_flag, self._store, **options)
        self.segments: DefinitionCache[Segment] = DefinitionCache(
            "segment", load_segment, self._store, **options
        )
        self._recorded = 0, 0  # look-ups and misses that were recorded before
        self._version: int | None = None
        self._unloaded: Changes | None = None  # that are known, and not in force here yet
        self._next_check = self._checked_at = timer()
        self._checking = Lock()

    def hit_rate(self) -> float:
        """The share of look-ups without a call to the store, since the container started."""
        lookups, misses = self._count_lookups()
        return 1 - misses / lookups if lookups else 1.0

    def list_loaded_documents(self) -> list[Definition]:
        """Those of the definitions that are cached, without a call to the store."""
        experiments, flags = self.experiments.get_loaded(), self.flags.get_loaded()
        segments = self.segments.get_loaded()
        documents: list[Definition] = [each.document for each in experiments]
        return [*documents, *(each.document for each in flags), *(each.document for each in segments)]

    @property
    def version(self) -> int:
        """Of the publication that was seen last."""
        return self._version or 0

    def _check_for_changes(self) -> float:
        """Checks for changes if that is due; returns the time."""
        now = self._timer()
        # During a check, other requests use the cache, which is older by RETRY_SECONDS at most.
        if now >= self._next_check and self._checking.acquire(blocking=False):
            try:
                self._check_now(now)
            finally:
                self._checking.release()
        return now

    def _check_now(self, now: float) -> None:
        try:
            if self._version is None:
                self._refresh_changed(now)
            else:
                self._wait.call(lambda: self._refresh_changed(now), self._choose_wait(now))
        except (StorageUnavailable, Throttled):
            # Count from the failure, not from `now`: else a silent store would be asked all the time.
            self._next_check = self._timer() + min(RETRY_SECONDS, self._check)
            self._metrics.record_peak("DefinitionsAge", now - self._checked_at)
            unloaded = self._unloaded
            if unloaded is not None and now - self._checked_at >= KILL_SECONDS:
                self._drop(unloaded)
        else:
            self._next_check = now + self._check
            self._metrics.record_peak("DefinitionsVersion", self._version or 0)
            self._record_lookups()
        for cache in (self.segments, self.flags, self.experiments):
            cache.begin_period(self._next_check)

    def _choose_wait(self, now: float) -> float:
        """The older what is cached, the longer: up to two seconds before a kill switch would be late."""
        overdue = now - self._checked_at - self._check
        longest_at = KILL_SECONDS - 1 - self._check
        share = overdue / longest_at if longest_at > 0 else 1.0
        return max(REFRESH_TIMEOUT_SECONDS, min(1.0, share) * LONGEST_SECONDS)

    def _refresh_changed(self, now: float) -> None:
        changes = self._store.get_changes(self._version)
        if changes.version != self._version:
            self._unloaded = changes
            # First what others refer to, so that a changed flag finds its segments.
            self.segments.refresh_changed(_select_keys(changes, "segment"), now)
            self.flags.refresh_changed(_select_keys(changes, "flag"), now)
            self.experiments.refresh_changed(_select_keys(changes, "experiment"), now)
            self._version = changes.version  # last, so that a refresh that fails is repeated
            self._unloaded = None
        if not changes.is_current:
            raise StorageUnavailable
        self._checked_at = max(self._checked_at, now)  # here, since this may end after the request's wait

    def _drop(self, changes: Changes) -> None:
        until = self._timer() + RETRY_SECONDS
        self.segments.drop(_select_keys(changes, "segment"), until)
        self.flags.drop(_select_keys(changes, "flag"), until)
        self.experiments.drop(_select_keys(changes, "experiment"), until)

    def _count_lookups(self) -> tuple[int, int]:
        lookups = self.experiments.lookups + self.flags.lookups + self.segments.lookups
        return lookups, self.experiments.misses + self.flags.misses + self.segments.misses

    def _record_lookups(self) -> None:
        """Called once a check, so that look-ups record nothing."""
        lookups, misses = self._count_lookups()
        if lookups > self._recorded[0]:
            self._metrics.record("DefinitionLookups", lookups - self._recorded[0])
            self._metrics.record("DefinitionMisses", misses - self._recorded[1])
        self._recorded = lookups, misses


def _select_keys(changes: Changes, kind: DefinitionKind) -> frozenset[str] | None:
    if changes.keys is None:
        return None
    return frozenset(key for changed_kind, key in changes.keys if changed_kind == kind)
