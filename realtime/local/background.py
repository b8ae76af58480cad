"""Send tracked decisions after the response has left, as the Lambda extension does in the cloud."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FLUSH_SECONDS = 1.0


@contextmanager
def flush_after_responses(flush: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """The value is a hook to call after each response: ``flush`` runs within a second, in another thread.

    It also runs once at the end of the block.
    """
    is_due, is_stopping = threading.Event(), threading.Event()

    def flush_when_due() -> None:
        while not is_stopping.wait(FLUSH_SECONDS):
            if is_due.is_set():
                is_due.clear()
                flush()
        flush()

    thread = threading.Thread(target=flush_when_due, name="tracking", daemon=True)
    thread.start()
    try:
        yield is_due.set
    finally:
        is_stopping.set()
        thread.join()
