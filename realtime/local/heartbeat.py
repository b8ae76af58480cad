"""The heartbeat of the local stack, which has no schedule and no Lambda."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.domain.errors import RealtimeError
from realtime.heartbeat import build_decision, check_decision, confirm_keys, has_moved, read_counter

if TYPE_CHECKING:
    from chalicelib.wiring import Plane

SECONDS = 20.0
"""Between two beats. In AWS it is a minute."""
FLUSH_SECONDS = 3.0
log = logging.getLogger(__name__)


class LocalHeartbeat:
    """``beat`` looks for the last decision in its counter, makes the next, and confirms the keys."""

    def __init__(self, plane: "Plane", dynamodb: Any, s3: Any) -> None:
        self._plane, self._dynamodb, self._s3 = plane, dynamodb, s3
        self._last: dict[str, str] = {}

    def beat(self) -> None:
        now, plane = time.time(), self._plane
        if has_moved(self._last, read_counter(self._dynamodb, plane.settings.counters_table, now)):
            plane.metrics.record("Heartbeat")
        evaluation = plane.evaluate(**build_decision(now, SECONDS))
        check_decision({"variant": evaluation.variant})
        plane.after_response(FLUSH_SECONDS)
        settings = plane.settings
        with suppress(ClientError):  # there is no key but that of the demo
            confirm_keys(self._s3, settings.archive_bucket, self._dynamodb, settings.keys_table, now)


@contextmanager
def keep_beating(heartbeat: LocalHeartbeat, seconds: float = SECONDS) -> Iterator[None]:
    """Beat every few seconds until the block ends."""
    is_stopping = threading.Event()

    def run() -> None:
        while not is_stopping.is_set():
            try:
                heartbeat.beat()
            except (RealtimeError, RuntimeError) as error:
                log.warning("no heartbeat: %s", error)
            is_stopping.wait(seconds)

    thread = threading.Thread(target=run, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_stopping.set()
        thread.join()
