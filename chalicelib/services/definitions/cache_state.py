"""The cached definitions of one kind. Nothing here calls the store."""

from collections.abc import Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Generic, TypeVar

from cachetools import LRUCache, TTLCache

from chalicelib.domain.bucketing import is_key
from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow, Experiment, Flag, Segment
from chalicelib.domain.errors import RealtimeError, StorageUnavailable
from chalicelib.metrics import MetricsRecorder

NOT_FOUND_SECONDS = 10.0
NOT_FOUND_MAX = 1000
"""Unknown keys have a cache of their own, so that invented keys evict no definition."""

T = TypeVar("T", Experiment, Flag, Segment)


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """``made_of`` is the row that ``value`` was made of: ``row``, unless that cannot be read."""

    value: T
    row: DefinitionRow
    made_of: DefinitionRow
    loaded_at: float
    fresh_until: float


class CacheState(Generic[T]):
    """Compiled definitions by key, and all of them after the first request for all.

    ``compile_row`` takes a row's text and version. Times are monotonic seconds. The lock is never held during
    a call to the store.

    ``recent`` answers without the lock and the order of use: what was read since the last check for changes,
    and is fresh until the next, ``recent_until``. Each check and each change empties it, so the order of use
    is that of the first reads after a check. docs/adr/036-recent-definitions.md says why.
    """

    def __init__(
        self,
        kind: DefinitionKind,
        compile_row: Callable[[str, int], T],
        metrics: MetricsRecorder,
        *,
        ttl: float,
        max_entries: int,
        timer: Callable[[], float],
    ) -> None:
        self._kind = kind
        self._compile_row: Callable[[str, int], T] = compile_row
        self._metrics = metrics
        self._ttl = ttl
        self._entries: MutableMapping[str, Entry[T]] = LRUCache(max_entries)
        self._missing: TTLCache[str, None] = TTLCache(NOT_FOUND_MAX, NOT_FOUND_SECONDS, timer)
        self._unreadable: dict[str, float] = {}  # key → time of the next try; only keys without a value
        self._lock = Lock()
        self.recent: dict[str, T] = {}
        self.recent_until = 0.0
        self.all: Mapping[str, T] | None = None  # None until `set_all_of`
        self.listed: Mapping[str, T] = {}  # of all, those that are not hidden from who asks for all
        self.aliases: Mapping[str, str] = {}  # alias → key, of all
        self.all_loaded_at = 0.0
        self.generation = 0
        """Grows with each publication that was seen: rows that were read before may be out of date."""

    def get(self, key: str, now: float) -> tuple[bool, T | None]:
        """Whether the answer is cached, and the answer: None if no such definition exists.

        Raises StorageUnavailable for a row that cannot be read.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and now < entry.fresh_until:
                return True, entry.value
            if key in self._missing or not is_key(key):
                return True, None
            if now < self._unreadable.get(key, 0):
                raise self._unreadable_error()
        return False, None

    def begin_period(self, end: float) -> None:
        """Between two checks for changes."""
        with self._lock:
            self.recent, self.recent_until = {}, end

    def remember(self, key: str) -> None:
        """Puts what is cached of ``key`` into ``recent``, unless it must be loaded again before that ends."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.fresh_until >= self.recent_until:
                self.recent[key] = entry.value

    def get_many(self, keys: Collection[str], now: float) -> tuple[dict[str, T | RealtimeError], list[str]]:
        """The cached answers, and the keys to load."""
        answers: dict[str, T | RealtimeError] = {}
        unknown: list[str] = []
        with self._lock:
            for key in keys:
                entry = self._entries.get(key)
                if entry is not None and now < entry.fresh_until:
                    answers[key] = entry.value
                elif now < self._unreadable.get(key, 0):
                    answers[key] = self._unreadable_error()
                elif key not in self._missing and is_key(key):
                    unknown.append(key)
        return answers, unknown

    def get_entry(self, key: str) -> Entry[T] | None:
        with self._lock:
            return self._entries.get(key)

    def has_all(self, keys: Collection[str]) -> bool:
        """Whether there is a value for each of ``keys``, fresh or not."""
        with self._lock:
            return all(key in self._entries for key in keys)

    def get_unreadable(self) -> dict[str, RealtimeError]:
        """The error of each definition that exists but has no value."""
        if not self._unreadable:
            return {}
        return {key: self._unreadable_error() for key in sorted(self._unreadable)}

    def get_rows(self) -> list[DefinitionRow]:
        """Of each definition that has a value: the row that it was made of."""
        with self._lock:
            return [entry.made_of for entry in self._entries.values()]

    def get_loaded(self) -> list[T]:
        with self._lock:
            return [entry.value for entry in self._entries.values()]

    def invalidate(self) -> frozenset[str]:
        """Starts a new generation, and returns all keys with a cached value, absence or error."""
        with self._lock:
            self.generation += 1
            return frozenset([*self._entries, *self._missing, *self._unreadable])

    def drop(self, keys: frozenset[str] | None, until: float) -> None:
        """Forgets the values of ``keys``, or all; they are errors ``until`` they are loaded again."""
        with self._lock:
            self.recent = {}
            for key in self._entries.keys() & keys if keys is not None else list(self._entries):
                del self._entries[key]
                self._unreadable[key] = until
            if self.all is not None:
                self._collect_all()

    def set_many(
        self, keys: Collection[str], rows: Mapping[str, DefinitionRow], now: float
    ) -> dict[str, T | RealtimeError]:
        """Caches ``rows`` for ``keys``, where a key without a row does not exist; the values that exist."""
        with self._lock:
            return self._set_many(keys, rows, now)

    def set_many_of(
        self, generation: int, keys: Collection[str], rows: Mapping[str, DefinitionRow], now: float
    ) -> dict[str, T | RealtimeError] | None:
        """As `set_many`; does nothing and returns None if ``generation`` has ended: ``rows`` may be old."""
        with self._lock:
            return self._set_many(keys, rows, now) if generation == self.generation else None

    def set_all_of(
        self, generation: int, rows: Mapping[str, DefinitionRow], now: float
    ) -> Mapping[str, T] | None:
        """Caches ``rows`` as all there are, from now on without a bound; None as in `set_many_of`."""
        with self._lock:
            if generation != self.generation:
                return None
            self._entries = dict(self._entries)
            for key in {*rows, *self._entries, *self._unreadable}:
                self._set(key, rows.get(key), now)
            self._collect_all()
            self.all_loaded_at = now
            return self.all

    def keep_stale(self, key: str, fresh_until: float) -> Entry[T] | None:
        """Serves the last good value until ``fresh_until``; None if there is none."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries[key] = replace(entry, fresh_until=fresh_until)
            return entry

    def _set_many(
        self, keys: Collection[str], rows: Mapping[str, DefinitionRow], now: float
    ) -> dict[str, T | RealtimeError]:
        answers = {key: self._set(key, rows.get(key), now) for key in keys}
        if self.all is not None:
            self._collect_all()
        return {key: answer for key, answer in answers.items() if answer is not None}

    def _collect_all(self) -> None:
        """A new mapping each time, sorted by key, so that iterations over an older one can go on."""
        self.all = {key: self._entries[key].value for key in sorted(self._entries)}
        self.listed = {key: each for key, each in self.all.items() if getattr(each.document, "listed", True)}
        named = ((getattr(each.document, "alias", None), key) for key, each in self.all.items())
        self.aliases = {alias: key for alias, key in named if alias is not None}

    def _set(self, key: str, row: DefinitionRow | None, now: float) -> T | RealtimeError | None:
        entry = self._entries.get(key)
        self.recent = {}
        self._unreadable.pop(key, None)
        if row is None:
            self._entries.pop(key, None)
            self._missing[key] = None
            return None
        self._missing.pop(key, None)
        made_of = row
        if entry is not None and entry.row == row:
            value, made_of = entry.value, entry.made_of
        else:
            try:
                value = self._compile_row(row.text, row.version)
            except (RealtimeError, ValueError):
                # Publishing checks definitions, so this row was edited by hand. Serve the last good value.
                self._metrics.record("InvalidDefinition")
                if entry is None:
                    self._unreadable[key] = now + self._ttl
                    return self._unreadable_error()
                value, made_of = entry.value, entry.made_of
        self._entries[key] = Entry(value, row, made_of, now, now + self._ttl)
        return value

    def _unreadable_error(self) -> StorageUnavailable:
        return StorageUnavailable(f"The stored {self._kind} cannot be read; publish it again.")
