"""`python -m realtime up` as a subprocess, on free ports."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from realtime.local.ports import find_free_port
from tests.support.paths import ROOT
from tests.support.poll import until

READY = "Ctrl-C stops everything."


@dataclass
class Up:
    process: subprocess.Popen[str]
    port: int
    aws_port: int
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        """For other commands against this stack."""
        return clean() | {"AWS_PORT": str(self.aws_port)}

    def until_said(self, text: str, seconds: float) -> None:
        def said() -> bool:
            assert self.process.poll() is None, self.output()
            return any(text in line for line in self.lines)

        until(said, seconds)

    def output(self) -> str:
        return "\n".join(self.lines)

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


def clean() -> dict[str, str]:
    """This process's environment without another stack's."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "REALTIME_"))
    } | (
        {"REALTIME_AWS_PYTHON": os.environ["REALTIME_AWS_PYTHON"]}
        if "REALTIME_AWS_PYTHON" in os.environ
        else {}
    )


@contextmanager
def up(*arguments: str, port: int = 0, aws_port: int = 0) -> Iterator[Up]:
    port, aws_port = port or find_free_port(), aws_port or find_free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "realtime", "up", *arguments],
        cwd=ROOT,
        env=clean() | {"PORT": str(port), "AWS_PORT": str(aws_port), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    running = Up(process, port, aws_port)
    reader = threading.Thread(target=_read, args=(running,), daemon=True)
    reader.start()
    try:
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        finally:
            process.kill()
            reader.join(5)


def command(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "realtime", *arguments],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _read(running: Up) -> None:
    assert running.process.stdout is not None
    for line in running.process.stdout:
        running.lines.append(line.rstrip("\n"))
