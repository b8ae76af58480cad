"""Run a test's work in a process of its own that may use little memory and little time."""

import resource
import subprocess
import sys
from pathlib import Path

from tests.support.paths import ROOT

MEGABYTE = 1024 * 1024


def run_limited(code: str, *arguments: object, megabytes: int, seconds: int = 60) -> str:
    """What ``code`` prints. The kernel refuses it more memory, and ends it after that much CPU time."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes * MEGABYTE, megabytes * MEGABYTE))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=Path(ROOT),
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout
