"""Which routes does a key open? What it costs to find out is bounded, whatever keys are sent."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

from cachetools import LRUCache

from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.heartbeat import find_access
from chalicelib.domain.keys import SCOPES, Access, ApiKey, Keys, digest, grant, is_well_formed, parse_bearer
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.key_uses import KeyUses
from chalicelib.services.refresh_wait import RefreshWait
from chalicelib.services.unknown_keys import UnknownKeys

NOBODY = Access("none")
MAX_KEYS = 10_000
RETRY_SECONDS = 1.0
"""A key is asked for again so long after the table failed."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A stored key, or None for that of the heartbeat, and what it opens. Times are monotonic seconds."""

    key: ApiKey | None
    access: Access
    read_at: float
    fresh_until: float


class Authorizer:
    """``demo_key`` opens everything; it is empty outside the local stack.

    A key is read again after ``ttl`` seconds. While the table does not answer, a key goes on to open, or not
    to open, what it did, until it was read ``max_stale`` seconds ago. ``timer`` is monotonic; ``clock`` is
    epoch seconds, by which keys expire.
    """

    def __init__(
        self,
        keys: Keys,
        demo_key: str,
        metrics: MetricsRecorder,
        uses: KeyUses,
        *,
        ttl: float,
        max_stale: float,
        timer: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._demo_id = digest(demo_key) if demo_key else None
        self._demo_access = grant("demo", SCOPES)
        self._keys = keys
        self._metrics = metrics
        self._uses = uses
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
            return None if self._unknown.contain(key_id) else self._read(key_id, now)
        return known if now < known.fresh_until else self._refresh(key_id, known, now)

    def _refresh(self, key_id: str, known: _Known, now: float) -> _Known | None:
        try:
            return self._wait.call(lambda: self._read(key_id, now))
        except (StorageUnavailable, Throttled):
            age = now - known.read_at
            if age >= self._max_stale:
                raise
            self._metrics.record_peak("KeysAge", age)
            retried = replace(known, fresh_until=self._timer() + RETRY_SECONDS)
            with self._lock:
                if self._known.get(key_id) is known:  # else the answer came after all
                    self._known[key_id] = retried
            return known

    def _read(self, key_id: str, now: float) -> _Known | None:
        api_key = self._keys.get(key_id)
        access = find_access(key_id)  # reads the table all the same, so that the heartbeat notices an outage
        if access is None and api_key is not None:
            access = grant(key_id[:12], api_key.scopes)
        if access is None:
            with self._lock:
                self._known.pop(key_id, None)
            self._unknown.add(key_id)
            return None
        known = _Known(api_key, access, now, now + self._ttl)
        with self._lock:
            self._known[key_id] = known
        return known
