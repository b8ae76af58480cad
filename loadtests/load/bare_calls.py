"""Calls that go to the emulator directly, beside the load: do they become slower, too?"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from loadtests.load.requests_log import Request


@contextmanager
def time_calls(calls: Mapping[str, Callable[[], object]], seconds: float = 1.0) -> Iterator[list[Request]]:
    """Make each of ``calls`` every few seconds until the block ends; the value is how long they took."""
    made: list[Request] = []
    is_stopping = threading.Event()

    def run() -> None:
        while not is_stopping.wait(seconds):
            for name, call in calls.items():
                start = time.perf_counter()
                call()
                made.append(Request(time.time(), name, (time.perf_counter() - start) * 1000, False))

    thread = threading.Thread(target=run, name="bare-calls", daemon=True)
    thread.start()
    try:
        yield made
    finally:
        is_stopping.set()
        thread.join()
