"""How long the current invocation may still take. Every call to a store respects it.

A context variable, because the time left belongs to the request, not to any one function on the way down.
"""

from collections.abc import Callable
from contextvars import ContextVar, Token
from math import inf


def unlimited() -> float:
    return inf


_remaining: ContextVar[Callable[[], float]] = ContextVar("remaining", default=unlimited)


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
