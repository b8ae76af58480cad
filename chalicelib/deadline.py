"""How long the current invocation may still take. Every call to a store respects it.

A context variable, because the time left belongs to the request, not to any one function on the way down.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf


def unlimited() -> float:
    return inf


_remaining: ContextVar[Callable[[], float]] = ContextVar("remaining", default=unlimited)


def remaining() -> float:
    """Seconds left of the invocation; infinite outside of one."""
    return _remaining.get()()


@contextmanager
def within(seconds_left: Callable[[], float]) -> Iterator[None]:
    """Calls inside the block give up before ``seconds_left()`` reaches 0."""
    token = _remaining.set(seconds_left)
    try:
        yield
    finally:
        _remaining.reset(token)
