"""Lambda containers that tests can kill: processes, forked from one that has imported everything.

    python -m tests.support.containers SOCKET

listens on SOCKET until its standard input ends. A connection is a container. The first line sent is the
settings, answered by the process id; each later line is an event, answered by what the real handler returns.
"""

import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from math import inf
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from chalicelib.settings import Settings
from tests.support.paths import ROOT

TIMEOUT = 0.15
"""Seconds that the clients wait for an answer."""


class ContainerDied(Exception):
    """The process ended before it answered."""


class Container:
    def __init__(self, path: Path, settings: Settings) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rwb")
        self.pid = int(self._send(asdict(settings)))

    def __call__(self, event: Any, context: Any) -> Any:
        return self._send(event)

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def _send(self, message: Any) -> Any:
        try:
            self._lines.write(orjson.dumps(message, option=orjson.OPT_APPEND_NEWLINE))
            self._lines.flush()
            line = self._lines.readline()
        except OSError:
            line = b""
        if not line:
            raise ContainerDied
        return orjson.loads(line)


def start(path: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the process that forks the containers; it ends when its standard input is closed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.containers", str(path)],
        env={**os.environ, **environment},
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def _listen(path: str) -> None:
    import app
    from chalicelib.stores import resilience
    from chalicelib.stores.clients import Clients

    resilience.SECONDS_OPEN = 0  # otherwise a schedule would wait for the breaker only
    clients = Clients(Settings(connect_timeout=TIMEOUT, read_timeout=TIMEOUT, max_attempts=1))
    for name in ("dynamodb", "kinesis", "s3", "sqs"):
        getattr(clients, name)  # creating the clients takes most of a container's start
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    selector = selectors.DefaultSelector()
    selector.register(server, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    while all(key.fileobj is server for key, _ in selector.select()):
        connection, _ = server.accept()
        if os.fork() == 0:
            server.close()
            with connection, connection.makefile("rwb") as lines:
                _serve(app, clients, lines)  # type: ignore[arg-type]  # makefile's own type
            os._exit(0)
        connection.close()


def _serve(app: Any, clients: Any, lines: BinaryIO) -> None:
    from chalicelib.wiring import Plane

    settings: Any = {
        name: inf if value is None else value for name, value in orjson.loads(lines.readline()).items()
    }
    plane = Plane(Settings(**settings), clients=clients)  # JSON has no infinity
    app.plane = lambda: plane  # what the handler in app.py asks for
    answer: Any = os.getpid()
    while True:
        lines.write(orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE))
        lines.flush()
        line = lines.readline()
        if not line:
            return
        answer = app.event_processor(orjson.loads(line), _Context(time.monotonic() + 60.0))


class _Context:
    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        return int((self._deadline - time.monotonic()) * 1000)


if __name__ == "__main__":
    _listen(sys.argv[1])
