"""The suite's kinds of traffic, with ids, contexts and keys that no log, metric or exception may have."""

import gzip
import io
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from itertools import product
from typing import Any

import pytest
from botocore.exceptions import ClientError

import app as application
from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.log import add_trace_ids
from realtime.local.front import FRONTS, build_gateway
from realtime.testing.stores import MemoryDefinitions
from tests.support.api_keys import make_key, store_key
from tests.support.experiments import published, published_flag
from tests.support.signals import Signals
from tests.support.streams import kinesis

MARK = "zq7personal"
"""In every id, context, key, event and payload below."""
USER, KEY, WRONG_KEY = f"user-{MARK}", make_key(f"key-{MARK}"), make_key(f"wrong-{MARK}")
CONTEXT = {f"attribute-{MARK}": f"value-{MARK}", "email": f"{MARK}@example.com"}
SCOPES = ("assign", "flags", "events", "results")
NOW = "2026-11-22T10:30:00Z"


def refuse(code: str) -> ClientError:
    error = {"Code": code, "Message": f"{USER} is refused"}
    return ClientError({"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}, "GetItem")  # type: ignore[typeddict-item]


FAULTS: dict[str, Exception | None] = {
    "no fault": None,
    "unavailable": StorageUnavailable(),
    "throttled": Throttled(),
    "a bug": LookupError(USER, CONTEXT, KEY),
    "a refusal of AWS": refuse("ValidationException"),
}


def make_event(**fields: Any) -> dict[str, Any]:
    return {"event_type": "purchase", "user_id": USER, "timestamp": NOW, "properties": CONTEXT, **fields}


BODIES: dict[str, list[Any]] = {
    "/assign": [{"user_id": USER, "experiment_key": key, "context": CONTEXT} for key in ("checkout", MARK)],
    "/assign/batch": [{"user_id": USER, "context": CONTEXT, "experiment_keys": ["checkout", MARK]}],
    "/identify": [
        {"anonymous_id": f"anonymous-{MARK}", "user_id": USER},
        {"anonymous_id": USER, "user_id": USER},
    ],
    "/flags/evaluate": [{"user_id": USER, "flag_key": key, "context": CONTEXT} for key in ("new", MARK)],
    "/flags/evaluate/batch": [{"user_id": USER, "context": CONTEXT}],
    "/ofrep/v1/evaluate/flags": [{"context": CONTEXT | {"targetingKey": USER}}],
    "/ofrep/v1/evaluate/flags/new": [{"context": CONTEXT | {"targetingKey": USER}}],
    f"/ofrep/v1/evaluate/flags/{MARK}": [{"context": CONTEXT | {"targetingKey": USER}}],
    "/evidently/projects/p/evaluations": [
        {"requests": [{"entityId": USER, "feature": key, "evaluationContext": json.dumps(CONTEXT)}]}
        for key in ("new", MARK)
    ],
    f"/evidently/projects/p/evaluations/{MARK}": [{"entityId": USER, "evaluationContext": MARK}],
    "/evidently/events/projects/p": [
        {"events": [{"timestamp": 1e9, "type": "aws.evidently.custom", "data": text}]}
        for text in (
            MARK,
            json.dumps({"entityId": USER, "details": {"a": 1}}),
            json.dumps({"entityId": USER}),
        )
    ],
    "/events": [
        make_event(),
        {"events": [make_event(), make_event(timestamp=MARK), make_event(event_type="evaluation"), MARK]},
        {"key": WRONG_KEY, "events": [make_event()]},
    ],
    f"/{MARK}": [{}],
}
HOSTILE = (
    f'{{"user_id": "{USER}"'.encode(),
    f'["{USER}"]'.encode(),
    f'{{"user_id": ["{USER}"], "context": "{MARK}", "{MARK}": NaN}}'.encode(),
    f'{{"user_id": "\\ud800{MARK}", "flag_key": "new", "experiment_key": "checkout"}}'.encode(),
    f'{{"user_id": "{USER * 200}", "flag_key": "new", "experiment_key": "checkout"}}'.encode(),
    USER.encode("utf-16"),
    gzip.compress(USER.encode()),
    f"{MARK}".encode() * 50_000,
)
QUERIES = (
    f"user_id={USER}&flag_key=new&experiment_key=checkout&context=%7B%22a%22%3A%22{MARK}%22%7D",
    f"user_id={USER}&context={MARK}&{MARK}",
    f"user_id={USER}%FF",
)
Traffic = Callable[[float], Iterator[Callable[[], object]]]
"""Calls, by the time in epoch seconds. One that fails stops no other."""


def send_requests(_now: float) -> Iterator[Callable[[], object]]:
    for front in FRONTS:
        gateway = build_gateway(application.app, front)
        for path, bodies in BODIES.items():
            sent = [json.dumps(body).encode() for body in bodies]
            for key, body in [*product((KEY, WRONG_KEY, MARK), sent), *product((KEY,), HOSTILE)]:
                headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
                yield partial(gateway.answer, "POST", path, headers, body)
        for path, query in product(("/assign", "/flags/evaluate", f"/experiments/{MARK}/results"), QUERIES):
            yield partial(gateway.answer, "GET", f"{path}?{query}", {"Authorization": f"Bearer {KEY}"}, None)
        yield partial(
            gateway.answer, "POST", f"/events?key={WRONG_KEY}", {}, json.dumps(make_event()).encode()
        )


def invoke_directly(_now: float) -> Iterator[Callable[[], object]]:
    bodies = *BODIES["/assign"], *BODIES["/flags/evaluate"], {"user_id": {MARK: USER}}, [USER], USER
    for function, body in product((application.assignment, application.feature_flags), bodies):
        yield partial(function, body, None)


def authorize(_now: float) -> Iterator[Callable[[], object]]:
    arn = "arn:aws:execute-api:eu-west-1:000000000000:a/api/GET/assign"
    for key in (KEY, WRONG_KEY, MARK):
        event = {"type": "TOKEN", "authorizationToken": f"Bearer {key}", "methodArn": arn}
        yield partial(application.api_key, event, None)


def process(now: float) -> Iterator[Callable[[], object]]:
    good = [make_event(), make_event(event_id=MARK, experiment_key="checkout", value=1)]
    bad = [make_event(**{field: MARK}) for field in ("timestamp", "value", "currency", "properties")]
    batches: tuple[list[Any], ...] = ([*good, *bad, *HOSTILE], *([payload] for payload in HOSTILE))
    for payloads in batches:
        yield partial(application.event_processor, kinesis(payloads, arrived=now), None)


def sync(_now: float) -> Iterator[Callable[[], object]]:
    image = {
        "id": {"S": f"checkout#{USER}"},
        "user_id": {"S": USER},
        "assignment_id": {"S": f"assignment-{MARK}"},
        "experiment_key": {"S": "checkout"},
        "experiment_id": {"S": "checkout"},
        "variant": {"S": "control"},
        "timestamp": {"S": NOW},
    }
    broken: list[dict[str, Any]] = [{}, {"timestamp": {"S": MARK}}, {"variant": {"N": "1"}}, {"user_id": {}}]
    for number, fields in enumerate(broken, 1):
        changed = {"SequenceNumber": str(number), "NewImage": image | fields}
        arn = "arn:aws:dynamodb:eu-west-1:000000000000:table/a/stream/2026"
        record = {"eventName": "INSERT", "eventSourceARN": arn, "dynamodb": changed}
        yield partial(application.assignment_sync, {"Records": [record], "shardId": "shardId-1"}, None)


TRAFFIC: dict[str, Traffic] = {
    "ingest": send_requests,
    "assignment": invoke_directly,
    "authorizer": authorize,
    "event_processor": process,
    "assignment_sync": sync,
}


class Broken:
    """Every method raises ``error``."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, _name: str) -> Any:
        def fail(*_: Any, **__: Any) -> Any:
            raise self._error

        return fail


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What all loggers write, as Lambda would: message and traceback."""
    text = io.StringIO()
    handler, root = logging.StreamHandler(text), logging.getLogger()
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.INFO)
    add_trace_ids()
    yield text
    root.setLevel(level)
    root.removeHandler(handler)


def run(call: Callable[[], object]) -> str:
    """What the runtime would log of an exception that leaves the handler: its own text, not its causes'."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - each is what Lambda would log
        return "".join(traceback.format_exception_only(error))
    return ""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("function", TRAFFIC)
def test_no_log_metric_or_exception_has_an_id_a_context_or_a_key(
    function: str, fault: str, logged: io.StringIO
) -> None:
    definitions, written, error = MemoryDefinitions(), io.StringIO(), FAULTS[fault]
    definitions.publish([published(metrics=["purchase"]), published_flag("new")], 0, 0.0)
    options: dict[str, Any] = {"definitions": definitions, "REALTIME_IDENTITY": "true"}
    with (
        Signals().container(function, **options) as plane,
        redirect_stdout(written),
        redirect_stderr(written),
    ):
        plane.keys.put(store_key(*SCOPES, name=f"key-{MARK}"))
        if error is not None:
            for store in ("assignments", "counters", "stream", "archive", "quarantine", "verdicts"):
                setattr(plane, store, Broken(error))
        raised = "".join(run(call) for call in TRAFFIC[function](plane.clock()))
        for flush in (plane.after_response, plane.end):  # the extension logs the type of what these raise
            run(partial(flush, 1.0))
        plane.metrics.flush()
        vars(plane).pop("tracker", None)  # it would be flushed once more
    lines = written.getvalue() + logged.getvalue()
    assert '"Answered"' in lines
    assert [line for line in lines.splitlines() if MARK in line] == []
    assert MARK not in raised


def test_the_search_finds_what_is_written(logged: io.StringIO) -> None:
    logging.getLogger("realtime").error("user %s", USER)
    assert MARK in logged.getvalue()
