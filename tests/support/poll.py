"""Wait for a state by polling it."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], seconds: float = 10.0, interval: float = 0.05) -> T:
    """Return the first truthy answer of ``condition``, or raise AssertionError after ``seconds``."""
    deadline = time.monotonic() + seconds
    timer = threading.Event()
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"still {answer!r} after {seconds} s: {condition}")
        timer.wait(interval)
