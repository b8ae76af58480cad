"""How long the current invocation may still take. Every call to a store respects it.

A context variable, because the time left belongs to the request, not to any one function on the way down.
"""

import time
from collections.abc import Callable
from contextvars import ContextVar, Token
from math import inf
from typing import Any


def _get_infinity() -> float:
    return inf


_get_remaining: ContextVar[Callable[[], float]] = ContextVar("remaining", default=_get_infinity)


ONLINE_SECONDS = 3.0
"""A waiting caller gets "try again" after this time, though Lambda would allow more."""
ADMIN_SECONDS = 25.0
"""The same for the management API: to plan and publish a thousand definitions takes a while."""


def make_reader(context: Any, default: float) -> Callable[[], float]:
    """A function that reads the seconds left of Lambda's ``context``; ``default`` without one (a test)."""
    read_milliseconds = getattr(context, "get_remaining_time_in_millis", None)
    return (lambda: read_milliseconds() / 1000) if read_milliseconds else (lambda: default)


def get_remaining() -> float:
    """Seconds left of the invocation; infinite outside of one."""
    return _get_remaining.get()()


class limit:  # noqa: N801 - used as a function; a generator would cost every request a microsecond
    """Calls inside of the block give up before ``get_seconds_left()`` reaches 0."""

    __slots__ = ("_get_seconds_left", "_token")
    _token: Token[Callable[[], float]]

    def __init__(self, get_seconds_left: Callable[[], float]) -> None:
        self._get_seconds_left = get_seconds_left

    def __enter__(self) -> None:
        self._token = _get_remaining.set(self._get_seconds_left)

    def __exit__(self, *_: object) -> None:
        _get_remaining.reset(self._token)


class limit_online:  # noqa: N801 - as `limit`
    """`limit` for an invocation whose caller waits; ``context`` is Lambda's, or None."""

    __slots__ = ("_context", "_seconds", "_token")

    def __init__(self, context: Any, seconds: float = ONLINE_SECONDS) -> None:
        self._context, self._seconds = context, seconds

    def __enter__(self) -> None:
        end = time.monotonic() + min(self._seconds, make_reader(self._context, inf)())
        self._token = _get_remaining.set(lambda: end - time.monotonic())

    def __exit__(self, *_: object) -> None:
        _get_remaining.reset(self._token)
