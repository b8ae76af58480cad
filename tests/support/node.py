"""Node.js, and the test files of tests/e2e/node that it runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT
from tests.support.service import KEY

FOLDER = ROOT / "tests" / "e2e" / "node"
SECONDS = 60.0


def run_node_tests(file: str, url: str) -> None:
    """Fails with the output of Node's own test runner."""
    assert (FOLDER / "node_modules").is_dir(), f"run npm ci in {FOLDER}: make test does"
    done = subprocess.run(
        [find_node(), "--test", file],
        cwd=FOLDER,
        env={"PATH": os.environ["PATH"], "URL": url, "KEY": KEY},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def find_node() -> str:
    """The path of Node.js: PyPI's beside our interpreter if it was installed, else the system's."""
    beside = str(Path(sys.executable).parent)
    path = shutil.which("node", path=beside) or shutil.which("node")
    assert path, "Node.js is missing: make test installs it"
    return path
