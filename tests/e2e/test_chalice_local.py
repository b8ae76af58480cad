"""`chalice local` by itself works against an emulator that the environment names."""

import gzip
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from chalicelib.settings import Settings
from realtime.demo.cdnow import DEFINITIONS
from realtime.local.ports import find_free_port
from realtime.local.stack import LocalStack, settings_to_environment
from tests.support.paths import ROOT
from tests.support.poll import wait_until
from tests.support.unique_names import unique_names
from tests.support.up import run_command

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def test_chalice_local_assigns_and_evaluates(tmp_path: Path) -> None:
    settings = unique_names(Settings.from_env({}))
    port = find_free_port()
    said = tmp_path / "chalice.log"
    with said.open("w") as log, LocalStack(settings, log=tmp_path / "aws.log") as stack:
        environ = {**os.environ, **stack.environment, **settings_to_environment(settings)}
        assert run_command(environ, "publish", str(DEFINITIONS)).returncode == 0
        process = subprocess.Popen(
            [
                Path(sys.executable).with_name("chalice"),
                "local",
                "--stage",
                "local",
                "--no-autoreload",
                "--port",
                str(port),
            ],
            cwd=ROOT,
            env=environ,
            stdout=log,
            stderr=log,
        )
        try:
            wait_until(lambda: _listens(port) or process.poll() is not None, 30)
            assert process.poll() is None, said.read_text()
            key = {"Authorization": "Bearer rt_local_demo"}
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                assigned = client.post(
                    "/assign", json={"user_id": "u", "experiment_key": "cdnow-aa"}, headers=key
                )
                assert assigned.json()["variant"] in ("a", "b")
                flag = client.get(
                    "/flags/evaluate", params={"user_id": "u", "flag_key": "page-size"}, headers=key
                )
                assert flag.json()["value"] in (20, 50)
                packed = gzip.compress(b'{"user_id": "u", "flag_key": "page-size"}')
                headers = {**key, "Content-Type": "application/json", "Content-Encoding": "gzip"}
                unpacked = client.post("/flags/evaluate", content=packed, headers=headers)
                assert unpacked.json() == flag.json()
                assert client.get("/assign").status_code == 401
        finally:
            process.terminate()
            process.wait(10)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
