"""The local AWS: ministack as a subprocess in its own environment, reachable from this machine only."""

import http.client
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from realtime.local.ports import HOST, LocalError, available

REGION = "us-east-1"
ROOT = Path(__file__).parents[2]
LOG = ROOT / ".realtime" / "aws.log"
START_SECONDS = 30.0
STOP_SECONDS = 5.0


@contextmanager
def emulator(port: int = 0, log: Path = LOG) -> Iterator[str]:
    """The endpoint URL of an empty AWS on ``port`` (0: a free one), gone when the block ends.

    Every start is a clean one: its state would survive a polite stop only, never SIGKILL,
    so a resumed state could be an old one.
    """
    port = available(port)
    process = _start(port, log)
    try:
        _await_health(process, port, log)
        yield f"http://{HOST}:{port}"
    finally:
        _stop(process)


def environment(endpoint: str) -> dict[str, str]:
    """What an AWS client needs in its environment to talk to the emulator and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": f"{HOST},localhost",
    }


def interpreter(environ: Mapping[str, str] = os.environ) -> Path:
    """The Python that has ministack; LocalError if there is none."""
    python = Path(environ.get("REALTIME_AWS_PYTHON") or ROOT / ".venv-aws" / "bin" / "python")
    if not python.exists():
        raise LocalError(f"no local AWS at {python}: run `make .venv-aws/stamp`, or set REALTIME_AWS_PYTHON")
    return python


def _start(port: int, log: Path) -> subprocess.Popen[bytes]:
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,  # its default is every interface
        "MINISTACK_HOST": HOST,
        "IOT_MTLS_ENABLED": "0",  # it and SFTP would listen on ports of their own
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "0",
        "S3_PERSIST": "0",
        "LOG_LEVEL": "WARNING",
        **environment(f"http://{HOST}:{port}"),
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        return subprocess.Popen(
            [interpreter(), "-P", Path(__file__).with_name("watched_ministack.py")],
            env=inherited | settings,
            stdin=subprocess.PIPE,  # never written to: its end tells the emulator that we are gone
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone; its Lambda processes are of its group
        )


def _await_health(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _healthy(port):
        if process.poll() is not None:
            raise LocalError(f"the local AWS ended during its start: {_last_line(log)} ({log})")
        if time.monotonic() > deadline:
            raise LocalError(
                f"the local AWS is not ready after {START_SECONDS:.0f} s: {_last_line(log)} ({log})"
            )
        time.sleep(0.02)
    if process.poll() is not None:  # somebody else answered
        raise LocalError(f"port {port} was taken during the start of the local AWS ({log})")


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/_ministack/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "nothing in its log")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        process.stdin.close()  # it ends itself, politely
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):  # whatever is left of its group
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
