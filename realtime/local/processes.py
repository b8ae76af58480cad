"""Stops what the local stack has started."""

import os
import signal
import subprocess
from contextlib import suppress

STOP_SECONDS = 5.0


def stop_process(process: subprocess.Popen[bytes], seconds: float = STOP_SECONDS) -> None:
    """``process`` leads a group of its own, and ends when its standard input is closed.

    After ``seconds`` it is killed.
    """
    if process.stdin:
        process.stdin.close()  # asks it to stop
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    with suppress(ProcessLookupError):  # kills what is left of its group
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
