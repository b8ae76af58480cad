"""Wall-clock limits that hold on a busy machine: the fastest of several runs counts."""

import sys
import time
from collections.abc import Callable


def measure_fastest(run: Callable[[], object], limit: float, seconds: float = 3.0) -> float:
    """The time of the fastest run, in seconds. Runs are repeated until one takes less than ``limit``.

    Other processes may slow a run down, so one run is not enough. Coverage's tracer is off meanwhile, as it
    makes Python code several times slower.
    """
    tracer, best, end = sys.gettrace(), float("inf"), time.perf_counter() + seconds
    sys.settrace(None)
    try:
        while best >= limit and time.perf_counter() < end:
            start = time.perf_counter()
            run()
            best = min(best, time.perf_counter() - start)
    finally:
        sys.settrace(tracer)
    return best
