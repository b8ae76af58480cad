"""The Lambda service on loopback: Runtime API, Extensions API, and a real freeze (SIGSTOP).

It is also Kinesis for the container, which a test can make hang or fail.
"""

import base64
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.poll import wait_until

TIMEOUT_SECONDS = 20.0
SIGTERM_TO_SIGKILL = 2.0  # Lambda waits 0.5 s; a machine with two test workers is slower


@dataclass
class LambdaService:
    """``log`` has what a container did, in order; ``records`` what Kinesis has received."""

    log: list[str] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    invocations: "queue.Queue[tuple[str, Any]]" = field(default_factory=queue.Queue)
    events: "queue.Queue[tuple[float, str]]" = field(default_factory=queue.Queue)
    kinesis_open: threading.Event = field(default_factory=threading.Event)  # not set: Kinesis hangs
    kinesis_works: bool = True
    restored: threading.Event = field(default_factory=threading.Event)
    waiting: set[str] = field(default_factory=set)  # runtime, extension: waiting for the next event; snapshot
    registered: list[Any] = field(default_factory=list)
    refused: int = 0  # calls that came while the extension was waiting already
    is_extension_waiting: bool = False
    extension_connection: socket.socket | None = None

    def __post_init__(self) -> None:
        self.kinesis_open.set()

    @property
    def is_idle(self) -> bool:
        """Runtime and extension both wait, so the container may be frozen."""
        return self.waiting >= ({"runtime", "extension"} if self.registered else {"runtime"})

    @property
    def sent_events(self) -> list[tuple[str, str]]:
        """Type and user id of each."""
        events = [json.loads(base64.b64decode(record["Data"])) for record in self.records]
        return [(event["event_type"], event["user_id"]) for event in events]

    def break_connection(self) -> None:
        """End the connection on which the extension waits. As in Lambda, its wait goes on without it."""
        assert self.extension_connection is not None
        self.extension_connection.shutdown(socket.SHUT_RDWR)


class Container:
    """One process of the real runtime that runs ``handler`` of the bundle in ``folder``."""

    def __init__(
        self, service: LambdaService, url: str, folder: Path, handler: str, env: Mapping[str, str]
    ) -> None:
        self._service = service
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - `kill` closes it
        host = url.removeprefix("http://")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", handler],
            cwd=folder,
            env={
                **env,
                "AWS_ENDPOINT_URL_KINESIS": url,
                "AWS_LAMBDA_RUNTIME_API": host,
                "AWS_LAMBDA_FUNCTION_NAME": "under-test",
                "_HANDLER": handler,
                "PATH": os.environ["PATH"],
            },
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    def invoke(self, event: Any) -> Any:
        """The answer, as soon as the container has sent it; thaws a frozen container.

        As in Lambda, an event is delivered only when runtime and extension both wait for one.
        """
        wait_until(lambda: self._service.is_idle, TIMEOUT_SECONDS, interval=0.002)
        self._service.waiting.clear()
        self._process.send_signal(signal.SIGCONT)
        request_id = str(uuid.uuid4())
        if self._service.registered:
            self._service.events.put((time.time() + TIMEOUT_SECONDS, request_id))
        self._service.invocations.put((request_id, event))
        wait_until(lambda: request_id in self._service.answers, TIMEOUT_SECONDS, interval=0.002)
        return self._service.answers[request_id]

    def freeze(self) -> None:
        """Freeze the container, as soon as runtime and extension both wait."""
        wait_until(lambda: self._service.is_idle, TIMEOUT_SECONDS)
        self._process.send_signal(signal.SIGSTOP)

    def shut_down(self) -> int:
        """Stop the container as Lambda does; return its exit status."""
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            return self._process.wait(SIGTERM_TO_SIGKILL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def read_output(self) -> list[str]:
        """The lines that the container has written until now."""
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), size, 0).decode().splitlines()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        print("\n".join(self.read_output()))  # shown beside a test that fails
        self._output.close()


Start = Callable[..., Container]
"""A fixture: start a container of a handler, with more environment variables by name."""


@contextmanager
def lambda_service() -> Iterator[tuple[LambdaService, str]]:
    running = LambdaService()

    class Handler(_Handler):
        service = running

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield running, f"http://127.0.0.1:{server.server_port}"
    finally:
        running.kinesis_open.set()
        running.restored.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet for each answer: delayed acknowledgements would add 40 ms
    service: LambdaService

    def handle(self) -> None:
        with suppress(ConnectionError):  # as in `finish`: a test broke the connection
            super().handle()

    def finish(self) -> None:
        with suppress(ConnectionError):
            super().finish()

    def do_GET(self) -> None:
        if self.path == "/2018-06-01/runtime/invocation/next":
            request_id, event = self._wait_for_next("runtime", self.service.invocations)
            deadline = str(int((time.time() + TIMEOUT_SECONDS) * 1000))
            self._answer(200, event, {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": deadline,
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
            })  # fmt: skip
        elif self.path == "/2020-01-01/extension/event/next":
            assert self.headers["Lambda-Extension-Identifier"] == "the-extension"
            self._wait_for_extension_event()
        elif self.path == "/2018-06-01/runtime/restore/next":
            self.service.log.append("snapshot")
            self.service.waiting.add("snapshot")
            self.service.restored.wait()
            self._answer(200, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        if self.path == "/":
            self._kinesis(body)
        elif self.path == "/2020-01-01/extension/register":
            self.service.registered.append((self.headers["Lambda-Extension-Name"], body))
            self._answer(200, {}, {"Lambda-Extension-Identifier": "the-extension"})
        else:
            *_, request_id, what = self.path.split("/")  # response or error
            self.service.log.append(what)
            self.service.answers[request_id] = body
            self._answer(202, {})

    def _wait_for_next(self, who: str, what: "queue.Queue[Any]") -> Any:
        self.service.log.append(f"{who} next")
        self.service.waiting.add(who)
        return what.get()

    def _wait_for_extension_event(self) -> None:
        """By the state machine of AWS's runtime interface emulator (internalagent_states.go)."""
        if self.service.is_extension_waiting:
            self.service.refused += 1
            self._answer(403, {"errorType": "Extension.InvalidExtensionState"})
            return
        self.service.is_extension_waiting = True
        self.service.extension_connection = self.connection
        deadline, request_id = self._wait_for_next("extension", self.service.events)
        self.service.is_extension_waiting = False
        event = {"eventType": "INVOKE", "deadlineMs": int(deadline * 1000), "requestId": request_id}
        self._answer(200, event)

    def _kinesis(self, body: Any) -> None:
        self.service.log.append("put")
        self.service.kinesis_open.wait()
        if not self.service.kinesis_works:
            self._answer(500, {"__type": "InternalFailure"})
            return
        self.service.records += body["Records"]
        self._answer(200, {
            "FailedRecordCount": 0,
            "Records": [{"SequenceNumber": "1", "ShardId": "shardId-0"} for _ in body["Records"]],
        })  # fmt: skip

    def _answer(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        text = json.dumps(body).encode()
        try:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
            self.wfile.flush()
        except ConnectionError:  # the container is gone
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None: ...
