"""An hour of a client in simulated time: `python -m tests.support.client_hour`.

It polls 1,200 times, with a change at each tenth, and records evaluations of ever new users. It prints the
number of polls, what was dropped, and the bytes in use after each ten minutes.
"""

import gc
import tracemalloc

from chalicelib.domain.timestamps import format_timestamp
from realtime.client.recorder import Recorder
from realtime.client.updates import Updates
from realtime.testing.client_connection import MemoryConnection, encode_flags
from tests.support.flags import rules, where


class Clock:
    """Simulated time, in seconds."""

    def __init__(self) -> None:
        self.now = 1_767_225_600.0

    def __call__(self) -> float:
        return self.now


RULES = rules({"rule": where("country", "eq", "DE"), "variant": "on"})


def make_text(flags: int, version: int = 1, changed: int = -1) -> str:
    documents = {}
    for number in range(flags):
        key = f"flag-{number:05}"
        document = {"key": key, "type": "boolean", "rollout_percentage": 50}
        document |= {"targeting_rules": RULES} if number % 2 else {}
        document |= {"description": f"version {version}"} if number == changed else {}
        documents[key] = document
    return encode_flags(documents, version)


def make_updates(connection: MemoryConnection, clock: Clock) -> tuple[Updates, Recorder]:
    recorder = Recorder(connection)
    updates = Updates(
        connection,
        recorder,
        poll_seconds=3.0,
        cache_file=None,
        clock=clock,
        timer=clock,
        on_change=lambda: None,
    )
    return updates, recorder


def live(
    minutes: int, clock: Clock, connection: MemoryConnection, updates: Updates, recorder: Recorder
) -> None:
    end = clock.now + 60 * minutes
    while clock.now < end:
        clock.now += max(updates.run_due(), 0.01)
        if connection.asked % 10 == 0:
            connection.etag = f"{connection.asked}"
            connection.text = make_text(20, connection.asked, connection.asked % 20)
        definitions = updates.definitions
        assert definitions is not None
        recorder.begin_period(definitions.window, clock.now)
        for key in ("flag-00000", "flag-00001", f"flag-{connection.asked % 20:05}"):
            flag = definitions.get_flag(key)
            assert flag is not None
            recorder.add_evaluation(f"user-{clock.now}", clock.now, flag.answers.make_no_value())


def main() -> None:
    clock, connection = Clock(), MemoryConnection(make_text(20))
    updates, recorder = make_updates(connection, clock)
    sizes = []
    tracemalloc.start()
    for number in range(30_000):  # fills the engine's cache of times, which keeps 10,000
        format_timestamp(float(number))
    for _ in range(6):
        live(10, clock, connection, updates, recorder)
        connection.received.clear()
        gc.collect()
        sizes.append(tracemalloc.get_traced_memory()[0])
    print(connection.asked, recorder.dropped, *sizes)


if __name__ == "__main__":
    main()
