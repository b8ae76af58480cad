"""What Lambda's runtime and the tracking extension cost an invocation whose handler does nothing."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from loadtests.bench_requests import CONTEXT, build_request

WARM_UP, INVOCATIONS = 100, 600
HANDLER = """
import os, time
from chalicelib import extension

extension.start(os.environ["AWS_LAMBDA_RUNTIME_API"], lambda seconds: None, lambda seconds: None)

@extension.signal_answer
def handle(event, context):
    return {"cpu": time.process_time(), "statusCode": 200, "headers": {}, "body": "x" * 200}
"""
EVENT = json.dumps(build_request("/flags/evaluate", {"user_id": "u", "flag_key": "f", "context": CONTEXT}))


class _LambdaApi(BaseHTTPRequestHandler):
    """The Runtime API and the Extensions API of a container that is always busy."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    cpu_seconds: list[float]
    is_done: threading.Event
    turns: threading.Semaphore

    def do_GET(self) -> None:
        if "extension" in self.path:
            self.turns.acquire()
            self._answer(json.dumps({"eventType": "INVOKE", "deadlineMs": _build_deadline()}))
        else:
            headers = {"Aws-Request-Id": "1", "Deadline-Ms": str(_build_deadline())}
            headers["Invoked-Function-Arn"] = "arn:aws:lambda:us-east-1:000000000000:function:f"
            self._answer(EVENT, {f"Lambda-Runtime-{name}": value for name, value in headers.items()})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        if self.path.endswith("/response"):
            self.cpu_seconds.append(body["cpu"])
            self.turns.release()
            if len(self.cpu_seconds) == WARM_UP + INVOCATIONS:
                self.is_done.set()
        self._answer("{}", {"Lambda-Extension-Identifier": "1"})

    def _answer(self, text: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(200)
        for name, value in {
            "Content-Type": "application/json",  # without it the runtime crashes
            "Content-Length": str(len(text)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None: ...


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The runtime was killed."""


def _build_deadline() -> int:
    return int(time.time() * 1000) + 10_000


def measure_runtime() -> float:
    """ms of CPU time an invocation."""

    class Api(_LambdaApi):
        cpu_seconds: list[float] = []  # noqa: RUF012 - of this measurement
        is_done, turns = threading.Event(), threading.Semaphore(1)

    server = _Server(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "measured.py").write_text(HANDLER)
        runtime = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", "measured.handle"],
            cwd=folder,
            env={
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
                "PATH": os.environ["PATH"],
                "PYTHONPATH": os.pathsep.join((folder, os.getcwd())),
            },
        )
        try:
            if not Api.is_done.wait(60):
                raise RuntimeError(f"the runtime answered {len(Api.cpu_seconds)} times only")
        finally:
            runtime.kill()
            runtime.wait()
            server.shutdown()
            server.server_close()
    return (Api.cpu_seconds[-1] - Api.cpu_seconds[WARM_UP - 1]) / INVOCATIONS * 1000
