"""Several calls to AWS at once."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cached_property
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Parallel:
    """A container's threads, started when there is more than one thing to do; 1: one after the other."""

    def __init__(self, threads: int = 8) -> None:
        self._threads = threads

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="aws")

    def map(self, call: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """The answers in order; each call sees a copy of the caller's context, so also its deadline."""
        listed = list(items)
        if len(listed) < 2 or self._threads < 2:
            return [call(one) for one in listed]
        futures = [self._pool.submit(copy_context().run, call, one) for one in listed]
        return [future.result() for future in futures]
