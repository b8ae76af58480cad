"""What a request costs through the whole Chalice handler, and a batch through the whole processor."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from chalice.app import Chalice

import app as service
from chalicelib import wiring
from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.services.events.evaluation_buffer import EvaluationBuffer
from chalicelib.settings import Settings
from loadtests.timing import Row, fastest, row
from loadtests.workloads import RULES
from realtime.testing.event_stores import (
    MemoryArchive,
    MemoryCounters,
    MemoryEventStream,
    MemoryQuarantine,
    MemoryVerdicts,
)
from realtime.testing.stores import MemoryAssignments, MemoryDefinitions

CALLS = 2_000
EVENTS = 500
ARRIVED = 1_767_225_600.0
CONTEXT = {"country": "DE", "app_version": "2.4.1", "tier": "gold", "beta": False}
Event = dict[str, Any]


def request_rows() -> Iterator[Row]:
    """A flag, and 100 flags, against a route that does nothing."""
    over_memory()
    flag = request("/flags/evaluate", {"user_id": "user-1", "flag_key": "w1-0", "context": CONTEXT})
    keys = [f"w1-{n}" for n in range(50)] + [f"w2-{n}" for n in range(50)]
    hundred = request("/flags/evaluate/batch", {"user_id": "user-1", "context": CONTEXT, "flag_keys": keys})
    bulk = request("/flags/evaluate/batch", {"user_id": "user-1", "context": CONTEXT})
    assigned = request("/assign", {"user_id": "user-1", "experiment_key": "e", "context": CONTEXT})
    nothing = request("/empty", {"user_id": "user-1", "flag_key": "w1-0", "context": CONTEXT})
    for event in (flag, hundred, bulk, assigned):
        if service.app(event, None)["statusCode"] != 200:
            raise AssertionError(f"{event['path']} does not answer")
    runs = [partial(_repeat, service.app, event) for event in (flag, assigned)]
    runs += [partial(_repeat, service.app, event, CALLS // 10) for event in (bulk, hundred)]
    # It is emptied after each answer, so never has as much to throw out as a full one, which no cache holds.
    runs += [partial(_track, EvaluationBuffer(10)), partial(_track, None)]
    empty, one, hot, all_flags, named, tracked, loop = fastest(
        partial(_repeat, empty_route(), nothing), *runs
    )
    micro = 1e6 / CALLS
    yield row("flag request, event in to response out", one * micro, "µs", 30.0)
    yield row("flag request / empty Chalice route", one / empty, "×", 1.5)
    yield row("hot assignment / empty Chalice route", hot / empty, "×", 2.0)
    yield row("what tracking adds to a flag request", (tracked - loop) / one * 100, "%", 1.0)
    yield row("100 flags in one request (all)", all_flags * micro * 10, "µs", 60.0)
    yield row("100 flags in one request (by name)", named * micro * 10, "µs", 60.0)


def batch_rows() -> Iterator[Row]:
    """500 events of 400 users, two experiments; the stores are in memory, so that it is our own CPU."""
    plane, counters = over_memory()
    for user in range(400):
        plane.assign(f"user-{user}", "e", dict(CONTEXT))
    best = float("inf")
    for number in range(15):
        event = batch(number)
        started = time.process_time()
        answer = service.event_processor(event, None)
        best = min(best, time.process_time() - started)
        if answer != {"batchItemFailures": []}:
            raise AssertionError(f"the batch failed: {answer}")
    yield row("batch of 500 events, own CPU", best * 1e3, "ms", 5.0)
    writes = (counters.writes + plane.verdicts.writes) / 15
    yield row("DynamoDB writes of a batch / distinct counters", writes / 4, "×", 1.0)


def over_memory() -> tuple[Any, MemoryCounters]:
    """app.py serves 100 flags and one experiment from stores in memory from now on."""
    counters, definitions = MemoryCounters(), MemoryDefinitions()
    plane = wiring.Plane(
        Settings.from_env({}),
        definitions=definitions,
        assignments=MemoryAssignments(),
        stream=MemoryEventStream(),
        counters=counters,
        verdicts=MemoryVerdicts(),
        archive=MemoryArchive(),
        quarantine=MemoryQuarantine(),
    )
    vars(service)["plane"] = lambda: plane
    documents = [_flag(f"w1-{n}", 50, None) for n in range(50)] + [
        _flag(f"w2-{n}", 30, RULES) for n in range(50)
    ]
    variants = [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}]
    experiment = {"key": "e", "status": "active", "metrics": ["purchase"], "variants": variants}
    definitions.publish(
        [*documents, DefinitionRow("experiment", "e", json.dumps(experiment), "active")], 0, 0.0
    )
    return plane, counters


def request(path: str, body: object) -> Event:
    """As API Gateway sends it, with the headers of an ordinary client."""
    return {
        "requestContext": {"httpMethod": "POST", "resourcePath": path, "identity": {"sourceIp": "127.0.0.1"}},
        "path": path,
        "headers": {
            "Accept": "*/*",
            "Authorization": "Bearer rt_local_demo",
            "Content-Type": "application/json",
            "Host": "localhost",
            "User-Agent": "bench",
        },
        "pathParameters": None,
        "stageVariables": None,
        "multiValueQueryStringParameters": None,
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


def empty_route() -> Callable[[Event, Any], Any]:
    """What `chalice new-project` makes, answering three keys: the least that any service on it costs."""
    app = Chalice(app_name="empty")

    @app.route("/empty", methods=["POST"])
    def empty() -> dict[str, Any]:
        return {"flag_key": "w1-0", "variant": "on", "value": True}

    handler: Callable[[Event, Any], Any] = app
    return handler


def batch(number: int) -> Event:
    return {
        "Records": [
            record(n, _event(n), ARRIVED + 10**9) for n in range(number * EVENTS, (number + 1) * EVENTS)
        ]
    }


def _event(index: int) -> Event:
    return {
        "event_id": f"event-{index}",
        "event_type": "purchase",
        "user_id": f"user-{index % 400}",
        "timestamp": "2026-01-01T00:00:00Z",
        "value": index % 10_000 / 100,
        "properties": {"sku": f"sku-{index % 50}", "quantity": 1},
    }


def record(index: int, event: Event, arrived: float) -> Event:
    """As Lambda delivers it, of the one shard."""
    return {
        "eventID": f"shardId-000000000000:{10**20 + index}",
        "eventSourceARN": "arn:aws:kinesis:us-east-1:000000000000:stream/events",
        "kinesis": {
            "partitionKey": event["user_id"],
            "sequenceNumber": str(10**20 + index),
            "data": base64.b64encode(json.dumps(event).encode()).decode(),
            "approximateArrivalTimestamp": arrived,
        },
    }


def _flag(key: str, percentage: float, rules: object) -> DefinitionRow:
    document = {"key": key, "type": "boolean", "rollout_percentage": percentage, "targeting_rules": rules}
    return DefinitionRow("flag", key, json.dumps(document), "active")


def _track(buffer: Any) -> None:
    """What FlagEvaluator does beside evaluating."""
    user_id, found = "user-1", object()
    append, number = (None, None) if buffer is None else (buffer.append, buffer.next_number)
    for _ in range(CALLS):
        if append is not None and number is not None and user_id is not None:
            append((number(), user_id, ARRIVED, found))


def _repeat(handler: Callable[[Event, Any], Any], event: Event, calls: int = CALLS) -> None:
    for _ in range(calls):
        handler(event, None)
