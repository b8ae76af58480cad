"""An internal Lambda extension: it works after the answer is sent and before the container freezes.

Lambda freezes a container once the runtime has answered *and* every extension has asked for its next
event. This extension flushes first and asks then. docs/adr/008-tracking-by-extension.md says why.
"""

import http.client
import json
import logging
import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

NAME = "tracking"
SHUTDOWN_SECONDS = 0.25
"""Of the 500 ms that Lambda leaves a runtime with an internal extension between SIGTERM and SIGKILL."""
MARGIN_SECONDS = 0.5
"""An invocation that has not answered this long before its deadline counts as lost."""
PAUSES = [min(0.1, 0.005 * 2**attempt) for attempt in range(60)]
"""Seconds between attempts to ask again after a lost connection: six seconds in all."""
_answered: "queue.SimpleQueue[str | None]" = queue.SimpleQueue()  # an Event costs each request 1 µs more
_running = threading.Event()
_log = logging.getLogger("realtime")


def signal_answer(context: Any) -> bool:
    """Lets the extension begin, at the end of a handler; False if there is none in this container.

    The runtime sends the answer before the extension runs, because it holds the interpreter's lock.
    """
    if not _running.is_set():
        return False
    _answered.put(getattr(context, "aws_request_id", None))
    return True


def start(api: str, flush: Callable[[float], object], end: Callable[[float], object]) -> None:
    """Register at the Extensions API on ``api`` (host:port); Lambda allows it only while app.py is imported.

    ``flush`` is called after each answer, ``end`` when the container shuts down. Both get the number of
    seconds that they may take.
    """
    extension = _Extension(api, flush)
    extension.register()
    _running.set()
    threading.Thread(target=extension.run, name=NAME, daemon=True).start()
    _on_shutdown(lambda: _call_safely(end, SHUTDOWN_SECONDS))


class _Refused(Exception):
    """The Extensions API expects another call."""


class _Extension:
    def __init__(self, api: str, flush: Callable[[float], object]) -> None:
        self._api = http.client.HTTPConnection(api)  # no timeout: the container may sleep for hours
        self._flush = flush
        self._id = ""

    def register(self) -> None:
        """Only for INVOKE: Lambda does not send SHUTDOWN to internal extensions."""
        body = json.dumps({"events": ["INVOKE"]})
        headers, _ = self._call("POST", "register", {"Lambda-Extension-Name": NAME}, body)
        self._id = headers["Lambda-Extension-Identifier"]

    def run(self) -> None:
        try:
            while True:
                event = self._wait_for_event()
                end = event["deadlineMs"] / 1000 - MARGIN_SECONDS
                _wait_for_answer(event["requestId"], end - time.time())
                _call_safely(self._flush, max(0.0, end - time.time()))
        except Exception as error:  # noqa: BLE001 - see below
            # Without the extension every invocation would last until its timeout. A new container is better.
            _log.critical("the tracking extension failed: %s", error)
            os._exit(1)

    def _wait_for_event(self) -> dict[str, Any]:
        """Asks again, under the same identifier, if the connection breaks: no snapshot promises to keep it.

        Lambda refuses that until the event that the broken connection waited for is due. It then counts as
        flushed; what it left goes with the next one.
        """
        for pause in PAUSES:
            try:
                return self._call("GET", "event/next", {"Lambda-Extension-Identifier": self._id})[1]
            except _Refused:
                pass
            except (OSError, http.client.HTTPException) as error:
                _log.warning("the wait for the next event broke (%s): asking again", type(error).__name__)
                self._api.close()
            time.sleep(pause)
        raise RuntimeError(f"no connection to the Extensions API in {len(PAUSES)} attempts")

    def _call(
        self, method: str, path: str, headers: dict[str, str], body: str | None = None
    ) -> tuple[Any, dict[str, Any]]:
        self._api.request(method, f"/2020-01-01/extension/{path}", body, headers)
        response = self._api.getresponse()
        text = response.read()
        if response.status == http.HTTPStatus.FORBIDDEN:
            raise _Refused(f"the Extensions API refused {path}: {text.decode(errors='replace')}")
        if response.status != 200:
            raise RuntimeError(f"the Extensions API answered {path} with {response.status}")
        return response.headers, json.loads(text)


def _call_safely(flush: Callable[[float], object], seconds: float) -> None:
    """Its text may quote a user's data, so only the type of an error is logged."""
    try:
        flush(seconds)
    except Exception as error:  # noqa: BLE001 - tracking must never stop the answers
        _log.error("tracking failed: %s", type(error).__name__)


def _wait_for_answer(request_id: str, seconds: float) -> None:
    """Signals of earlier invocations, which came late, do not count."""
    end = time.monotonic() + seconds
    with suppress(queue.Empty):
        while _answered.get(timeout=max(0.0, end - time.monotonic())) != request_id:
            pass


def _on_shutdown(flush: Callable[[], object]) -> None:
    """Call ``flush`` on SIGTERM, then exit.

    Python runs signal handlers in the main thread, but that thread waits inside the runtime's C code.
    So a thread reads the number of the signal from a pipe that C writes to.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def wait() -> None:
        while os.read(reader, 1) != bytes([signal.SIGTERM]):
            pass
        flush()
        os._exit(0)

    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=wait, name=f"{NAME}-shutdown", daemon=True).start()
