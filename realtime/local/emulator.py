"""The local AWS: ministack as a subprocess in its own environment, reachable from this machine only."""

import http.client
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from realtime.local.kept_state import SAVE_SECONDS, close_state
from realtime.local.ports import HOST, LocalError, find_free_port
from realtime.local.processes import STOP_SECONDS, stop_process

REGION = "us-east-1"
ROOT = Path(__file__).parents[2]
LOG = ROOT / ".realtime" / "aws.log"
PROGRAM = Path(__file__).with_name("watched_ministack.py")
START_SECONDS = 30.0


@contextmanager
def start_emulator(
    port: int = 0, log: Path = LOG, program: Path = PROGRAM, state: Path | None = None
) -> Iterator[str]:
    """Run an AWS on ``port`` (0: a free one) until the block ends; the value is its endpoint URL.

    It is empty, unless the folder ``state``, which `open_state` has opened, has what an earlier run has left.
    """
    port = find_free_port(port)
    process = _start(port, log, program, state)
    try:
        _await_health(process, port, log)
        yield f"http://{HOST}:{port}"
    finally:
        stop_process(process, STOP_SECONDS if state is None else SAVE_SECONDS)
        if state is not None and process.returncode == 0:
            close_state(state)


def build_environment(endpoint: str) -> dict[str, str]:
    """Environment variables that make an AWS client talk to the emulator and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": f"{HOST},localhost",
    }


def find_interpreter(environ: Mapping[str, str] = os.environ) -> Path:
    """The Python in which ministack is installed; LocalError if it is missing."""
    python = Path(environ.get("REALTIME_AWS_PYTHON") or ROOT / ".venv-aws" / "bin" / "python")
    if not python.exists():
        raise LocalError(f"no local AWS at {python}: run `make .venv-aws/stamp`, or set REALTIME_AWS_PYTHON")
    return python


def _start(port: int, log: Path, program: Path, state: Path | None) -> subprocess.Popen[bytes]:
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,  # its default is every interface
        "MINISTACK_HOST": HOST,
        "IOT_MTLS_ENABLED": "0",  # it and SFTP would open more ports
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        "LOG_LEVEL": "WARNING",
        **build_environment(f"http://{HOST}:{port}"),
    }
    if state is not None:
        folders = {"STATE_DIR": str(state), "S3_DATA_DIR": str(state / "s3")}
        settings |= {"PERSIST_STATE": "1", "S3_PERSIST": "1"} | folders
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        return subprocess.Popen(
            [find_interpreter(), "-P", program],
            env=inherited | settings,
            stdin=subprocess.PIPE,  # never written to: it closes when this process ends
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only this process; its Lambda processes join its group
        )


def _await_health(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_healthy(port):
        if process.poll() is not None:
            raise LocalError(f"the local AWS ended during its start: {_read_last_line(log)} ({log})")
        if time.monotonic() > deadline:
            raise LocalError(
                f"the local AWS is not ready after {START_SECONDS:.0f} s: {_read_last_line(log)} ({log})"
            )
        time.sleep(0.02)
    if process.poll() is not None:  # another process answered
        raise LocalError(f"port {port} was taken during the start of the local AWS ({log})")


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _read_last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "nothing in its log")
