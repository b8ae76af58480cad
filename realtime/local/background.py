"""What the Lambda extension does in the cloud: tracked decisions are sent after the response has left."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

EVERY_SECONDS = 1.0


@contextmanager
def flushed_after_responses(flush: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """A hook that only rings; a thread of its own calls ``flush`` within a second, and once at the end."""
    waiting, stopping = threading.Event(), threading.Event()

    def work() -> None:
        while not stopping.wait(EVERY_SECONDS):
            if waiting.is_set():
                waiting.clear()
                flush()
        flush()

    thread = threading.Thread(target=work, name="tracking", daemon=True)
    thread.start()
    try:
        yield waiting.set
    finally:
        stopping.set()
        thread.join()
