"""The process of the emulator: its port, its errors, and that it ends with the process that started it."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime.local.emulator import ROOT, find_interpreter, start_emulator
from realtime.local.ports import HOST, LocalError, find_free_port
from tests.support.poll import wait_until

STARTER = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background jobs of a shell
from realtime.local.emulator import start_emulator
with start_emulator(int(sys.argv[1]), Path(sys.argv[2])) as endpoint:
    print(endpoint, flush=True)
    time.sleep(600)
"""


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def list_children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def parse_port(endpoint: str) -> int:
    return int(endpoint.rsplit(":", 1)[1])


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """Another process that starts an emulator, and the port."""
    port = find_free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(port), str(tmp_path / "aws.log")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        yield process, port
        process.kill()
    wait_until(lambda: not is_listening(port))


def test_it_listens_on_loopback_only_and_is_gone_after_the_block(tmp_path: Path) -> None:
    with start_emulator(log=tmp_path / "aws.log") as endpoint:
        port = parse_port(endpoint)
        listeners = [
            line.split()[1]
            for table in ("tcp", "tcp6")
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
            if line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A"
        ]
        assert listeners == [f"0100007F:{port:04X}"]
    assert not is_listening(port)


def test_it_is_gone_after_an_exception_in_the_block(tmp_path: Path) -> None:
    with pytest.raises(KeyError), start_emulator(log=tmp_path / "aws.log") as endpoint:
        raise KeyError
    assert not is_listening(parse_port(endpoint))


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_does_not_outlive_a_killed_starter(
    starter: tuple["subprocess.Popen[str]", int], ending: signal.Signals
) -> None:
    process, port = starter
    assert process.stdout
    assert parse_port(process.stdout.readline().strip()) == port
    process.send_signal(ending)
    process.wait(10)
    wait_until(lambda: not is_listening(port))


def test_ctrl_c_during_the_start_leaves_nothing(starter: tuple["subprocess.Popen[str]", int]) -> None:
    process, port = starter
    wait_until(lambda: len(list_children(process.pid)) > 0, interval=0.005)
    (child,) = list_children(process.pid)
    process.send_signal(signal.SIGINT)
    process.wait(10)
    wait_until(lambda: not Path(f"/proc/{child}").exists())
    assert not is_listening(port)


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        port = listener.getsockname()[1]
        with (
            pytest.raises(LocalError, match=f"^port {port} is taken .*$"),
            start_emulator(port, tmp_path / "aws.log"),
        ):
            pass


def test_a_missing_environment_names_the_fix() -> None:
    with pytest.raises(LocalError, match=r"run `make \.venv-aws/stamp`, or set REALTIME_AWS_PYTHON"):
        find_interpreter({"REALTIME_AWS_PYTHON": "/nowhere/python"})


def test_a_death_during_the_start_shows_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho first >&2\necho 'no module named ministack' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("REALTIME_AWS_PYTHON", str(broken))
    with (
        pytest.raises(LocalError, match="no module named ministack"),
        start_emulator(log=tmp_path / "aws.log"),
    ):
        pass
