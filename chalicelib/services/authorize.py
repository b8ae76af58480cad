"""Which routes a key opens. Unknown keys are cached too, so that guessing cannot flood the table."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Lock

from cachetools import LRUCache, TTLCache

from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.heartbeat import find_access
from chalicelib.domain.keys import SCOPES, Access, Keys, digest, grant, parse_bearer
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.refresh_wait import RefreshWait

MAX_KEYS = 10_000
RETRY_SECONDS = 1.0
"""A key is asked for again so long after the table failed."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What a stored key opens, which is nothing if it is revoked. Times are monotonic seconds."""

    access: Access
    read_at: float
    fresh_until: float


class Authorizer:
    """``demo_key`` opens everything; it is empty outside the local stack.

    A key is read again after ``ttl`` seconds. While the table does not answer, a key goes on to open, or not
    to open, what it did, until it was read ``max_stale`` seconds ago.
    """

    def __init__(
        self,
        keys: Keys,
        demo_key: str,
        metrics: MetricsRecorder,
        *,
        ttl: float,
        max_stale: float,
        timer: Callable[[], float],
    ) -> None:
        self._demo_id = digest(demo_key) if demo_key else None
        self._demo_access = grant("demo", SCOPES)
        self._keys = keys
        self._metrics = metrics
        self._ttl = ttl
        self._max_stale = max_stale
        self._timer = timer
        self._wait = RefreshWait(timer)
        self._known: LRUCache[str, _Known] = LRUCache(MAX_KEYS)
        self._unknown: TTLCache[str, Access] = TTLCache(MAX_KEYS, ttl, timer)  # evicts no key that exists
        self._lock = Lock()

    def authorize(self, header: str) -> Access:
        """By ``Authorization``. Raises StorageUnavailable or Throttled, which it does not cache."""
        key = parse_bearer(header)
        return Access("none") if key is None else self.authorize_key(key)

    def authorize_key(self, key: str) -> Access:
        """Raises StorageUnavailable or Throttled, which it does not cache."""
        key_id = digest(key)
        if key_id == self._demo_id:
            return self._demo_access
        now = self._timer()
        with self._lock:
            known = self._known.get(key_id)
            unknown = self._unknown.get(key_id) if known is None else None
        if known is not None:
            return known.access if now < known.fresh_until else self._refresh(key_id, known, now)
        return self._read(key_id, now) if unknown is None else unknown

    def _refresh(self, key_id: str, known: _Known, now: float) -> Access:
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
            return known.access

    def _read(self, key_id: str, now: float) -> Access:
        api_key = self._keys.get(key_id)
        is_accepted = api_key is not None and not api_key.revoked
        access = find_access(key_id) or grant(key_id[:12], api_key.scopes if api_key and is_accepted else ())
        with self._lock:
            if api_key is None and not access.routes:
                self._known.pop(key_id, None)
                self._unknown[key_id] = access
            else:
                self._known[key_id] = _Known(access, now, now + self._ttl)
        return access
