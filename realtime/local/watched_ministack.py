"""Run ministack, in its own environment, and stop it when the process that started it ends.

That process holds the other end of standard input. The pipe closes however it ends, by SIGKILL too.
"""

import os
import signal
import threading
import time

from ministack.app import main


def _stop_with_parent() -> None:
    os.read(0, 1)  # not sys.stdin: its lock, held by this thread, would break the interpreter's shutdown
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(3)
    os.killpg(0, signal.SIGKILL)


threading.Thread(target=_stop_with_parent, daemon=True).start()
main()
