"""Assignments that this container has seen: a hot user costs no call.

A row is immutable unless its variant is removed or sticky is off, and is always read against the current
definition and clock, so that what is remembered here can be old but never wrong.
"""

from threading import Lock

from cachetools import LRUCache

from chalicelib.domain.definitions import Stored


class Known:
    def __init__(self, size: int) -> None:
        self._rows: LRUCache[tuple[str, str], Stored] = LRUCache(size)
        self._lock = Lock()

    def get(self, experiment_id: str, user_id: str) -> Stored | None:
        with self._lock:
            return self._rows.get((experiment_id, user_id))

    def put(self, experiment_id: str, user_id: str, row: Stored) -> None:
        with self._lock:
            self._rows[experiment_id, user_id] = row
