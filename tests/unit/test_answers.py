"""Each function counts its own answers: all, the slow ones, and those in which the service failed."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import app as application
from chalicelib.answers import Unexpected, is_failure
from chalicelib.api.application import Application
from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.errors import StorageUnavailable
from chalicelib.metrics import Metrics
from realtime.testing.stores import MemoryDefinitions, MemoryKeys
from tests.support.api_keys import make_key
from tests.support.service import KEY, WITHOUT_SCOPES, Service, run_service
from tests.support.streams import kinesis

DIRECT_ASSIGNMENT = {"user_id": "u", "experiment_key": "checkout", "context": {}}
DIRECT_FLAG = {"user_id": "u", "flag_key": "on", "context": {}}
UNKNOWN = make_key("unknown")
Lines = list[dict[str, Any]]


class UnreachableDefinitions(MemoryDefinitions):
    def get_changes(self, *_: Any, **__: Any) -> Any:
        raise StorageUnavailable

    get = get_many = get_all = get_changes


class UnreachableKeys(MemoryKeys):
    def get(self, *_: Any) -> Any:
        raise StorageUnavailable


def build_metrics(lines: Lines, budget: float = 60.0) -> Metrics:
    """Emits at its interval's end and at failures: never while a test runs, but for failures."""

    def emit(text: str) -> None:
        lines.append(json.loads(text))

    return Metrics("prod", "realtime-prod-f", 3600.0, lambda: 1e9, emit, version="7", budget=budget)


@pytest.fixture
def lines() -> Lines:
    return []


@pytest.fixture
def running(lines: Lines) -> Iterator[Service]:
    with run_service(metrics=build_metrics(lines)) as service:
        service.publish_flag("on", type="boolean")
        yield service


@pytest.fixture
def broken(lines: Lines) -> Iterator[Service]:
    """Without definitions and keys."""
    stores: Any = {"definitions": UnreachableDefinitions(), "keys": UnreachableKeys()}
    with run_service(metrics=build_metrics(lines), **stores) as service:
        yield service


def request(path: str, body: object, method: str = "POST") -> dict[str, Any]:
    return {
        "requestContext": {"httpMethod": method, "resourcePath": path},
        "path": path,
        "headers": {"Content-Type": "application/json"},
        "pathParameters": None,
        "stageVariables": None,
        "multiValueQueryStringParameters": None,
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }


def ask_authorizer(key: str) -> Any:
    event = {
        "type": "TOKEN",
        "authorizationToken": f"Bearer {key}",
        "methodArn": "arn:aws:execute-api:us-east-1:000000000000:a/api/GET/assign",
    }
    return application.api_key(event, None)


def ask_api(event: dict[str, Any]) -> Any:
    """As Lambda calls it. Another test may have given the app the class of `chalice local`."""
    return Application.__call__(application.app, event, None)


CALLS: dict[str, Callable[[], Any]] = {
    "the API": lambda: ask_api(request("/flags/evaluate", DIRECT_FLAG)),
    "flags behind the API": lambda: application.feature_flags(request("/flags/evaluate", DIRECT_FLAG), None),
    "flags, direct": lambda: application.feature_flags(DIRECT_FLAG, None),
    "assignment behind the API": lambda: application.assignment(request("/assign", DIRECT_ASSIGNMENT), None),
    "assignment, direct": lambda: application.assignment(DIRECT_ASSIGNMENT, None),
    "a batch of assignments": lambda: application.assignment(
        request("/assign/batch", {"user_id": "u", "experiment_keys": ["checkout", "search"]}), None
    ),
    "a batch of flags": lambda: application.feature_flags(
        request("/flags/evaluate/batch", {"user_id": "u", "flag_keys": ["on", "off"]}), None
    ),
}
BY_NAME = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@BY_NAME
def test_an_answer_is_counted_and_emits_nothing_before_the_interval_ends(
    call: Callable[[], Any], running: Service, lines: Lines
) -> None:
    call()
    call()
    assert lines == []
    running.metrics.flush()
    assert lines[0]["Answered"] == 2
    assert "Failed" not in lines[0]
    assert "Slow" not in lines[0]


@BY_NAME
def test_a_failure_of_ours_is_emitted_at_once_with_the_version(
    call: Callable[[], Any], broken: Service, lines: Lines
) -> None:
    call()
    (line,) = lines
    assert (line["Answered"], line["Failed"], line["Version"]) == (1, 1, "7")
    by_name = {
        metric["Name"]: directive["Dimensions"]
        for directive in line["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    }
    both = [["Environment", "Function"], ["Environment", "Function", "Version"]]
    assert by_name["Answered"] == by_name["Failed"] == both
    assert by_name.get("BreakerOpened.definitions", both[:1]) == both[:1]


def test_mistakes_of_callers_are_no_failures(running: Service, lines: Lines) -> None:
    assert application.assignment({"user_id": "u", "experiment_key": "none"}, None)["error"]
    assert application.feature_flags("text", None)["error"]
    assert ask_api(request("/flags/evaluate", {}))["statusCode"] == 400
    assert ask_api(request("/nowhere", {}))["statusCode"] >= 400
    assert lines == []


def test_one_key_that_cannot_be_answered_fails_no_batch(running: Service, lines: Lines) -> None:
    version = running.definitions.get_changes(None).version
    running.definitions.publish([DefinitionRow("flag", "bad", "{", "active")], version, 0.0)
    body = {"user_id": "u", "flag_keys": ["on", "bad"]}
    answer = ask_api(request("/flags/evaluate/batch", body))
    assert "storage_unavailable" in answer["body"]
    assert lines == []


def test_an_exception_is_counted_and_goes_on(running: Service, lines: Lines) -> None:
    def fail(*_: Any) -> Any:
        raise LookupError

    vars(running.plane)["assign"] = fail
    with pytest.raises(Unexpected, match=r"^LookupError$"):
        application.assignment(DIRECT_ASSIGNMENT, None)
    assert lines[0]["Failed"] == 1


def test_an_answer_over_the_budget_is_slow(lines: Lines) -> None:
    with run_service(metrics=build_metrics(lines, budget=0.0)) as service:
        service.publish_flag("on", type="boolean")
        application.feature_flags(DIRECT_FLAG, None)
        service.metrics.flush()
    assert (lines[0]["Answered"], lines[0]["Slow"]) == (1, 1)


def test_the_authorizer_counts_denials_apart_from_failures(running: Service, lines: Lines) -> None:
    for key in (KEY, WITHOUT_SCOPES, UNKNOWN):
        ask_authorizer(key)
    assert lines == []
    running.metrics.flush()
    assert (lines[0]["Answered"], lines[0]["Denied"]) == (3, 2)


def test_an_authorizer_that_cannot_read_keys_has_failed(broken: Service, lines: Lines) -> None:
    with pytest.raises(StorageUnavailable):
        ask_authorizer(UNKNOWN)
    assert lines[0]["Failed"] == 1


def test_a_refused_key_of_an_event_is_a_denial_too(running: Service, lines: Lines) -> None:
    ask_api(request("/events", {"key": UNKNOWN, "events": []}))
    running.metrics.flush()
    assert lines[0]["Denied"] == 1


@pytest.mark.parametrize("failures", [0, 1])
def test_a_batch_is_an_answer_and_fails_if_records_are_left(
    failures: int, running: Service, lines: Lines
) -> None:
    class Processor:
        def process(self, *_: Any) -> dict[str, Any]:
            return {"batchItemFailures": [{"itemIdentifier": "1"}] * failures}

    running.plane.event_processor = Processor()  # type: ignore[assignment]
    application.event_processor(kinesis([]), None)
    assert lines[0]["Answered"] == 1
    assert lines[0].get("Failed", 0) == failures


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"statusCode": 200}, False),
        ({"statusCode": 499}, False),
        ({"statusCode": 500}, True),
        ({"statusCode": 503}, True),
        ({"error": {"code": "experiment_not_found"}}, False),
        ({"error": {"code": "throttled"}}, False),
        ({"error": {"code": "storage_unavailable"}}, True),
        ({"error": {"code": "internal_error"}}, True),
        ({"batchItemFailures": []}, False),
        ({"batchItemFailures": [{"itemIdentifier": "1"}]}, True),
        ({"variant": None}, False),
        (None, False),
    ],
)
def test_who_failed(answer: Any, expected: bool) -> None:
    assert is_failure(answer) is expected
