"""The definitions that decide, cached in the container and never older than the settings allow.

Every ``check`` seconds one query asks what was published since; what changed and is cached is loaded
again at once. Beside that, each definition is reloaded after ``ttl`` seconds. If the store cannot be
asked, the last good ones serve, and the metric ``DefinitionsAge`` says how old they may be.
"""

import time
from collections.abc import Callable, Collection, Mapping
from threading import Lock
from typing import Protocol

from chalicelib.domain.definitions.compiler import load_experiment, load_flag
from chalicelib.domain.definitions.model import Changes, DefinitionKind, Experiment, Flag
from chalicelib.domain.errors import RealtimeError, StorageUnavailable, Throttled
from chalicelib.services.concurrency import call_within
from chalicelib.services.definitions.cache import RETRY_SECONDS, DefinitionCache, Metrics, Rows


class Definitions(Rows, Protocol):
    def since(self, version: int | None) -> Changes: ...


class Catalog:
    """Times in seconds; ``timer`` is monotonic. Threads share one catalog."""

    def __init__(
        self,
        store: Definitions,
        metrics: Metrics,
        *,
        ttl: float = 300.0,
        check: float = 5.0,
        max_entries: int = 10_000,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._check = check
        self._timer = timer
        self._experiments: DefinitionCache[Experiment] = DefinitionCache(
            "experiment",
            load_experiment,
            store,
            metrics=metrics,
            ttl=ttl,
            max_entries=max_entries,
            timer=timer,
        )
        self._flags: DefinitionCache[Flag] = DefinitionCache(
            "flag", load_flag, store, metrics=metrics, ttl=ttl, max_entries=max_entries, timer=timer
        )
        self._told = 0, 0  # look-ups and misses
        self._version: int | None = None
        self._next_check = self._fresh_at = timer()
        self._checking = Lock()

    def experiment(self, key: str) -> Experiment | None:
        """Raises StorageUnavailable or Throttled if it is not cached and the store cannot be asked."""
        return self._experiments.get(key, self._now())

    def renewed(self, key: str) -> Experiment | None:
        """The experiment as it is published now; raises StorageUnavailable or Throttled."""
        return self._experiments.renewed(key, self._timer())

    def flag(self, key: str) -> Flag | None:
        """Raises StorageUnavailable or Throttled if it is not cached and the store cannot be asked."""
        return self._flags.get(key, self._now())

    def some_experiments(self, keys: Collection[str]) -> dict[str, Experiment | RealtimeError]:
        """Those of ``keys`` that exist, or why one is not known; a call for each 100 that are not cached."""
        return self._experiments.get_many(keys, self._now())

    def experiments(self) -> Mapping[str, Experiment]:
        """All of them; the mapping is the cache's own and never changes once returned."""
        return self._experiments.all(self._now())

    def flags(self) -> Mapping[str, Flag]:
        """All of them; the mapping is the cache's own and never changes once returned."""
        return self._flags.all(self._now())

    def unreadable(self, kind: DefinitionKind) -> dict[str, RealtimeError]:
        """Why some of all that exist are not among those that `flags` or `experiments` has just returned."""
        return self._flags.unreadable() if kind == "flag" else self._experiments.unreadable()

    def hit_rate(self) -> float:
        """Share of look-ups that needed no call, since the container started."""
        lookups = self._experiments.lookups + self._flags.lookups
        return 1 - (self._experiments.misses + self._flags.misses) / lookups if lookups else 1.0

    def _now(self) -> float:
        now = self._timer()
        # Whoever finds the check running goes on with what is cached: it is at most RETRY_SECONDS older.
        if now >= self._next_check and self._checking.acquire(blocking=False):
            try:
                self._refresh(now)
            finally:
                self._checking.release()
        return now

    def _refresh(self, now: float) -> None:
        try:
            if self._version is None:
                self._take_up(now)
            else:
                call_within(lambda: self._take_up(now))
        except (StorageUnavailable, Throttled):
            # From when it failed: a store that is silent for a second would be asked all the time.
            self._next_check = self._timer() + min(RETRY_SECONDS, self._check)
            self._metrics.peak("DefinitionsAge", now - self._fresh_at)
        else:
            self._next_check = now + self._check
            self._fresh_at = now
            self._count_lookups()

    def _take_up(self, now: float) -> None:
        changes = self._store.since(self._version)
        if changes.version != self._version:
            self._experiments.reload(_keys(changes, "experiment"), now)
            self._flags.reload(_keys(changes, "flag"), now)
            self._version = changes.version  # only now: a reload that failed is due again

    def _count_lookups(self) -> None:
        """Once a check, so that a look-up pays nothing for it."""
        lookups = self._experiments.lookups + self._flags.lookups
        misses = self._experiments.misses + self._flags.misses
        if lookups > self._told[0]:
            self._metrics.record("DefinitionLookups", lookups - self._told[0])
            self._metrics.record("DefinitionMisses", misses - self._told[1])
        self._told = lookups, misses


def _keys(changes: Changes, kind: DefinitionKind) -> frozenset[str] | None:
    if changes.keys is None:
        return None
    return frozenset(key for changed, key in changes.keys if changed == kind)
