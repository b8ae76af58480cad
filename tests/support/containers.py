"""Lambda containers that can be killed: each is a process, forked from one that has imported everything.

    python -m tests.support.containers SOCKET

listens on SOCKET until its standard input ends. A connection is a container: its first line is settings,
each later one an event; the answers are the process id, then what the real handler returned.
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
    """The process ended before it had answered."""


class Container:
    def __init__(self, path: Path, settings: Settings) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rwb")
        self.pid = int(self._ask(asdict(settings)))

    def __call__(self, event: Any, context: Any) -> Any:
        return self._ask(event)

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def _ask(self, question: Any) -> Any:
        try:
            self._lines.write(orjson.dumps(question, option=orjson.OPT_APPEND_NEWLINE))
            self._lines.flush()
            line = self._lines.readline()
        except OSError:
            line = b""
        if not line:
            raise ContainerDied
        return orjson.loads(line)


def start(path: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """The process that containers are forked from; it ends when its standard input is closed."""
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

    resilience.SECONDS_OPEN = 0  # a schedule would wait for nothing else
    clients = Clients(Settings(connect_timeout=TIMEOUT, read_timeout=TIMEOUT, max_attempts=1))
    for name in ("dynamodb", "kinesis", "s3", "sqs"):
        getattr(clients, name)  # most of what a container costs
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    ready = selectors.DefaultSelector()
    ready.register(server, selectors.EVENT_READ)
    ready.register(sys.stdin, selectors.EVENT_READ)
    while all(key.fileobj is server for key, _ in ready.select()):
        connection, _ = server.accept()
        if os.fork() == 0:
            server.close()
            with connection, connection.makefile("rwb") as lines:
                _serve(app, clients, lines)  # type: ignore[arg-type]  # makefile's own type
            os._exit(0)
        connection.close()


def _serve(app: Any, clients: Any, lines: BinaryIO) -> None:
    from chalicelib.wiring import Plane

    given: Any = {name: inf if one is None else one for name, one in orjson.loads(lines.readline()).items()}
    plane = Plane(Settings(**given), clients=clients)  # JSON has no infinity
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
