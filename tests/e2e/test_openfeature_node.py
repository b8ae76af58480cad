"""OpenFeature's JavaScript SDKs and OFREP providers, for servers and for browsers, against the service."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.openfeature_flags import ThrottledDefinitions, publish_all
from tests.support.service import KEY, served

HERE = Path(__file__).parent / "node"
SECONDS = 60.0


@pytest.mark.node
@pytest.mark.parametrize("file", ["server.test.mjs", "web.test.mjs"])
def test_a_client_in_node(file: str) -> None:
    with served() as (url, service):
        publish_all(service)
        run(file, url)


@pytest.mark.node
def test_throttled_clients_in_node() -> None:
    with served(definitions=ThrottledDefinitions()) as (url, _):
        run("throttled.test.mjs", url)


def run(file: str, url: str) -> None:
    """Fails with what Node's own test runner says."""
    assert (HERE / "node_modules").is_dir(), f"run npm ci in {HERE}: make test does"
    done = subprocess.run(
        [node(), "--test", file],
        cwd=HERE,
        env={"PATH": os.environ["PATH"], "URL": url, "KEY": KEY},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def node() -> str:
    """Where Node.js is; PyPI's, which is beside our interpreter, if there was need of it."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("node", path=beside) or shutil.which("node")
    assert found, "Node.js is missing: make test installs it"
    return found
