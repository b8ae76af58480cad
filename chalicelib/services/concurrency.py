"""Makes calls to AWS in parallel, in batches, or with a time limit."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import cached_property
from itertools import islice
from threading import Thread
from typing import TypeVar

from chalicelib.domain.errors import StorageUnavailable

REFRESH_TIMEOUT_SECONDS = 0.25
"""Serve the cached value if a refresh takes longer. A healthy store is many times as fast."""

T = TypeVar("T")
R = TypeVar("R")


class Parallel:
    """A container's thread pool; it starts with the first two items. With 1 thread, calls are serial."""

    def __init__(self, threads: int = 8) -> None:
        self._threads = threads

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="aws")

    def map(self, call: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """The results in order. Each call has a copy of the caller's context, hence its deadline."""
        arguments = list(items)
        if len(arguments) < 2 or self._threads < 2:
            return [call(argument) for argument in arguments]
        futures = [self._pool.submit(copy_context().run, call, argument) for argument in arguments]
        return [future.result() for future in futures]


def call_within(call: Callable[[], R], seconds: float = REFRESH_TIMEOUT_SECONDS) -> R:
    """Runs ``call`` in a thread of its own, with the caller's deadline, and returns its result.

    Raises StorageUnavailable after ``seconds``; ``call`` then goes on, and its effects remain.
    """
    try:
        return start_call(call).result(seconds)
    except TimeoutError:
        raise StorageUnavailable from None


def start_call(call: Callable[[], R]) -> "Future[R]":
    """Runs ``call`` in a thread of its own, with the caller's deadline."""
    outcome: Future[R] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised to the caller
            outcome.set_exception(error)

    Thread(target=copy_context().run, args=(run,), daemon=True).start()
    return outcome


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most ``size`` items. (itertools has this from Python 3.12 on.)"""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
