"""The Lambda service on loopback: Runtime API, Extensions API, and a freeze that is one (SIGSTOP).

It also is Kinesis for the container, one that can be told to hang or to refuse.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.poll import wait_until

TIMEOUT_SECONDS = 20.0
SIGTERM_TO_SIGKILL = 2.0  # Lambda leaves 0.5; a machine that runs two test workers is not one


@dataclass
class LambdaService:
    """What a container did, in order, as ``log``; ``records`` are what Kinesis has."""

    log: list[str] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    invocations: "queue.Queue[tuple[str, Any]]" = field(default_factory=queue.Queue)
    events: "queue.Queue[float]" = field(default_factory=queue.Queue)
    kinesis_open: threading.Event = field(default_factory=threading.Event)  # unset: it hangs
    kinesis_works: bool = True
    waiting: set[str] = field(default_factory=set)  # who has asked for what comes next, and has not got it
    registered: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kinesis_open.set()

    @property
    def idle(self) -> bool:
        """The container may be frozen."""
        return self.waiting >= ({"runtime", "extension"} if self.registered else {"runtime"})


class Container:
    """One process of the real runtime that runs ``handler`` of the bundle in ``folder``."""

    def __init__(
        self, service: LambdaService, url: str, folder: Path, handler: str, env: Mapping[str, str]
    ) -> None:
        self._service = service
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
        )

    def invoke(self, event: Any) -> Any:
        """The answer, as soon as it has left; thaws the container if it was frozen.

        As in Lambda, runtime and extension have both asked for what comes next before they get it.
        """
        wait_until(lambda: self._service.idle, TIMEOUT_SECONDS, interval=0.002)
        self._service.waiting.clear()
        self._process.send_signal(signal.SIGCONT)
        request_id = str(uuid.uuid4())
        if self._service.registered:
            self._service.events.put(time.time() + TIMEOUT_SECONDS)
        self._service.invocations.put((request_id, event))
        wait_until(lambda: request_id in self._service.answers, TIMEOUT_SECONDS, interval=0.002)
        return self._service.answers[request_id]

    def freeze(self) -> None:
        """As soon as runtime and extension have both asked for what comes next."""
        wait_until(lambda: self._service.idle, TIMEOUT_SECONDS)
        self._process.send_signal(signal.SIGSTOP)

    def shut_down(self) -> int:
        """As Lambda does with a container that it does not need any more; the exit status."""
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            return self._process.wait(SIGTERM_TO_SIGKILL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def lambda_service() -> Iterator[tuple[LambdaService, str]]:
    service = LambdaService()

    class Handler(_Handler):
        of = service

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield service, f"http://127.0.0.1:{server.server_port}"
    finally:
        service.kinesis_open.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet an answer: delayed acknowledgements would cost it 40 ms
    of: LambdaService

    def do_GET(self) -> None:
        if self.path == "/2018-06-01/runtime/invocation/next":
            request_id, event = self._next("runtime", self.of.invocations)
            deadline = str(int((time.time() + TIMEOUT_SECONDS) * 1000))
            self._answer(200, event, {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": deadline,
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
            })  # fmt: skip
        elif self.path == "/2020-01-01/extension/event/next":
            assert self.headers["Lambda-Extension-Identifier"] == "the-extension"
            deadline_ms = int(self._next("extension", self.of.events) * 1000)
            self._answer(200, {"eventType": "INVOKE", "deadlineMs": deadline_ms})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        if self.path == "/":
            self._kinesis(body)
        elif self.path == "/2020-01-01/extension/register":
            self.of.registered.append((self.headers["Lambda-Extension-Name"], body))
            self._answer(200, {}, {"Lambda-Extension-Identifier": "the-extension"})
        else:
            *_, request_id, what = self.path.split("/")  # response or error
            self.of.log.append(what)
            self.of.answers[request_id] = body
            self._answer(202, {})

    def _next(self, who: str, what: "queue.Queue[Any]") -> Any:
        self.of.log.append(f"{who} next")
        self.of.waiting.add(who)
        return what.get()

    def _kinesis(self, body: Any) -> None:
        self.of.log.append("put")
        self.of.kinesis_open.wait()
        if not self.of.kinesis_works:
            self._answer(500, {"__type": "InternalFailure"})
            return
        self.of.records += body["Records"]
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
