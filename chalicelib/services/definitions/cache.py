"""The cached definitions of one kind: when to load them, and what to serve meanwhile."""

from collections.abc import Callable, Collection, Mapping
from threading import Lock
from typing import Generic, TypeVar

from chalicelib.domain.definitions.model import (
    DefinitionKind,
    DefinitionRow,
    Experiment,
    Flag,
    Segment,
)
from chalicelib.domain.errors import RealtimeError, StorageUnavailable, Throttled
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.concurrency import call_within
from chalicelib.services.definitions.cache_state import CacheState
from chalicelib.services.definitions.sources import DefinitionReader

RETRY_SECONDS = 1.0
"""Wait so long after a failure. A kill switch is in force within 10 s even if one check fails."""

T = TypeVar("T", Experiment, Flag, Segment)


class DefinitionCache(Generic[T]):
    """``check_for_changes`` is called before each look-up, and returns the monotonic time in seconds.

    ``store`` may read a snapshot, ``table`` does not.
    """

    def __init__(
        self,
        kind: DefinitionKind,
        compile_row: Callable[[str, int], T],
        store: DefinitionReader,
        *,
        metrics: MetricsRecorder,
        ttl: float,
        max_entries: int,
        timer: Callable[[], float],
        check_for_changes: Callable[[], float],
        table: DefinitionReader,
    ) -> None:
        self._kind = kind
        self._store = store
        self._table = table
        self._metrics = metrics
        self._ttl = ttl
        self._timer = timer
        self._check_for_changes = check_for_changes
        self._state: CacheState[T] = CacheState(
            kind, compile_row, metrics, ttl=ttl, max_entries=max_entries, timer=timer
        )
        self._all_fresh_until = 0.0
        self._loading = Lock()  # threads that waited for a load use its result
        self.lookups = 0
        self.misses = 0

    def get(self, key: str) -> T | None:
        state = self._state
        if self._timer() < state.recent_until and (definition := state.recent.get(key)) is not None:
            self.lookups += 1
            return definition
        return self._get(key, self._check_for_changes())

    def find(self, name: str) -> T | None:
        """By key or alias, as callers ask. The first name that is no key loads all definitions."""
        state = self._state  # as `get`: its call would take a fifth of the time
        if self._timer() < state.recent_until and (definition := state.recent.get(name)) is not None:
            self.lookups += 1
            return definition
        now = self._check_for_changes()
        definition = self._get(name, now)
        return definition if definition is not None else self._get_by_alias(name, now)

    def find_many(self, names: Collection[str]) -> dict[str, T | RealtimeError]:
        """By name, as `find`: those that exist."""
        now = self._check_for_changes()
        answers = self._get_many(names, now)
        for name in names:
            definition = None if name in answers else self._get_by_alias(name, now)
            if definition is not None:
                answers[name] = definition
        return answers

    def get_many(self, keys: Collection[str]) -> dict[str, T | RealtimeError]:
        return self._get_many(keys, self._check_for_changes())

    def get_all(self) -> Mapping[str, T]:
        return self._get_all(self._check_for_changes())

    def get_listed(self) -> Mapping[str, T]:
        self.get_all()
        return self._state.listed

    def get_all_rows(self) -> list[DefinitionRow]:
        """The rows of `get_all`, in no order."""
        self.get_all()
        return self._state.get_rows()

    def get_aliases(self) -> Mapping[str, str]:
        """Alias → key, of all that were loaded last."""
        return self._state.aliases

    def get_unreadable(self) -> dict[str, RealtimeError]:
        return self._state.get_unreadable()

    def get_loaded(self) -> list[T]:
        """Those that are cached, without a call to the store."""
        return self._state.get_loaded()

    def refresh(self, key: str) -> T | None:
        now = self._timer()
        self._refresh_changed(frozenset([key]), now, self._table)
        definition = self._get(key, now)
        entry = self._state.get_entry(key)
        if entry is not None and definition is not None and definition.version != entry.row.version:
            # The row cannot be read, and the last good value is older than the row.
            raise StorageUnavailable(f"The stored {self._kind} cannot be read; publish it again.")
        return definition

    def refresh_changed(self, changed: frozenset[str] | None, now: float) -> None:
        """Loads the ``changed`` keys; None if anything may have changed.

        Raises StorageUnavailable or Throttled, with nothing changed.
        """
        self._refresh_changed(changed, now, self._store)

    def begin_period(self, end: float) -> None:
        self._state.begin_period(end)

    def drop(self, keys: frozenset[str] | None, until: float) -> None:
        """What is cached of ``keys``, or of all, is out of date: an error ``until`` the next try."""
        if keys is None or keys:
            self._state.drop(keys, until)
            self._all_fresh_until = 0.0

    def _refresh_changed(self, changed: frozenset[str] | None, now: float, store: DefinitionReader) -> None:
        if changed is not None and not changed:
            return
        cached = self._state.invalidate()
        if self._state.all is None:
            keys = cached if changed is None else cached & changed
            rows = store.get_many(self._kind, keys) if keys else {}
        elif changed is None:
            rows = store.get_all(self._kind)
            keys = cached | set(rows)
        else:
            rows = store.get_many(self._kind, changed)
            keys = changed
        self._state.set_many(keys, rows, now)

    def _get(self, key: str, now: float) -> T | None:
        definition = self._get_cached(key, now)
        if definition is not None:
            self._state.remember(key)
        return definition

    def _get_cached(self, key: str, now: float) -> T | None:
        state = self._state
        if state.all is not None:
            definition = self._get_all(now).get(key)
            if definition is None and (error := state.get_unreadable().get(key)):
                raise error
            return definition
        self.lookups += 1
        is_known, definition = state.get(key, now)
        if is_known:
            return definition
        answer = self._load([key], now).get(key)
        if isinstance(answer, RealtimeError):
            raise answer
        return answer

    def _get_many(self, keys: Collection[str], now: float) -> dict[str, T | RealtimeError]:
        if self._state.all is not None:
            definitions, errors = self._get_all(now), self._state.get_unreadable()
            existing: dict[str, T | RealtimeError] = {
                key: definitions[key] for key in keys if key in definitions
            }
            return existing | {key: errors[key] for key in keys if key in errors}
        self.lookups += len(keys)
        answers, unknown = self._state.get_many(keys, now)
        return answers | self._load(unknown, now) if unknown else answers

    def _get_by_alias(self, alias: str, now: float) -> T | None:
        """Only all definitions show who has an alias. They are loaded once, and kept up to date."""
        definitions = self._get_all(now)
        key = self._state.aliases.get(alias)
        return None if key is None else definitions.get(key)

    def _get_all(self, now: float) -> Mapping[str, T]:
        self.lookups += 1
        definitions = self._state.all
        if definitions is None:
            return self._load_all(now)
        if now >= self._all_fresh_until:
            try:
                return call_within(lambda: self._load_all(now))
            except (StorageUnavailable, Throttled):
                self._all_fresh_until = self._timer() + RETRY_SECONDS
                self._metrics.record_peak("DefinitionsAge", now - self._state.all_loaded_at)
            definitions = self._state.all or {}
        return definitions

    def _load(self, keys: Collection[str], now: float) -> dict[str, T | RealtimeError]:
        """Waits for the store if a key has no value yet; else serves the old value if a refresh is slow."""
        if not self._state.has_all(keys):
            return self._load_missing(keys, now)
        try:
            return call_within(lambda: self._load_missing(keys, now))
        except StorageUnavailable as error:
            return self._serve_stale(keys, now, error)

    def _load_missing(self, keys: Collection[str], now: float) -> dict[str, T | RealtimeError]:
        with self._loading:
            answers, unknown = self._state.get_many(keys, now)
            return answers | self._load_now(unknown, now) if unknown else answers

    def _load_now(self, keys: Collection[str], now: float) -> dict[str, T | RealtimeError]:
        self.misses += len(keys)
        try:
            while True:
                generation = self._state.generation
                rows: Mapping[str, DefinitionRow] = self._store.get_many(self._kind, keys)
                answers = self._state.set_many_of(generation, keys, rows, now)
                if answers is not None:
                    return answers
        except (StorageUnavailable, Throttled) as error:
            return self._serve_stale(keys, now, error)

    def _load_all(self, now: float) -> Mapping[str, T]:
        with self._loading:
            definitions = self._state.all
            if definitions is not None and now < self._all_fresh_until:
                return definitions
            self.misses += 1
            while True:
                generation = self._state.generation
                rows: Mapping[str, DefinitionRow] = self._store.get_all(self._kind)
                definitions = self._state.set_all_of(generation, rows, now)
                if definitions is not None:
                    self._all_fresh_until = now + self._ttl
                    return definitions

    def _serve_stale(
        self, keys: Collection[str], now: float, error: RealtimeError
    ) -> dict[str, T | RealtimeError]:
        """The last good values, for `RETRY_SECONDS` more, so that requests do not all ask a dead table."""
        answers: dict[str, T | RealtimeError] = {}
        for key in keys:
            entry = self._state.keep_stale(key, self._timer() + RETRY_SECONDS)
            answers[key] = entry.value if entry else error
            if entry:
                self._metrics.record_peak("DefinitionsAge", now - entry.loaded_at)
        return answers
