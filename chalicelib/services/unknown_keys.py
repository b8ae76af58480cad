"""Keys that are not stored: each is remembered for a while, and guessing many costs a few reads only."""

from collections.abc import Callable
from threading import Lock

from cachetools import TTLCache

from chalicelib.domain.keys import Keys

IDS_CACHED = 10_000
GUESSES = 100
"""Unknown keys that are read one by one, in a container and the time that a key is cached."""


class UnknownKeys:
    """After `GUESSES` unknown keys, all stored ids are read at once, and what is not among them is unknown.

    A stored key is still read by itself, so that its revocation is as fast as ever. A new key may be taken
    for unknown for ``ttl`` seconds, as after any attempt to use it before it was stored.
    """

    def __init__(self, keys: Keys, ttl: float, timer: Callable[[], float]) -> None:
        self._keys = keys
        self._seen: TTLCache[str, None] = TTLCache(IDS_CACHED, ttl, timer)
        self._stored: TTLCache[str, frozenset[str]] = TTLCache(1, ttl, timer)
        self._lock = Lock()

    def remember(self, key_id: str) -> bool:
        """`contain` if that is known without a call; never waits."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            if key_id in self._seen:
                return True
            stored = self._stored.get("ids") if len(self._seen) >= GUESSES else None
            return stored is not None and key_id not in stored
        finally:
            self._lock.release()

    def contain(self, key_id: str) -> bool:
        """Whether the key is known to be unknown. Raises StorageUnavailable or Throttled."""
        with self._lock:
            if key_id in self._seen:
                return True
            if len(self._seen) < GUESSES:
                return False
            stored = self._stored.get("ids")
            if stored is None:  # with the lock, so that one request lists and the others wait for it
                stored = self._stored["ids"] = frozenset(key.id for key in self._keys.get_all())
        return key_id not in stored

    def add(self, key_id: str) -> None:
        with self._lock:
            self._seen[key_id] = None
