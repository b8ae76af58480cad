"""When was a key last used? Written after the answer, about once an hour and key."""

import logging
import time
from collections.abc import Callable
from threading import Lock

from cachetools import TTLCache

from chalicelib import deadline
from chalicelib.domain.errors import RealtimeError
from chalicelib.domain.keys import ApiKey, Keys
from chalicelib.domain.timestamps import parse_timestamp
from chalicelib.metrics import MetricsRecorder

SECONDS_BETWEEN = 3600.0
FLUSH_SECONDS = 0.5
KEYS_REMEMBERED = 10_000
_log = logging.getLogger("realtime")


class KeyUses:
    """The row says when any container last wrote, so that all of them together write once an hour."""

    def __init__(self, keys: Keys, metrics: MetricsRecorder, timer: Callable[[], float]) -> None:
        self._keys = keys
        self._metrics = metrics
        self._noted: TTLCache[str, None] = TTLCache(KEYS_REMEMBERED, SECONDS_BETWEEN, timer)
        self._waiting: dict[str, float] = {}
        self._lock = Lock()

    def note(self, key: ApiKey, now: float) -> None:
        """During a request; ``now`` is epoch seconds."""
        if key.last_used is not None and now - parse_timestamp(key.last_used) < SECONDS_BETWEEN:
            return
        with self._lock:
            if key.id not in self._noted:
                self._noted[key.id] = None
                self._waiting[key.id] = now

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """After the answer. It never raises: what fails is tried again in an hour."""
        if not self._waiting:
            return
        end = time.monotonic() + min(seconds, FLUSH_SECONDS)
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        try:
            with deadline.limit(lambda: end - time.monotonic()):
                for key_id, used in waiting.items():
                    self._keys.mark_used(key_id, used, used - SECONDS_BETWEEN)
        except RealtimeError:
            self._metrics.record("KeyUsesNotKept")
        except Exception as error:  # noqa: BLE001 - it must never stop the answers
            self._metrics.record("KeyUsesNotKept")
            _log.error("the use of a key was not kept: %s", type(error).__name__)
