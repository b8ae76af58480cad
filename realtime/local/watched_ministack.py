"""Run ministack, in its own environment, and stop it when the process that started it ends.

That process holds the other end of standard input. The pipe closes however it ends, by SIGKILL too.
"""

import os
import signal
import threading
import time
from typing import Any

from ministack.app import main
from ministack.services import kinesis


def _expire_records(stream: Any) -> None:
    """ministack's own copies all records at each call: a stream of 50,000 slows each PutRecords."""
    cutoff = time.time() - stream["RetentionPeriodHours"] * 3600
    for shard in stream["shards"].values():
        records = shard["records"]  # in the order of their arrival
        if records and records[0]["ApproximateArrivalTimestamp"] < cutoff:
            shard["records"] = [one for one in records if one["ApproximateArrivalTimestamp"] >= cutoff]


def _stop_with_parent() -> None:
    os.read(0, 1)  # not sys.stdin: its lock, held by this thread, would break the interpreter's shutdown
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60 if os.environ["PERSIST_STATE"] == "1" else 3)  # as long as it may take to save
    os.killpg(0, signal.SIGKILL)


kinesis._expire_records = _expire_records
threading.Thread(target=_stop_with_parent, daemon=True).start()
main()
