"""Ctrl-C ends a run between two steps, not within one."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed, or SIGTERM came. A second one interrupts at once."""
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if stopping.is_set():
            raise KeyboardInterrupt
        stopping.set()

    with handle_interrupt(stop), handle_interrupt(stop, signal.SIGTERM):
        yield stopping.is_set


@contextmanager
def handle_interrupt(
    handler: Callable[[int, FrameType | None], Any], number: int = signal.SIGINT
) -> Iterator[None]:
    """Call ``handler`` for this signal within the block."""
    previous = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, previous)


@contextmanager
def exit_on_interrupt() -> Iterator[Callable[[], bool]]:
    """`stop_on_interrupt`, and a KeyboardInterrupt after the block if there was one."""
    with stop_on_interrupt() as is_stopping:
        yield is_stopping
    if is_stopping():
        raise KeyboardInterrupt
