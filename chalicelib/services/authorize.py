"""Which routes does a key open? What it costs to find out is bounded, whatever keys are sent."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

from cachetools import LRUCache

from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.heartbeat import find_access
from chalicelib.domain.keys import SCOPES, Access, ApiKey, Keys, digest, grant, is_well_formed, parse_bearer
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.concurrency import call_within, start_call
from chalicelib.services.key_fallback import KeyFallback, OldKey
from chalicelib.services.key_uses import KeyUses
from chalicelib.services.refresh_wait import RefreshWait
from chalicelib.services.unknown_keys import UnknownKeys

NOBODY = Access("none")
MAX_KEYS = 10_000
RETRY_SECONDS = 1.0
"""A key is asked for again so long after the table failed."""
HEDGE_SECONDS = 0.5
"""Look into the snapshot if the table takes longer. A healthy one answers in hundredths of this."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A stored key, or None for that of the heartbeat, and what it opens. Times are monotonic seconds."""

    key: ApiKey | None
    access: Access
    read_at: float
    fresh_until: float


class Authorizer:
    """``demo_key`` opens everything; it is empty outside the local stack.

    A key is read again after ``ttl`` seconds. While the table does not answer, a key opens, or does not open,
    what it did, or what it does by ``fallback``: whichever is younger, up to ``max_stale`` seconds. One that
    ``fallback`` has as revoked opens nothing. ``timer`` is monotonic; ``clock`` is epoch seconds, by which
    keys expire.
    """

    def __init__(
        self,
        keys: Keys,
        demo_key: str,
        metrics: MetricsRecorder,
        uses: KeyUses,
        fallback: KeyFallback,
        *,
        ttl: float,
        max_stale: float,
        timer: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._demo_id = digest(demo_key) if demo_key else None
        self._demo_access = grant("demo", SCOPES, "demo")
        self._keys = keys
        self._metrics = metrics
        self._uses = uses
        self._fallback = fallback
        self._ttl = ttl
        self._max_stale = max_stale
        self._timer = timer
        self._clock = clock
        self._wait = RefreshWait(timer)
        self._known: LRUCache[str, _Known] = LRUCache(MAX_KEYS)
        self._unknown = UnknownKeys(keys, ttl, timer)
        self._lock = Lock()

    def authorize(self, header: str) -> Access:
        """By ``Authorization``. Raises StorageUnavailable or Throttled, which it does not cache."""
        key = parse_bearer(header)
        return NOBODY if key is None else self.authorize_key(key)

    def authorize_key(self, key: str) -> Access:
        """Raises StorageUnavailable or Throttled, which it does not cache."""
        key_id = digest(key)
        if key_id == self._demo_id:
            return self._demo_access
        if not is_well_formed(key) and find_access(key_id) is None:
            return NOBODY
        known = self._look_up(key_id)
        if known is None:
            return Access(key_id[:12])
        if known.key is not None:
            now = self._clock()
            if not known.key.is_accepted(now):
                return Access(known.access.principal)
            self._uses.note(known.key, now)
        return known.access

    def _look_up(self, key_id: str) -> _Known | None:
        """None for a key that is not stored."""
        now = self._timer()
        with self._lock:
            known = self._known.get(key_id)
        if known is None:
            return self._look_up_first(key_id, now)
        return known if now < known.fresh_until else self._refresh(key_id, known, now)

    def _look_up_first(self, key_id: str, now: float) -> _Known | None:
        """The snapshot is read beside the table if that takes long: the first that knows the key answers."""
        if self._unknown.remember(key_id):  # a thread for each guess would cost twenty times as much
            return None
        reading = start_call(lambda: None if self._unknown.contain(key_id) else self._read(key_id, now))
        if not wait((reading,), HEDGE_SECONDS).done:
            finding = start_call(lambda: self._fallback.find(key_id))
            both: tuple[Future[Any], ...] = reading, finding
            wait(both, return_when=FIRST_COMPLETED)
            if not reading.done() and (known := self._keep(key_id, None, finding.result(), now)):
                return known
        try:
            return reading.result()  # it may be slow only; its own time limits apply
        except (StorageUnavailable, Throttled):
            known = self._keep(key_id, None, self._fallback.find(key_id), now)
            if known is None:
                raise
            return known

    def _refresh(self, key_id: str, known: _Known, now: float) -> _Known | None:
        try:
            return self._wait.call(lambda: self._read(key_id, now))
        except (StorageUnavailable, Throttled):
            kept = self._keep(key_id, known, self._find_soon(key_id), now)
            if kept is None:
                raise
            return kept

    def _find_soon(self, key_id: str) -> OldKey | None:
        """None also if the snapshot needs a while: there is a verdict without it."""
        try:
            return call_within(lambda: self._fallback.find(key_id))
        except StorageUnavailable:
            return None

    def _keep(self, key_id: str, known: _Known | None, old: OldKey | None, now: float) -> _Known | None:
        """What serves for a second more; None if nothing is young enough."""
        kept = known
        if old and (known is None or old.key.revoked or old.age < now - known.read_at):
            kept = _Known(old.key, grant(key_id[:12], old.key.scopes, old.key.label), now - old.age, 0.0)
        if kept is None or now - kept.read_at >= self._max_stale:
            return None
        self._metrics.record_peak("KeysAge", now - kept.read_at)
        kept = replace(kept, fresh_until=self._timer() + RETRY_SECONDS)
        with self._lock:
            if self._known.get(key_id) is known:  # else the answer came after all
                self._known[key_id] = kept
        return kept

    def _read(self, key_id: str, now: float) -> _Known | None:
        api_key = self._keys.get(key_id)
        access = find_access(key_id)  # reads the table all the same, so that the heartbeat notices an outage
        if access is None and api_key is not None:
            access = grant(key_id[:12], api_key.scopes, api_key.label)
        if access is None:
            with self._lock:
                self._known.pop(key_id, None)
            self._unknown.add(key_id)
            return None
        known = _Known(api_key, access, now, now + self._ttl)
        with self._lock:
            self._known[key_id] = known
        return known
