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
from tests.support.poll import wait_until

READY = "Ctrl-C stops everything."


@dataclass
class RunningStack:
    process: subprocess.Popen[str]
    port: int
    aws_port: int
    lines: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environ(self) -> dict[str, str]:
        """The environment of other commands against this stack."""
        return clean_environment() | {"AWS_PORT": str(self.aws_port)}

    def wait_for_output(self, text: str, seconds: float) -> None:
        def has_text() -> bool:
            assert self.process.poll() is None, self.output()
            return any(text in line for line in self.lines)

        wait_until(has_text, seconds)

    def output(self) -> str:
        return "\n".join(self.lines)

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


def clean_environment() -> dict[str, str]:
    """The environment of this process without the variables of another stack."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "REALTIME_")) or name == "REALTIME_AWS_PYTHON"
    }


@contextmanager
def start_up(*arguments: str, port: int = 0, aws_port: int = 0) -> Iterator[RunningStack]:
    port, aws_port = port or find_free_port(), aws_port or find_free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "realtime", "up", *arguments],
        cwd=ROOT,
        env=clean_environment() | {"PORT": str(port), "AWS_PORT": str(aws_port), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    stack = RunningStack(process, port, aws_port)
    reader = threading.Thread(target=_read_output, args=(stack,), daemon=True)
    reader.start()
    try:
        yield stack
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        finally:
            process.kill()
            reader.join(5)


def run_command(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "realtime", *arguments],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _read_output(stack: RunningStack) -> None:
    assert stack.process.stdout is not None
    for line in stack.process.stdout:
        stack.lines.append(line.rstrip("\n"))
