"""How often one key may ask the management API. Each container counts for itself."""

import math
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

from cachetools import LRUCache

from chalicelib.domain.errors import Throttled

RATE, BURST = 50.0, 200.0
"""Requests a second, and at once. A page of the console sends less than ten."""
MAX_KEYS = 1_000


class _Left(NamedTuple):
    requests: float
    at: float


class RequestRates:
    """``timer`` is monotonic, in seconds."""

    def __init__(self, timer: Callable[[], float], rate: float = RATE, burst: float = BURST) -> None:
        self._timer, self._rate, self._burst = timer, rate, burst
        self._left: LRUCache[str, _Left] = LRUCache(MAX_KEYS)
        self._lock = Lock()

    def take(self, key_id: str) -> None:
        """Count a request. Raises Throttled, with the seconds until the next one may come."""
        with self._lock:
            now = self._timer()
            before = self._left.get(key_id, _Left(self._burst, now))
            requests = min(self._burst, before.requests + self._rate * (now - before.at))
            if requests >= 1:
                requests -= 1
                self._left[key_id] = _Left(requests, now)
                return
        raise Throttled(math.ceil((1 - requests) / self._rate))
