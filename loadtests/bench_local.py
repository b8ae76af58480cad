"""Measures a batch, and the throughput of events, against the local AWS, botocore included."""

import json
import time
from collections.abc import Iterator
from functools import partial
from itertools import count

import app as service
from chalicelib import wiring
from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.stream.outgoing import OutgoingRecord, split_into_calls
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.settings import Settings
from loadtests.bench_requests import EVENTS, Event, build_record
from loadtests.timing import Row, build_row, measure_fastest
from realtime.local.stack import LocalStack

USERS = 400
PUMPED_EVENTS = 20_000


def measure_local_stack() -> Iterator[Row]:
    """Events of 400 users, three in four with a variant, in two hours of one day."""
    with LocalStack(Settings.from_env({})) as stack:
        plane = wiring.Plane(Settings.from_env())
        vars(service)["plane"] = lambda: plane
        variants = [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}]
        document = {"key": "e", "status": "active", "metrics": ["purchase"], "variants": variants}
        plane.definitions.publish([DefinitionRow("experiment", "e", json.dumps(document), "active")], 0, 0.0)
        plane.clock = lambda: time.time() - 86_400  # before the events
        for user in range(USERS):
            if user % 4:
                plane.assign(f"user-{user}", "e", {})
        plane.clock = time.time
        batch_numbers = count()
        [batch_seconds] = measure_fastest(
            partial(_process_batch, batch_numbers), rounds=15, clock=time.perf_counter
        )
        yield build_row("batch of 500 events in all, local AWS", batch_seconds * 1e3, "ms", 100.0)

        records = [
            OutgoingRecord(n, f"user-{n % USERS}", json.dumps(_build_event(n)).encode())
            for n in range(PUMPED_EVENTS)
        ]
        for call in split_into_calls(records):
            if any(plane.stream.put(call)):
                raise AssertionError("the stream refused events")
        started = time.perf_counter()
        stack.pump({"event_processor": service.event_processor})
        stack.drain(300.0)
        seconds = time.perf_counter() - started
        counted = sum(
            sums.count
            for counter, hours in plane.counters.read("e")
            for sums in hours.values()
            if counter.event_type == "purchase"
        )
        if counted != PUMPED_EVENTS + next(batch_numbers) * EVENTS:
            raise AssertionError(f"{counted} events were counted")
        yield build_row(
            "1,000 events through the pump (1 M an hour)", seconds / PUMPED_EVENTS * 1e6, "ms", 3600.0
        )


def _process_batch(batch_numbers: "count[int]") -> None:
    first = next(batch_numbers) * EVENTS
    indexes = range(first, first + EVENTS)
    batch: Event = {"Records": [build_record(index, _build_event(index), time.time()) for index in indexes]}
    if service.event_processor(batch, None) != {"batchItemFailures": []}:
        raise AssertionError("the batch failed")


def _build_event(index: int) -> Event:
    hour = time.time() // 86_400 * 86_400 - 3600 * (1 + index % 2)
    return {
        "event_type": "purchase",
        "user_id": f"user-{index % USERS}",
        "timestamp": format_timestamp(hour),
        "value": index % 10_000 / 100,
    }
