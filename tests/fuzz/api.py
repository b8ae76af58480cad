"""Run schemathesis against a server, with the description that it answers and with a key."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

CONFIG = Path(__file__).with_name("schemathesis.toml")


def run_schemathesis(url: str, key: str, seed: int, *options: str) -> subprocess.CompletedProcess[str]:
    """All checks, valid and invalid data. The exit status is 0 if nothing was found.

    The same seed sends the same requests: no earlier run's examples come first, and sets have one order.
    """
    program = Path(sys.executable).with_name("schemathesis")
    command = [str(program), "--config-file", str(CONFIG), "run", f"{url}/openapi.json"]
    command += ["--header", f"Authorization: Bearer {key}", "--checks", "all", "--mode", "all"]
    command += ["--seed", str(seed), "--generation-database", "none", "--no-color", *options]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks",
        "PYTHONPATH": str(ROOT),
        "PYTHONHASHSEED": str(seed),
    }
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
