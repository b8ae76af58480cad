"""Measures requests through the whole Chalice handler, and batches through the whole event processor."""

import base64
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from chalice.app import Chalice

import app as service
from chalicelib import wiring
from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp
from chalicelib.services.evaluate import FlagEvaluator
from chalicelib.services.events.evaluation_buffer import EvaluationBuffer
from chalicelib.settings import Settings
from loadtests.timing import ROUNDS, Row, build_row, compute_slowness, measure_fastest, run_reference
from loadtests.workloads import RULES, USUAL
from realtime.testing.event_stores import (
    MemoryArchive,
    MemoryCounters,
    MemoryEventStream,
    MemoryQuarantine,
    MemoryVerdicts,
)
from realtime.testing.stores import MemoryAssignments, MemoryDefinitions

CALLS = 500
TRACKED_CALLS, TRACKING_ROUNDS = 200, 500
"""Tracking is the small difference of two times: many short runs measure it best."""
EVENTS = 500
BATCHES = 30
EVENT_TIME = parse_timestamp("2026-01-01T00:00:00Z")
ARRIVED = 1_767_225_600.0
CONTEXT = USUAL
Event = dict[str, Any]


def measure_requests() -> Iterator[Row]:
    """One flag, 100 flags and an assignment, compared with a route that does nothing."""
    plane, _counters, _verdicts = serve_from_memory()
    flag = build_request("/flags/evaluate", {"user_id": "user-1", "flag_key": "w1-0", "context": CONTEXT})
    all_flags = build_request("/flags/evaluate/batch", {"user_id": "user-1", "context": CONTEXT})
    flag_keys = [f"w1-{n}" for n in range(50)] + [f"w2-{n}" for n in range(50)]
    named_flags = build_request(
        "/flags/evaluate/batch", {"user_id": "user-1", "context": CONTEXT, "flag_keys": flag_keys}
    )
    assignment = build_request("/assign", {"user_id": "user-1", "experiment_key": "e", "context": CONTEXT})
    empty = build_request("/empty", {"user_id": "user-1", "flag_key": "w1-0", "context": CONTEXT})
    for event in (flag, named_flags, all_flags, assignment):
        if service.app(event, None)["statusCode"] != 200:
            raise AssertionError(f"{event['path']} does not answer")
    reference, empty_seconds, flag_seconds, assignment_seconds, all_seconds, named_seconds = measure_fastest(
        run_reference,
        partial(_repeat, build_empty_app(), empty),
        partial(_repeat, service.app, flag),
        partial(_repeat, service.app, assignment),
        partial(_repeat, service.app, all_flags, CALLS // 10),
        partial(_repeat, service.app, named_flags, CALLS // 10),
        rounds=ROUNDS * 4,
    )
    # A buffer is drained after each answer. A small one comes closest: it stays in the processor's cache.
    tracked_seconds, untracked_seconds = measure_fastest(
        partial(_evaluate, FlagEvaluator(plane.catalog.flags, plane.catalog.segments, EvaluationBuffer(10))),
        partial(_evaluate, FlagEvaluator(plane.catalog.flags, plane.catalog.segments, None)),
        rounds=TRACKING_ROUNDS,
    )
    tracking_share = (tracked_seconds - untracked_seconds) / TRACKED_CALLS / (flag_seconds / CALLS)
    micro, slowness = 1e6 / CALLS, compute_slowness(reference)
    yield build_row("flag request, event in to response out", flag_seconds * micro, "µs", 30.0 * slowness)
    yield build_row("flag request / empty Chalice route", flag_seconds / empty_seconds, "×", 1.5)
    yield build_row("hot assignment / empty Chalice route", assignment_seconds / empty_seconds, "×", 2.0)
    yield build_row("what tracking adds to a flag request", tracking_share * 100, "%", 1.0)
    yield build_row("100 flags in one request (all)", all_seconds * micro * 10, "µs", 60.0 * slowness)
    yield build_row("100 flags in one request (by name)", named_seconds * micro * 10, "µs", 60.0 * slowness)


def measure_batches() -> Iterator[Row]:
    """500 events of 400 users in an experiment. Stores are in memory: only this code's CPU time counts."""
    plane, counters, verdicts = serve_from_memory()
    plane.clock = lambda: EVENT_TIME - 86_400
    for user in range(400):
        plane.assign(f"user-{user}", "e", dict(CONTEXT))
    plane.clock = lambda: EVENT_TIME + 2
    batches = [build_batch(number) for number in range(BATCHES)]
    remaining = iter(batches)

    def process_next() -> None:
        answer = service.event_processor(next(remaining), None)
        if answer != {"batchItemFailures": []}:
            raise AssertionError(f"the batch failed: {answer}")

    reference, seconds = measure_fastest(run_reference, process_next, rounds=BATCHES)
    yield build_row("batch of 500 events, own CPU", seconds * 1e3, "ms", 5.0 * compute_slowness(reference))
    writes = (counters.writes + verdicts.writes) / BATCHES
    yield build_row("DynamoDB writes of a batch / distinct counters", writes / 4, "×", 1.0)


def serve_from_memory() -> tuple[wiring.Plane, MemoryCounters, MemoryVerdicts]:
    """Lets app.py serve 100 flags and one experiment from stores in memory from now on."""
    counters, verdicts, definitions = MemoryCounters(), MemoryVerdicts(), MemoryDefinitions()
    plane = wiring.Plane(
        Settings.from_env({}),
        definitions=definitions,
        assignments=MemoryAssignments(),
        stream=MemoryEventStream(),
        counters=counters,
        verdicts=verdicts,
        archive=MemoryArchive(),
        quarantine=MemoryQuarantine(),
    )
    vars(service)["plane"] = lambda: plane
    flags = [_build_flag(f"w1-{n}", 50, None) for n in range(50)] + [
        _build_flag(f"w2-{n}", 30, RULES) for n in range(50)
    ]
    variants = [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}]
    experiment = {"key": "e", "status": "active", "metrics": ["purchase"], "variants": variants}
    definitions.publish([*flags, DefinitionRow("experiment", "e", json.dumps(experiment), "active")], 0, 0.0)
    return plane, counters, verdicts


def build_request(path: str, body: object) -> Event:
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


def build_empty_app() -> Callable[[Event, Any], Any]:
    """What `chalice new-project` makes, answering three keys: the least that a Chalice service costs."""
    app = Chalice(app_name="empty")

    @app.route("/empty", methods=["POST"])
    def empty() -> dict[str, Any]:
        return {"flag_key": "w1-0", "variant": "on", "value": True}

    handler: Callable[[Event, Any], Any] = app
    return handler


def build_batch(number: int) -> Event:
    return {
        "Records": [
            build_record(n, _build_event(n), EVENT_TIME + 1)
            for n in range(number * EVENTS, (number + 1) * EVENTS)
        ]
    }


def _build_event(index: int) -> Event:
    return {
        "event_id": f"event-{index}",
        "event_type": "purchase",
        "user_id": f"user-{index % 400}",
        "timestamp": format_timestamp(EVENT_TIME),
        "value": index % 10_000 / 100,
        "properties": {"sku": f"sku-{index % 50}", "quantity": 1},
    }


def build_record(index: int, event: Event, arrived: float) -> Event:
    """As Lambda delivers it, from the only shard."""
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


def _build_flag(key: str, percentage: float, rules: object) -> DefinitionRow:
    document = {"key": key, "type": "boolean", "rollout_percentage": percentage, "targeting_rules": rules}
    return DefinitionRow("flag", key, json.dumps(document), "active")


def _evaluate(evaluator: FlagEvaluator) -> None:
    context = dict(CONTEXT)
    for _ in range(TRACKED_CALLS):
        evaluator.evaluate("user-1", "w1-0", context, ARRIVED)


def _repeat(handler: Callable[[Event, Any], Any], event: Event, calls: int = CALLS) -> None:
    for _ in range(calls):
        handler(event, None)
