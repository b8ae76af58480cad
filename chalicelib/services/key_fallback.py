"""API keys from their newest snapshot, while their table does not answer."""

from collections.abc import Callable
from math import inf
from threading import Lock
from typing import NamedTuple

from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.key_snapshot import KeySnapshot
from chalicelib.domain.keys import ApiKey
from chalicelib.metrics import MetricsRecorder

POLL_SECONDS = 5.0
"""In an outage, look for a newer snapshot this often: so a revocation gets here."""
RETRY_SECONDS = 1.0
"""After it could not be read."""


class OldKey(NamedTuple):
    """``age``: seconds since the snapshot was last known to be what the table has."""

    key: ApiKey
    age: float


class KeyFallback:
    """``timer`` is monotonic; ``clock`` is epoch seconds, by which a snapshot grows old."""

    def __init__(
        self,
        read: Callable[[], KeySnapshot | None],
        metrics: MetricsRecorder,
        timer: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._read = read
        self._metrics = metrics
        self._timer = timer
        self._clock = clock
        self._loaded: KeySnapshot | None = None
        self._next_read = -inf
        self._reading = Lock()

    def find(self, key_id: str) -> OldKey | None:
        """None without a snapshot that has the key. It never raises."""
        with self._reading:
            if self._timer() >= self._next_read:
                self._load()
            snapshot = self._loaded
        key = snapshot.keys.get(key_id) if snapshot else None
        return OldKey(key, max(self._clock() - snapshot.in_force_at, 0.0)) if snapshot and key else None

    def _load(self) -> None:
        """What was loaded before stays, if S3 fails, too."""
        try:
            snapshot = self._read()
        except (StorageUnavailable, Throttled):
            self._next_read = self._timer() + RETRY_SECONDS
            return
        self._next_read = self._timer() + POLL_SECONDS
        if self._loaded is None and snapshot is not None:
            self._metrics.record("KeySnapshotLoaded")
        self._loaded = snapshot
