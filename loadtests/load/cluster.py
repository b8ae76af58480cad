"""The service in several processes on one socket, and the AWS behind it: the emulator, or the stub."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

import psutil

from chalicelib.settings import Settings
from realtime.local.clients import Clients
from realtime.local.ports import HOST
from realtime.local.processes import stop_process
from realtime.local.server import bind

ENDPOINT = "AWS_ENDPOINT_URL"
Environment: TypeAlias = Mapping[str, str]


@contextmanager
def run_workers(environment: Mapping[str, str], count: int) -> Iterator[tuple[str, dict[str, int]]]:
    """The URL, and the ids of the processes by name."""
    with ExitStack() as running, bind() as listening:
        url = f"http://{HOST}:{listening.getsockname()[1]}"
        descriptor = listening.fileno()
        command = ["-m", "loadtests.load.worker", str(descriptor)]
        workers = [running.enter_context(_run(command, environment, (descriptor,))) for _ in range(count)]
        for worker in workers:
            _read_line(worker)
        yield url, {f"worker {number}": worker.pid for number, worker in enumerate(workers, 1)}


@contextmanager
def run_stub(tables: Mapping[str, list[Any]]) -> Iterator[tuple[str, int]]:
    """Its endpoint and process id; it has the items of ``tables``."""
    with _run(["-m", "loadtests.load.dynamodb_stub"], {}) as stub:
        assert stub.stdin  # noqa: S101 - `_run` opens it
        stub.stdin.write(json.dumps(tables).encode() + b"\n")
        stub.stdin.flush()
        yield f"http://{HOST}:{_read_line(stub)}", stub.pid


def read_tables(clients: Clients, settings: Settings) -> dict[str, list[Any]]:
    """What `publish` has written, for the stub."""
    names = (
        settings.experiments_table,
        settings.flags_table,
        settings.segments_table,
        settings.publications_table,
    )
    return {name: clients.dynamodb.scan(TableName=name)["Items"] for name in names}


@contextmanager
def _run(
    arguments: list[str], environment: Mapping[str, str], descriptors: tuple[int, ...] = ()
) -> Iterator[Any]:
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        pass_fds=descriptors,
    )
    try:
        yield process
    finally:
        stop_process(process)
        if process.stdout:
            process.stdout.close()


def _read_line(process: Any) -> str:
    line = process.stdout.readline().decode().strip()
    if not line:
        raise RuntimeError(f"{' '.join(process.args[2:])} did not start; its error is above")
    return str(line)


def find_emulator() -> int:
    """The process id of the emulator that this process has started."""
    for child in psutil.Process().children():
        if any("ministack" in argument for argument in child.cmdline()):
            return int(child.pid)
    raise RuntimeError("this process has started no emulator")
