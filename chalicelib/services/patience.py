"""How long a request that has something to answer with waits for something newer."""

from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from threading import Thread
from typing import TypeVar

from chalicelib.domain.errors import StorageUnavailable

PATIENCE = 0.25
"""Seconds: many times what a healthy store takes, and little beside what a silent one would take."""

R = TypeVar("R")


def patiently(call: Callable[[], R], seconds: float = PATIENCE) -> R:
    """What ``call`` returns, in a thread of its own and with the deadline of the caller.

    Raises StorageUnavailable when the time is over; ``call`` then goes on, and what it does takes effect.
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
