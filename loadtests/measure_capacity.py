"""`python -m loadtests.measure_capacity`: measures what `realtime capacity` reckons with.

It writes realtime/capacity/measured.json: CPU time of this code with botocore included, and sizes of what it
writes to the local AWS. Waiting for AWS is no CPU time, so the emulator's own speed does not count.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import app as service
from chalicelib import wiring
from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.keys import ApiKey, digest
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.settings import Settings
from loadtests.bench_requests import CONTEXT, Event, build_record, build_request
from loadtests.measure_runtime import measure_runtime
from loadtests.measure_sizes import measure_sizes, read_stream
from realtime.capacity.facts import MEASURED_FILE
from realtime.local.stack import LocalStack
from realtime.local.streams import TableStream

ROUNDS, CALLS = 15, 20
BATCH = 500
FIRST_ANSWER = """
import json, sys, time
import app
answer = app.app(json.loads(sys.argv[1]), None)
assert answer["statusCode"] == 200, answer
print(1000 * time.process_time())
"""
Run = Callable[[Any], object]


def measure_cpu(run: Run, calls: int = CALLS, prepare: Callable[[int], Any] = lambda number: number) -> float:
    """The best of `ROUNDS` in ms of CPU time a call.

    ``prepare``, which is not measured, makes the argument of each call of a new number.
    """
    durations, numbers = [], count(1)
    for _ in range(ROUNDS):
        prepared = [prepare(next(numbers)) for _ in range(calls)]
        started = time.process_time()
        for each in prepared:
            run(each)
        durations.append((time.process_time() - started) / calls * 1000)
    return min(durations)


def send(path: str, **body: Any) -> None:
    answer = service.app(build_request(path, body), None)
    if answer["statusCode"] >= 300:
        raise AssertionError(answer)


def restart() -> wiring.Plane:
    """What a new container has: no caches."""
    plane = wiring.Plane(Settings.from_env())
    vars(service)["plane"] = lambda: plane
    return plane


def measure_requests(plane: wiring.Plane) -> Iterator[tuple[str, float]]:
    def assign(number: int) -> None:
        send("/assign", user_id=f"new-{number}", experiment_key="e", context=CONTEXT)

    def evaluate(number: int) -> None:
        send("/flags/evaluate", user_id=f"user-{number}", flag_key="f", context=CONTEXT)

    def evaluate_and_send(number: int) -> None:
        evaluate(10**6 + number)
        plane.after_response(2.0)

    evaluate(0)
    yield "flag", measure_cpu(evaluate)
    plane.after_response(2.0)
    yield "flag_tracked", measure_cpu(evaluate_and_send)
    yield "assign_new", measure_cpu(assign)
    plane.after_response(2.0)
    yield "assign_hot", measure_cpu(assign)
    plane = restart()
    assign(10**6)
    yield "assign_known", measure_cpu(assign)
    tokens = [f"rt_measured{number:035}" for number in range(1, ROUNDS * CALLS + 1)]
    for token in tokens:
        plane.keys.put(ApiKey(digest(token), "measured", ("assign", "flags"), format_timestamp(time.time())))
    yield "authorize", measure_cpu(lambda number: authorize(tokens[number - 1]))
    yield "authorize_cached", measure_cpu(lambda _number: authorize(tokens[-1]))


def authorize(token: str) -> None:
    arn = "arn:aws:execute-api:us-east-1:000000000000:api/stage/POST/assign"
    policy = service.api_key(
        {"type": "TOKEN", "authorizationToken": f"Bearer {token}", "methodArn": arn}, None
    )
    if policy["policyDocument"]["Statement"][0]["Effect"] != "Allow":
        raise AssertionError(policy)


def build_event(number: int) -> Event:
    """Of a user who is assigned, with an id that cannot be compressed."""
    return {
        "event_id": str(uuid5(NAMESPACE_URL, str(number))),
        "event_type": "purchase",
        "user_id": f"new-{number % (ROUNDS * CALLS) + 1}",
        "timestamp": format_timestamp(time.time() - 1),
        "value": number % 10_000 / 100,
        "properties": {"sku": f"sku-{number % 50}", "quantity": 1},
    }


def measure_ingest() -> Iterator[tuple[str, float]]:
    def build(number: int, events: int) -> Event:
        return build_request("/events", {"events": [build_event(number * events + n) for n in range(events)]})

    def ingest(request: Event) -> None:
        if service.app(request, None)["statusCode"] != 202:
            raise AssertionError(request)

    one = measure_cpu(ingest, prepare=lambda number: build(number, 1))
    many = measure_cpu(ingest, 5, lambda number: build(10**6 + number, 101))
    yield "ingest_event", (many - one) / 100
    yield "ingest_request", one - (many - one) / 100


def measure_batches(tracked: list[bytes]) -> Iterator[tuple[str, float]]:
    """``tracked``: records that the deciding functions have sent."""
    positions = count(10**9)

    def build(events: Iterable[Event]) -> Event:
        """The rows of its users are not in memory."""
        vars(vars(service)["plane"]().judge._rows)["_cache"].update({}, time.time() + 10**6)
        now = time.time()
        return {"Records": [build_record(next(positions), event, now) for event in events]}

    def build_clients(number: int, size: int) -> Event:
        return build(build_event(10**8 + number * BATCH + n) for n in range(size))

    def build_tracked(number: int) -> Event:
        events = [json.loads(tracked[n % len(tracked)]) for n in range(BATCH)]
        return build({**event, "event_id": f"{number}-{n}"} for n, event in enumerate(events))

    def process(batch: Event) -> None:
        answer = service.event_processor(batch, None)
        if answer != {"batchItemFailures": []}:
            raise AssertionError(answer)

    process(build([build_event(0)]))
    one = measure_cpu(process, 1, lambda number: build_clients(number, 1))
    many = measure_cpu(process, 1, lambda number: build_clients(10**6 + number, BATCH))
    yield "batch_event", (many - one) / (BATCH - 1)
    yield "batch", one - (many - one) / (BATCH - 1)
    yield "batch_tracked", (measure_cpu(process, 1, build_tracked) - one) / (BATCH - 1)


def measure_sync(stack: LocalStack) -> Iterator[tuple[str, float]]:
    stream = TableStream(stack.clients.table_streams, Settings.from_env().assignments_table)
    shard = stream.list_shards()[0].id
    page = stream.read(shard, stream.get_iterator(shard, None, "TRIM_HORIZON") or "", BATCH)
    if page is None or len(page.records) < 100:
        raise AssertionError("the stream of the assignments table is empty")
    changes = [record.event for record in page.records]

    def build(number: int, size: int) -> Event:
        records = json.loads(json.dumps(changes[:size]))
        for index, record in enumerate(records):
            record["dynamodb"]["SequenceNumber"] = str(10**24 + number * BATCH + index)
        return {"Records": records, "shardId": "shardId-measured", "eventSourceARN": stream.arn}

    def sync(batch: Event) -> None:
        service.assignment_sync(batch, None)

    sync(build(1, 1))
    one = measure_cpu(sync, 5, lambda number: build(number + 10, 1))
    many = measure_cpu(sync, 1, lambda number: build(number + 10**6, len(changes)))
    yield "sync_change", (many - one) / (len(changes) - 1)
    yield "sync", one - (many - one) / (len(changes) - 1)


def measure_cold_start(environment: dict[str, str]) -> float:
    """CPU of a new process up to its first assignment, in ms."""
    request = build_request("/assign", {"user_id": "new-1", "experiment_key": "e", "context": CONTEXT})
    command = [sys.executable, "-c", FIRST_ANSWER, json.dumps(request)]
    runs = [
        subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
        for _ in range(ROUNDS)
    ]
    return min(float(run.stdout) for run in runs)


def main() -> int:
    with LocalStack(Settings.from_env({})) as stack:
        plane = restart()
        variants = [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}]
        experiment = {"key": "e", "status": "active", "metrics": ["purchase"], "variants": variants}
        flag = {"key": "f", "type": "boolean", "rollout_percentage": 50}
        rows = [
            DefinitionRow("experiment", "e", json.dumps(experiment), "active"),
            DefinitionRow("flag", "f", json.dumps(flag), "active"),
        ]
        plane.definitions.publish(rows, 0, time.time() - 3600)
        cpu = dict(measure_requests(plane))
        records = read_stream(stack)
        cpu |= dict(measure_ingest())
        cpu |= dict(measure_batches(records))
        cpu |= dict(measure_sync(stack))
        cpu["runtime"] = measure_runtime()
        cpu["cold_start"] = measure_cold_start(stack.environment)
        sizes = measure_sizes(stack, records, len(json.dumps(build_event(1))))
    measured = {
        "measured_on": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "by": "python -m loadtests.measure_capacity",
        "cpu_ms": {name: round(value, 4) for name, value in cpu.items()},
        "bytes": sizes,
    }
    text = json.dumps(measured, indent=2) + "\n"
    MEASURED_FILE.write_text(text)
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
