"""How long the decisions of one request may take: an honest error in place of a worker that is blocked.

It is time of the CPU, in this thread: neither a slow store nor a busy machine spends it.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chalicelib.domain.errors import EvaluationTooLong

EVALUATION_SECONDS = 0.5
CHECKS_A_READ = 16
"""To read the clock takes some time itself; what is checked takes up to 7 ms. Few requests read it at all."""


class RequestTime:
    """Of one request. The clock starts when it is read first."""

    __slots__ = ("_checks_left", "_end", "_seconds", "_timer")

    def __init__(self, seconds: float, timer: Callable[[], float] = time.thread_time) -> None:
        self._seconds = seconds
        self._timer = timer
        self._checks_left = CHECKS_A_READ
        self._end: float | None = None

    def check(self) -> None:
        self._checks_left -= 1
        if self._checks_left > 0:
            return
        now = self._timer()
        if self._end is None:
            self._end = now + self._seconds
        elif now > self._end:
            raise EvaluationTooLong
        self._checks_left = CHECKS_A_READ

    @contextmanager
    def exclude(self) -> Iterator[None]:
        start = self._timer()
        try:
            yield
        finally:
            if self._end is not None:
                self._end += self._timer() - start
