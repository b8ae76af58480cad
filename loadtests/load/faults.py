"""Faults between the service and AWS, on and off by turns."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support.proxy import Call, FaultProxy

SHARES = {
    "slow": 0.05,
    "throttled": 0.02,
    "failed": 0.01,
    "dropped": 0.01,
    "partly done": 0.02,
    "late": 0.002,
}
"""Of the calls, while faults are on."""
REST_SECONDS = 5.0
"""After faults: breakers close again, and what was late arrives."""


@dataclass(slots=True)
class FaultTimes:
    """``times``: start and end of each turn, in seconds since the epoch."""

    times: list[tuple[float, float]] = field(default_factory=list)

    def is_quiet(self, at: float) -> bool:
        return not any(start <= at <= end + REST_SECONDS for start, end in self.times)


@contextmanager
def take_turns(proxy: FaultProxy, seconds: float) -> Iterator[FaultTimes]:
    """Faults are off for ``seconds``, then on for as long, and so on, until the block ends."""
    turns, is_stopping, chance = FaultTimes(), threading.Event(), random.Random(1)
    names, weights = [*SHARES, ""], [*SHARES.values(), 1 - sum(SHARES.values())]

    def decide(_call: Call) -> str:
        return chance.choices(names, weights)[0]

    def run() -> None:
        while not is_stopping.wait(seconds):
            start = time.time()
            proxy.decide = decide
            turns.times.append((start, float("inf")))
            is_stopping.wait(seconds)
            proxy.decide = lambda _: ""
            turns.times[-1] = (start, time.time())

    thread = threading.Thread(target=run, name="faults", daemon=True)
    thread.start()
    try:
        yield turns
    finally:
        is_stopping.set()
        thread.join()
        proxy.settle()
