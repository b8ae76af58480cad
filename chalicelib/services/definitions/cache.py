"""The cached definitions of one kind: by key, bounded, and all of them for those who ask for all."""

from collections.abc import Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Generic, Protocol, TypeVar

from cachetools import LRUCache, TTLCache

from chalicelib.domain.bucketing import is_key
from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow, Experiment, Flag
from chalicelib.domain.errors import RealtimeError, StorageUnavailable, Throttled
from chalicelib.services.concurrency import call_within

RETRY_SECONDS = 1.0
"""After a failure; so that a kill switch is in force within 10 s though one check failed."""
NOT_FOUND_SECONDS = 10.0
NOT_FOUND_MAX = 1000
"""Apart from what exists, so that made-up keys cannot push that out."""


T = TypeVar("T", Experiment, Flag)


class Rows(Protocol):
    def load(self, kind: DefinitionKind, keys: Collection[str]) -> Mapping[str, DefinitionRow]: ...
    def load_all(self, kind: DefinitionKind) -> Mapping[str, DefinitionRow]: ...


class Metrics(Protocol):
    def record(self, name: str, value: float = 1) -> None: ...
    def peak(self, name: str, value: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    value: T
    row: DefinitionRow
    loaded: float
    until: float


class DefinitionCache(Generic[T]):
    """``compiled`` makes a value of a row's text and version; times are monotonic seconds."""

    def __init__(
        self,
        kind: DefinitionKind,
        compiled: Callable[[str, int], T],
        store: Rows,
        *,
        metrics: Metrics,
        ttl: float,
        max_entries: int,
        timer: Callable[[], float],
    ) -> None:
        self._kind = kind
        self._compiled: Callable[[str, int], T] = compiled
        self._store = store
        self._metrics = metrics
        self._ttl = ttl
        self._timer = timer
        self._entries: MutableMapping[str, Entry[T]] = LRUCache(max_entries)
        self._missing: TTLCache[str, None] = TTLCache(NOT_FOUND_MAX, NOT_FOUND_SECONDS, timer)
        self._broken: dict[str, float] = {}  # unreadable, and without a good one from before: until
        self._all: Mapping[str, T] | None = None  # the values of _entries, once somebody asked for all
        self._all_loaded = self._all_until = 0.0
        self._reloads = 0
        self._lock = Lock()  # of the above, held for moments
        self._loading = Lock()  # single flight: held during a call; who waited finds what it wanted
        self.lookups = 0
        self.misses = 0

    def get(self, key: str, now: float) -> T | None:
        if self._all is not None:
            known = self.all(now).get(key)
            if known is None and key in self._broken:
                raise self._unreadable()
            return known
        self.lookups += 1
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and now < entry.until:
                return entry.value
            if key in self._missing or not is_key(key):
                return None
            if now < self._broken.get(key, 0):
                raise self._unreadable()
        found = self._load([key], now).get(key)
        if isinstance(found, RealtimeError):
            raise found
        return found

    def get_many(self, keys: Collection[str], now: float) -> dict[str, T | RealtimeError]:
        """What exists of ``keys``, or why it is not known."""
        if self._all is not None:
            known, unreadable = self.all(now), self.unreadable()
            some: dict[str, T | RealtimeError] = {key: known[key] for key in keys if key in known}
            return some | {key: unreadable[key] for key in keys if key in unreadable}
        self.lookups += len(keys)
        found, wanted = self._cached(keys, now)
        return {**found, **self._load(wanted, now)} if wanted else {**found}

    def all(self, now: float) -> Mapping[str, T]:
        self.lookups += 1
        if self._all is None:
            return self._renewed_all(now)
        if now >= self._all_until:
            try:
                return call_within(lambda: self._renewed_all(now))
            except (StorageUnavailable, Throttled):
                self._all_until = self._timer() + RETRY_SECONDS
                self._metrics.peak("DefinitionsAge", now - self._all_loaded)
        return self._all

    def unreadable(self) -> dict[str, RealtimeError]:
        """Of those that `all` has asked for: which exist and are not in it, and why."""
        return {key: self._unreadable() for key in sorted(self._broken)} if self._broken else {}

    def reload(self, changed: frozenset[str] | None, now: float) -> None:
        """Takes up what was published: ``changed`` keys, or None for anything. Raises, with nothing done."""
        if changed is not None and not changed:
            return
        with self._lock:
            self._reloads += 1
            held = frozenset([*self._entries, *self._missing, *self._broken])
        if self._all is not None:
            rows = (
                self._store.load_all(self._kind) if changed is None else self._store.load(self._kind, changed)
            )
            keys = held | set(rows) if changed is None else changed
        else:
            keys = held if changed is None else held & changed
            rows = self._store.load(self._kind, keys) if keys else {}
        with self._lock:
            for key in keys:
                self._put(key, rows.get(key), now)
            self._publish_all()

    def renewed(self, key: str, now: float) -> T | None:
        """Loaded now. The last good one of a row that cannot be read is not enough: raises for it too."""
        self.reload(frozenset([key]), now)
        found = self.get(key, now)
        with self._lock:
            entry = self._entries.get(key)
        if entry is not None and found is not None and found.version != entry.row.version:
            raise self._unreadable()
        return found

    def _cached(self, keys: Collection[str], now: float) -> tuple[dict[str, T | RealtimeError], list[str]]:
        """What is known, and what has to be asked for."""
        found: dict[str, T | RealtimeError] = {}
        wanted: list[str] = []
        with self._lock:
            for key in keys:
                entry = self._entries.get(key)
                if entry is not None and now < entry.until:
                    found[key] = entry.value
                elif now < self._broken.get(key, 0):
                    found[key] = self._unreadable()
                elif key not in self._missing and is_key(key):  # no definition can have another one
                    wanted.append(key)
        return found, wanted

    def _load(self, keys: Collection[str], now: float) -> dict[str, T | RealtimeError]:
        """Waits as long as it takes for what is not known at all, and a moment for what is only old."""
        with self._lock:
            old = all(key in self._entries for key in keys)
        if not old:
            return self._loaded(keys, now)
        try:
            return call_within(lambda: self._loaded(keys, now))
        except StorageUnavailable as error:
            return {key: self._stale(key, now) or error for key in keys}

    def _loaded(self, keys: Collection[str], now: float) -> dict[str, T | RealtimeError]:
        with self._loading:
            found, wanted = self._cached(keys, now)
            return {**found, **self._fetch(wanted, now)} if wanted else {**found}

    def _renewed_all(self, now: float) -> Mapping[str, T]:
        with self._loading:
            return self._load_all(now) if self._all is None or now >= self._all_until else self._all

    def _fetch(self, keys: Collection[str], now: float) -> dict[str, T | RealtimeError]:
        self.misses += len(keys)
        try:
            while True:
                reloads = self._reloads
                rows: Mapping[str, DefinitionRow] = self._store.load(self._kind, keys)
                with self._lock:
                    if reloads == self._reloads:
                        made = {key: self._put(key, rows.get(key), now) for key in keys}
                        return {key: value for key, value in made.items() if value is not None}
                # A publish was taken up meanwhile, and these rows may be older than it.
        except (StorageUnavailable, Throttled) as error:
            return {key: self._stale(key, now) or error for key in keys}

    def _load_all(self, now: float) -> Mapping[str, T]:
        self.misses += 1
        while True:
            reloads = self._reloads
            rows: Mapping[str, DefinitionRow] = self._store.load_all(self._kind)
            with self._lock:
                if reloads == self._reloads:
                    self._entries = dict(self._entries)  # all is all: no bound from now on
                    for key in {*rows, *self._entries, *self._broken}:
                        self._put(key, rows.get(key), now)
                    self._all = {}
                    self._all_loaded, self._all_until = now, now + self._ttl
                    return self._publish_all()

    def _publish_all(self) -> Mapping[str, T]:
        """A new mapping each time, by key: whoever iterates over an older one is not disturbed."""
        if self._all is not None:
            self._all = {key: self._entries[key].value for key in sorted(self._entries)}
        return self._all or {}

    def _stale(self, key: str, now: float) -> T | None:
        """The last good one, for a moment more: a dead table is not asked by every request."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries[key] = replace(entry, until=self._timer() + RETRY_SECONDS)
        self._metrics.peak("DefinitionsAge", now - entry.loaded)
        return entry.value

    def _put(self, key: str, row: DefinitionRow | None, now: float) -> T | RealtimeError | None:
        old = self._entries.get(key)
        self._broken.pop(key, None)
        if row is None:
            self._entries.pop(key, None)
            self._missing[key] = None
            return None
        self._missing.pop(key, None)
        if old is not None and old.row == row:
            value = old.value
        else:
            try:
                value = self._compiled(row.text, row.version)
            except (RealtimeError, ValueError):
                # Only a hand-edited row gets here: publishing checks. The last good one serves.
                self._metrics.record("InvalidDefinition")
                if old is None:
                    self._broken[key] = now + self._ttl
                    return self._unreadable()
                value = old.value
        self._entries[key] = Entry(value, row, now, now + self._ttl)
        return value

    def _unreadable(self) -> StorageUnavailable:
        return StorageUnavailable(f"The stored {self._kind} cannot be read; publish it again.")
