"""Several calls to AWS at once, in batches, or with a time limit."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import cached_property
from itertools import islice
from threading import Thread
from typing import TypeVar

from chalicelib.domain.errors import StorageUnavailable

REFRESH_SECONDS = 0.25
"""Serve the cached value if a refresh takes longer. A healthy store answers many times faster."""

T = TypeVar("T")
R = TypeVar("R")


class Parallel:
    """A container's thread pool, started at the first use with two items; with 1 thread, calls are serial."""

    def __init__(self, threads: int = 8) -> None:
        self._threads = threads

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="aws")

    def map(self, call: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """The answers in order. Each call sees a copy of the caller's context, so also its deadline."""
        arguments = list(items)
        if len(arguments) < 2 or self._threads < 2:
            return [call(argument) for argument in arguments]
        futures = [self._pool.submit(copy_context().run, call, argument) for argument in arguments]
        return [future.result() for future in futures]


def call_within(call: Callable[[], R], seconds: float = REFRESH_SECONDS) -> R:
    """What ``call`` returns. It runs in a thread of its own, with the caller's deadline.

    Raises StorageUnavailable after ``seconds``; ``call`` then goes on, and what it does takes effect.
    """
    outcome: Future[R] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised to the caller
            outcome.set_exception(error)

    Thread(target=copy_context().run, args=(run,), daemon=True).start()
    try:
        return outcome.result(seconds)
    except TimeoutError:
        raise StorageUnavailable from None


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most ``size`` items. (itertools has this from Python 3.12 on.)"""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
