"""What happens to all clients of a process when it forks and when it ends."""

import atexit
import os
import signal
import threading
import weakref
from typing import Protocol


class Living(Protocol):
    def forget(self) -> None:
        """In a child after a fork: everything that belongs to the parent."""

    def flush(self) -> object: ...
    def close(self) -> object: ...


_living: "weakref.WeakSet[Living]" = weakref.WeakSet()


def register(client: Living) -> None:
    _living.add(client)


def flush_on_termination() -> None:
    """SIGTERM ends Python without what is registered for its end, unless the program handles the signal.

    Does nothing if it does, and outside the main thread, where Python takes no handler.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    def end(number: int, _frame: object) -> None:
        for client in list(_living):
            client.flush()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, end)


def _forget_all() -> None:
    for client in list(_living):
        client.forget()


def _close_all() -> None:
    for client in list(_living):
        client.close()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_forget_all)
atexit.register(_close_all)
