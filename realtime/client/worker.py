"""The thread of a client. It starts at the first evaluation in a process, so a parent that forks has none."""

import logging
import queue
import threading
from collections.abc import Callable

LONGEST_WAIT = 5.0
"""Seconds after which the worker shows that it runs, though nothing is due."""
_log = logging.getLogger("realtime_client")


class Worker:
    """Calls ``run_due``, which returns the seconds until it wants to be called again, until it is stopped."""

    def __init__(
        self, run_due: Callable[[], float], flush: Callable[[], object], timer: Callable[[], float]
    ) -> None:
        self._run_due = run_due
        self._flush = flush
        self._timer = timer
        self.seen_at = timer()
        # Its put is safe in a signal handler, which may interrupt another put of the same thread.
        self._requests: queue.SimpleQueue[threading.Event | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="realtime-client", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def flush(self, seconds: float) -> bool:
        """Whether it was done within ``seconds``."""
        done = threading.Event()
        self._requests.put(done)
        return done.wait(seconds)

    def stop(self, seconds: float) -> None:
        self._requests.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        while True:
            self.seen_at = self._timer()
            try:
                wait = self._run_due()
            except Exception:  # noqa: BLE001 - the thread must not end, whatever a server answers
                _log.exception("The client's thread has failed, and goes on.")
                wait = LONGEST_WAIT
            try:
                done = self._requests.get(timeout=min(wait, LONGEST_WAIT))
            except queue.Empty:
                continue
            if done is None:
                return
            try:
                self._flush()
            finally:
                done.set()
