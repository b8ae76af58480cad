"""How long the current invocation may still take. Every call to a store respects it.

A context variable, because the time left belongs to the request, not to any one function on the way down.
"""

import time
from collections.abc import Callable
from contextvars import ContextVar, Token
from math import inf
from typing import Any


def unlimited() -> float:
    return inf


_remaining: ContextVar[Callable[[], float]] = ContextVar("remaining", default=unlimited)


ONLINE_SECONDS = 3.0
"""Answer a waiting caller with "try again" after this time, though Lambda would allow more."""


def read_remaining(context: Any, default: float) -> Callable[[], float]:
    """A reader of the seconds left of ``context``, Lambda's; ``default`` without one (a test, a REPL)."""
    milliseconds = getattr(context, "get_remaining_time_in_millis", None)
    return (lambda: milliseconds() / 1000) if milliseconds else (lambda: default)


class online:  # noqa: N801 - used as a function; a generator would cost every request a microsecond
    """The invocation of a function whose caller waits; ``context`` is Lambda's, or None."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: Any) -> None:
        self._context = context

    def __enter__(self) -> None:
        end = time.monotonic() + min(ONLINE_SECONDS, read_remaining(self._context, inf)())
        self._token = _remaining.set(lambda: end - time.monotonic())

    def __exit__(self, *_: object) -> None:
        _remaining.reset(self._token)


def remaining() -> float:
    """Seconds left of the invocation; infinite outside of one."""
    return _remaining.get()()


class within:  # noqa: N801 - a context manager, read as a verb; as a generator it would cost 1 µs a request
    """Calls inside of the block give up before ``seconds_left()`` reaches 0."""

    __slots__ = ("_seconds_left", "_token")
    _token: Token[Callable[[], float]]

    def __init__(self, seconds_left: Callable[[], float]) -> None:
        self._seconds_left = seconds_left

    def __enter__(self) -> None:
        self._token = _remaining.set(self._seconds_left)

    def __exit__(self, *_: object) -> None:
        _remaining.reset(self._token)
