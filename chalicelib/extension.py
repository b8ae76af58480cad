"""An internal Lambda extension: work that is done when the answer has left and before the container freezes.

Lambda freezes a container when the runtime has answered *and* every extension has asked for its next
event, so this one asks only when it has flushed. docs/adr/008-tracking-by-extension.md says why.
"""

import functools
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
from typing import Any, TypeVar, cast

NAME = "tracking"
SHUTDOWN_SECONDS = 0.25
"""Of the 500 ms that Lambda leaves a runtime with an internal extension between SIGTERM and SIGKILL."""
MARGIN_SECONDS = 0.5
"""Before its deadline an invocation that has not said that it has answered counts as lost."""
Handler = TypeVar("Handler", bound=Callable[..., Any])
_answered: "queue.SimpleQueue[None]" = queue.SimpleQueue()  # an Event would cost each request 1 µs more
_running = threading.Event()
_log = logging.getLogger("realtime")


def signal_answer(handler: Handler) -> Handler:
    """A Lambda handler; the runtime sends what it returns at once, as it holds the interpreter's lock."""

    @functools.wraps(handler)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        finally:
            if _running.is_set():
                _answered.put(None)

    return cast(Handler, call)


def start(api: str, flush: Callable[[float], object], end: Callable[[float], object]) -> None:
    """Registers at the Extensions API on ``api`` (host:port), which is possible while app.py is imported.

    ``flush`` is called after each answer, ``end`` when the container goes; both get the seconds that
    they may take.
    """
    extension = _Extension(api, flush)
    extension.register()
    _running.set()
    threading.Thread(target=extension.run, name=NAME, daemon=True).start()
    _on_shutdown(lambda: end(SHUTDOWN_SECONDS))


class _Extension:
    def __init__(self, api: str, flush: Callable[[float], object]) -> None:
        self._api = http.client.HTTPConnection(api)  # no timeout: the container may sleep for hours
        self._flush = flush
        self._id = ""

    def register(self) -> None:
        """For INVOKE only: Lambda sends SHUTDOWN to no internal extension."""
        body = json.dumps({"events": ["INVOKE"]})
        headers, _ = self._call("POST", "register", {"Lambda-Extension-Name": NAME}, body)
        self._id = headers["Lambda-Extension-Identifier"]

    def run(self) -> None:
        try:
            while True:
                _, event = self._call("GET", "event/next", {"Lambda-Extension-Identifier": self._id})
                left = event["deadlineMs"] / 1000 - time.time()
                _wait_for_answer(left - MARGIN_SECONDS)
                self._flush_within(event["deadlineMs"] / 1000 - time.time() - MARGIN_SECONDS)
        except Exception as error:  # noqa: BLE001 - see below
            # Without the extension every invocation would last until its timeout: rather a new container.
            _log.critical("the tracking extension failed: %s", error)
            os._exit(1)

    def _flush_within(self, seconds: float) -> None:
        try:
            self._flush(max(0.0, seconds))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with what is told, answers go on
            _log.error("tracking failed: %s", type(error).__name__)

    def _call(
        self, method: str, path: str, headers: dict[str, str], body: str | None = None
    ) -> tuple[Any, dict[str, Any]]:
        self._api.request(method, f"/2020-01-01/extension/{path}", body, headers)
        response = self._api.getresponse()
        text = response.read()
        if response.status != 200:
            raise RuntimeError(f"the Extensions API answered {path} with {response.status}")
        return response.headers, json.loads(text)


def _wait_for_answer(seconds: float) -> None:
    with suppress(queue.Empty):
        _answered.get(timeout=max(0.0, seconds))
    while not _answered.empty():  # one that came too late must not stand for the next one
        _answered.get()


def _on_shutdown(flush: Callable[[], object]) -> None:
    """Python runs a signal's handler in the main thread, which waits inside the runtime's own C code.

    The signal's number is therefore read from a pipe, which C writes it to, by a thread.
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
