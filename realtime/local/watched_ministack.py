"""Runs in the emulator's own environment: ministack, ended when whoever started it is gone.

The starter holds the other end of standard input. However it ends, SIGKILL included, the pipe closes.
"""

import os
import signal
import threading
import time

from ministack.app import main


def _watch() -> None:
    os.read(0, 1)  # not sys.stdin: its lock, held by this thread, would break the interpreter's shutdown
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(3)
    os.killpg(0, signal.SIGKILL)


threading.Thread(target=_watch, daemon=True).start()
main()
