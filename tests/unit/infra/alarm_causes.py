"""For each alarm, what makes it ring, for one period. Metrics of our own come from the code alone."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

import app as application
from chalicelib.api.application import Application
from chalicelib.domain.assignment import AssignmentResult
from chalicelib.domain.definitions.model import Decision, DefinitionRow
from chalicelib.domain.errors import NotFound, StorageUnavailable
from chalicelib.domain.key_snapshot import (
    KeyPointer,
    compute_sha256,
    decode_pointer,
    encode_keys,
    encode_pointer,
)
from chalicelib.domain.reasons import Reason
from chalicelib.domain.status.alarms import PLATFORM_INDEXES
from chalicelib.services.authorize import Authorizer
from chalicelib.services.definitions.catalog import Catalog
from chalicelib.stores.resilience import FAILURES_TO_OPEN, guarded
from chalicelib.wiring import Plane
from infra.environments import FunctionName
from infra.functions import LOGICAL_IDS
from infra.release.probes import PROBES, build_gateway_event
from realtime import heartbeat
from realtime.testing.stores import MemoryAssignmentHistory, MemoryDefinitions, MemoryKeys
from tests.support.api_keys import make_key, store_key
from tests.support.assignments import change, row
from tests.support.experiments import experiment, published
from tests.support.signals import ENV, Signals
from tests.support.streams import kinesis

Cause = Callable[[Signals], object]
CALLS = 105
FLAG_ROW = DefinitionRow("flag", "on", '{"key": "on", "type": "boolean"}', "active")
FLAG = {"user_id": "u", "flag_key": "on", "context": {}}
ASSIGNMENT = {"user_id": "u", "experiment_key": "checkout", "context": {}}


class Unreachable(MemoryDefinitions):
    def get_many(self, *_: Any) -> Any:
        raise StorageUnavailable

    get_all = get_changes = get_many  # type: ignore[assignment]


class UnreachableKeys(MemoryKeys):
    def get(self, *_: Any) -> Any:
        raise StorageUnavailable


class BrokenStore:
    @guarded
    def ask(self) -> None:
        raise EndpointConnectionError(endpoint_url="x")


class RefusedBatches:
    def process(self, *_: Any) -> dict[str, Any]:
        return {"batchItemFailures": [{"itemIdentifier": "1"}]}

    sync = process


class EmptyBatches:
    def process(self, *_: Any) -> dict[str, Any]:
        return {"batchItemFailures": []}

    sync = process


def authorize(key: str = "rt_health") -> object:
    event = {
        "type": "TOKEN",
        "authorizationToken": f"Bearer {key}",
        "methodArn": "arn:aws:execute-api:us-east-1:000000000000:a/api/GET/health",
    }
    try:
        return application.api_key(event, None)
    except StorageUnavailable:
        return None


def ask_api(path: str) -> object:
    event = build_gateway_event("GET", path, parameters={"key": "checkout"})
    return Application.__call__(application.app, event, None)


ASK: dict[FunctionName, Callable[[], object]] = {
    "assignment": lambda: application.assignment(ASSIGNMENT, None),
    "feature_flags": lambda: application.feature_flags(FLAG, None),
    "ingest": lambda: ask_api("/health"),
    "authorizer": authorize,
    "event_processor": lambda: application.event_processor(kinesis([]), None),
    "assignment_sync": lambda: application.assignment_sync({"Records": []}, None),
    "webhooks": lambda: application.webhooks({"Records": []}, None),
    "admin": lambda: application.admin(PROBES["admin"][1].event, None),
}


def prepare(plane: Plane, batches: object) -> None:
    vars(plane).update(event_processor=batches, assignment_sync=batches)
    if not isinstance(plane.definitions, Unreachable):
        plane.definitions.publish([published(), FLAG_ROW], 0, 0.0)


def call(signals: Signals, function: FunctionName, calls: int) -> None:
    for _ in range(calls):
        ASK[function]()
    signals.put("AWS/Lambda", "Invocations", calls, FunctionName=f"realtime-{ENV}-{function}")
    signals.put("AWS/Lambda", "Errors", 0, FunctionName=f"realtime-{ENV}-{function}")


def answer(function: FunctionName, *, containers: int = 1, calls: int = CALLS, **options: Any) -> Cause:
    """A period in which ``function`` is called."""

    def happen(signals: Signals) -> None:
        for _ in range(containers):
            with signals.container(function, **options) as plane:
                prepare(plane, EmptyBatches())
                call(signals, function, calls // containers)

    return happen


def fail(function: FunctionName) -> Cause:
    def happen(signals: Signals) -> None:
        broken: Any = {"definitions": Unreachable(), "keys": UnreachableKeys()}
        with signals.container(function, **broken) as plane, pytest.MonkeyPatch.context() as patch:
            prepare(plane, RefusedBatches())
            patch.setitem(ASK, "ingest", lambda: ask_api("/experiments/{key}/results"))
            call(signals, function, 3)

    return happen


def crash(function: str) -> Cause:
    """What only Lambda sees: a timeout, out of memory."""

    def happen(signals: Signals) -> None:
        signals.put("AWS/Lambda", "Invocations", 10, FunctionName=f"realtime-{ENV}-{function}")
        signals.put("AWS/Lambda", "Errors", 10, FunctionName=f"realtime-{ENV}-{function}")

    return happen


def refuse_keys(signals: Signals) -> None:
    with signals.container("authorizer"):
        for number in range(CALLS):
            authorize(make_key(f"unknown-{number}"))


def send_poison(signals: Signals) -> None:
    with signals.container("event_processor"):
        application.event_processor(kinesis([b"poison", b"{"], arrived=signals.now), None)


def drop_exposures(signals: Signals) -> None:
    with signals.container("feature_flags", REALTIME_TRACKING_BUFFER="1") as plane:
        plane.definitions.publish([FLAG_ROW], 0, 0.0)
        for number in range(5):
            application.feature_flags({**FLAG, "user_id": f"u{number}"}, None)
        plane.after_response(1.0)


def lose_the_definitions(signals: Signals) -> None:
    time, definitions = [0.0], MemoryDefinitions()
    definitions.publish([published()], 0, 0.0)
    with signals.container("assignment", definitions=definitions) as plane:
        plane.catalog = Catalog(definitions, plane.metrics, timer=lambda: time[0])
        application.assignment(ASSIGNMENT, None)
        vars(plane.catalog)["_store"] = Unreachable()
        time[0] += 90.0
        application.assignment(ASSIGNMENT, None)


def lose_the_keys(signals: Signals) -> None:
    time, keys = [0.0], MemoryKeys()
    keys.put(store_key("flags", name="web"))
    with signals.container("authorizer", keys=keys) as plane:
        plane.authorizer = Authorizer(
            keys,
            "",
            plane.metrics,
            plane.key_uses,
            plane.key_fallback,
            ttl=60.0,
            max_stale=3600.0,
            timer=lambda: time[0],
            clock=lambda: time[0],
        )
        authorize(make_key("web"))
        vars(plane.authorizer)["_keys"] = UnreachableKeys()
        time[0] += 400.0
        authorize(make_key("web"))


def open_a_breaker(signals: Signals) -> None:
    with signals.container("ingest") as plane:
        store = plane.watch("stream", BrokenStore())
        for _ in range(FAILURES_TO_OPEN):
            with pytest.raises(StorageUnavailable):
                store.ask()


def write_a_broken_row(signals: Signals) -> None:
    with signals.container("feature_flags") as plane:
        plane.definitions.publish([DefinitionRow("flag", "on", "{", "active")], 0, 0.0)
        application.feature_flags(FLAG, None)


def lose_an_assignment(signals: Signals) -> None:
    decided = AssignmentResult(experiment(), "u", Decision("control", Reason.ASSIGNED), "a", 0.0, "u", False)

    class Gone:
        def store_again(self, _: AssignmentResult) -> None:
            raise NotFound.experiment("checkout")

    with signals.container("assignment") as plane:
        vars(plane)["assigner"] = Gone()
        plane.tracker.record(decided)
        plane.after_response(1.0)


def assign_one_variant_only(signals: Signals) -> None:
    with signals.container("assignment_sync") as plane:
        plane.definitions.publish([published()], 0, 0.0)
        users = [change(number, row(f"u{number}", "control")) for number in range(1, 101)]
        application.assignment_sync({"Records": users, "shardId": "shardId-1"}, None)


def refuse_rows(signals: Signals) -> None:
    with signals.container("assignment_sync", history=MemoryAssignmentHistory()):
        application.assignment_sync({"Records": [change(1, row("bad\0user"))], "shardId": "shardId-1"}, None)


class HeartbeatAws:
    """Lambda and DynamoDB, as the heartbeat asks them. The counter moves with each decision."""

    def __init__(self, state: str = "Enabled", *, counts: bool = True) -> None:
        self.state, self.counts, self.decisions, self.confirmed = state, counts, 0, 0

    def __call__(self, _service: str) -> "HeartbeatAws":
        return self

    def list_event_source_mappings(self, FunctionName: str) -> Any:  # noqa: N803 - boto3's name
        assert FunctionName.endswith(":live")
        return {"EventSourceMappings": [{"State": self.state}]}

    def query(self, **_: Any) -> Any:
        return {"Items": [{"n10": {"N": str(self.decisions if self.counts else 0)}}]}

    def invoke(self, FunctionName: str, Payload: bytes) -> Any:  # noqa: N803 - boto3's names
        is_decision = "feature_flags" in FunctionName
        self.decisions += is_decision
        answer = {"variant": "on"} if is_decision else {"principalId": "health"}
        return {"Payload": _Text(json.dumps(answer))}

    def get_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803 - boto3's names
        assert (Bucket, Key) == ("archive", "keys/current.json")
        pointer = KeyPointer(compute_sha256(encode_keys([])), "2026-02-01T00:00:00Z")
        return {"Body": _Text(encode_pointer(pointer).decode())}

    def get_paginator(self, _operation: str) -> "HeartbeatAws":
        return self

    def paginate(self, TableName: str, *, ConsistentRead: bool) -> Any:  # noqa: N803 - boto3's names
        assert (TableName, ConsistentRead) == ("keys", True)
        return [{"Items": []}]

    def put_object(self, Bucket: str, Key: str, Body: str) -> None:  # noqa: N803 - boto3's names
        assert (Bucket, Key) == ("archive", "keys/confirmed.json")
        assert decode_pointer(Body.encode())
        self.confirmed += 1


class _Text(str):
    __slots__ = ()

    def read(self) -> str:
        return self


def beat(aws: HeartbeatAws) -> Cause:
    def happen(signals: Signals) -> None:
        with pytest.MonkeyPatch.context() as patch, signals.read_log():
            patch.setitem(os.environ, "AWS_LAMBDA_FUNCTION_NAME", f"realtime-{ENV}-heartbeat")
            patch.setitem(os.environ, "REALTIME_ENV", ENV)
            patch.setitem(os.environ, "ARCHIVE_BUCKET", "archive")
            patch.setitem(os.environ, "COUNTERS_TABLE", "counters")
            patch.setitem(os.environ, "KEYS_TABLE", "keys")
            patch.setitem(os.environ, "HAS_AUTHORIZER", "1")
            heartbeat.handler(None, None, aws, lambda: signals.now)

    return happen


def measure(namespace: str, name: str, value: float, **dimensions: Any) -> Cause:
    return lambda signals: signals.put(namespace, name, value, **dimensions)


def all_of(*causes: Cause) -> Cause:
    return lambda signals: [cause(signals) for cause in causes]


API = {"ApiName": f"realtime-{ENV}"}
ACL = {"WebACL": f"realtime-{ENV}", "Rule": "ALL", "Region": {"Fn::Sub": "${AWS::Region}"}}


def list_causes(get_name: Callable[[str], Any], tables: list[str]) -> dict[str, tuple[Cause, ...]]:
    """By the alarm's name; each of the causes alone makes it ring."""
    requests = measure("AWS/ApiGateway", "Count", 1000, **API)
    causes: dict[str, tuple[Cause, ...]] = {
        "api-errors": (all_of(requests, measure("AWS/ApiGateway", "5XXError", 11, **API)),),
        "api-refused": (all_of(requests, measure("AWS/ApiGateway", "4XXError", 501, **API)),),
        "api-latency": (
            all_of(
                *[measure("AWS/ApiGateway", "Latency", 20, **API)] * 197,
                *[measure("AWS/ApiGateway", "Latency", 400, **API)] * 3,
            ),
        ),
        "api-throttled": (all_of(requests, answer_429),),
        "firewall-blocks": (
            all_of(
                measure("AWS/WAFV2", "BlockedRequests", 60, **ACL),
                measure("AWS/WAFV2", "AllowedRequests", 940, **ACL),
            ),
            measure("AWS/WAFV2", "BlockedRequests", 1000, **ACL),
        ),
        "keys-denied": (refuse_keys,),
        "poison-rises": (send_poison,),
        "tracking-drops": (drop_exposures,),
        "stale-definitions": (lose_the_definitions,),
        "stale-keys": (lose_the_keys,),
        "breaker-open": (open_a_breaker,),
        "invalid-definition": (write_a_broken_row,),
        "assignment-not-stored": (lose_an_assignment,),
        "sample-ratio-mismatch": (assign_one_variant_only,),
        "postgres-rows-refused": (refuse_rows,),
        "heartbeat": (lambda _: None, beat(HeartbeatAws(counts=False))),
        "event-source-disabled": (beat(HeartbeatAws("Disabled")),),
        "stream-throttles": (
            measure(
                "AWS/Kinesis", "WriteProvisionedThroughputExceeded", 1, StreamName=get_name("event_stream")
            ),
        ),
        "quarantine-not-empty": (fill(get_name("quarantine_queue")),),
        "failed-batches-not-empty": (fill(get_name("failure_queue")),),
        "webhooks-undelivered": (fill(get_name("undelivered_queue")),),
        "webhooks-late": (
            measure("AWS/SQS", "ApproximateAgeOfOldestMessage", 3_601, QueueName=get_name("webhook_queue")),
        ),
        "archive-failures": (
            measure("AWS/Firehose", "DeliveryToS3.Success", 0, DeliveryStreamName=get_name("firehose")),
        ),
        "archive-age": (
            measure(
                "AWS/Firehose", "DeliveryToS3.DataFreshness", 901, DeliveryStreamName=get_name("firehose")
            ),
        ),
        "assignments-index-throttles": tuple(
            measure(
                "AWS/DynamoDB",
                "WriteThrottleEvents",
                1,
                TableName=get_name("assignments_table"),
                GlobalSecondaryIndexName=index,
            )
            for index in PLATFORM_INDEXES
        ),
    }
    for setting in tables:
        name = get_name(setting)
        causes[f"{setting.removesuffix('_table')}-table-throttles"] = (
            measure("AWS/DynamoDB", "WriteThrottleEvents", 1, TableName=name),
            measure("AWS/DynamoDB", "ReadThrottleEvents", 1, TableName=name),
        )
    for function in LOGICAL_IDS:
        identity = {"FunctionName": f"realtime-{ENV}-{function}"}
        # what a receiver refuses is no failure of ours
        failures = () if function == "webhooks" else (fail(function),)
        causes[f"{function}-errors"] = (crash(function), *failures)
        causes[f"{function}-latency"] = (answer(function, budget=0.0),)
        causes[f"{function}-throttles"] = (measure("AWS/Lambda", "Throttles", 1, **identity),)
        causes[f"{function}-cold-starts"] = (answer(function, containers=5),)
        causes[f"{function}-iterator-age"] = (measure("AWS/Lambda", "IteratorAge", 61_000, **identity),)
    return causes


def fill(queue: Any) -> Cause:
    return measure("AWS/SQS", "ApproximateNumberOfMessagesVisible", 1, QueueName=queue)


def answer_429(signals: Signals) -> None:
    """The filter of the access log counts it: `test_the_filter_finds_answers_of_429`."""
    signals.metrics.put("realtime", f"Answered429.{ENV}", {}, 11, signals.now)
