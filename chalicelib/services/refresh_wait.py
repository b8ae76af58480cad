"""How long a request that holds an older value waits for a newer one."""

from collections.abc import Callable
from math import inf
from typing import TypeVar

from chalicelib.services.concurrency import REFRESH_TIMEOUT_SECONDS, call_within

LONGEST_SECONDS = 2.0
"""A request has three in all. A store that needs longer than a second for a call gives no answer."""
FAILING_SECONDS = 5.0
"""A store that failed so recently is asked again, but not waited for: it may accept calls and be silent."""

R = TypeVar("R")


class RefreshWait:
    """For one store; ``timer`` is monotonic."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self._failed_at = -inf

    def call(self, refresh: Callable[[], R], seconds: float = LONGEST_SECONDS) -> R:
        """What ``refresh`` returns within ``seconds``, or within a quarter of a second of a failing store.

        Raises StorageUnavailable after that time; ``refresh`` then goes on, and its effects remain.
        """
        is_failing = self._timer() - self._failed_at < FAILING_SECONDS
        return call_within(
            lambda: self._observe(refresh), min(seconds, REFRESH_TIMEOUT_SECONDS) if is_failing else seconds
        )

    def _observe(self, refresh: Callable[[], R]) -> R:
        try:
            answer = refresh()
        except Exception:
            self._failed_at = self._timer()
            raise
        self._failed_at = -inf
        return answer
