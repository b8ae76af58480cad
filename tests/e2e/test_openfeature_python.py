"""OpenFeature's own Python SDK and OFREP provider, against the service."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from chalicelib.settings import Settings
from tests.support.api_keys import make_key
from tests.support.experiments import published
from tests.support.openfeature_flags import FLAGS, ThrottledDefinitions, publish_all
from tests.support.service import KEY, WITHOUT_SCOPES, serve_service

GERMAN = EvaluationContext("u1", {"country": "DE"})


@pytest.fixture(scope="module", params=["rest", "http", "alb"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with serve_service(front=request.param) as (url, service):
        publish_all(service)
        yield url


def connect(url: str, key: str | None = KEY) -> OpenFeatureClient:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    domain = uuid.uuid4().hex  # a provider is set for a domain, for good
    api.set_provider(OFREPProvider(url, headers_factory=lambda: headers), domain)
    return api.get_client(domain)


@pytest.fixture(scope="module")
def client(url: str) -> OpenFeatureClient:
    return connect(url)


def test_every_type_is_answered_with_its_type(client: OpenFeatureClient) -> None:
    assert client.get_boolean_value("boolean", False) is True
    assert client.get_string_value("string", "") == "grün"
    assert repr(client.get_integer_value("integer", 0)) == "42"
    assert repr(client.get_float_value("float", 0.0)) == "1.0"
    answer = client.get_object_value("object", {})
    assert repr(answer) == repr({"limit": 10, "ratio": 1.0, "tags": ["a", None]})


def test_details_carry_variant_reason_and_version(client: OpenFeatureClient) -> None:
    details = client.get_string_details("greeting", "", GERMAN)
    assert (details.value, details.variant, details.reason) == ("de", "de", Reason.TARGETING_MATCH)
    assert details.flag_metadata["reason"] == "TARGETING_MATCH"
    assert isinstance(details.flag_metadata["version"], int)


def test_targeting_sees_the_context(client: OpenFeatureClient) -> None:
    details = client.get_string_details("greeting", "", EvaluationContext("u1", {"country": "FR"}))
    assert (details.value, details.reason) == ("en", Reason.UNKNOWN)
    assert details.flag_metadata["reason"] == "NOT_TARGETED"


COLOURS = {"control": "grey", "treatment": "green"}


def test_a_client_runs_an_experiment() -> None:
    """The variant is assigned, stored and exposed as by `/assign`; who is excluded gets the default."""
    split = {key: {"weight": 1, "payload": value} for key, value in COLOURS.items()}
    experiment = published(variants=split, when={"if": "country", "in": ["DE"]})
    rules = [{"serve": {"experiment": "checkout"}}]
    with serve_service() as (url, service):
        service.definitions.publish([experiment], 0, 0.0)
        service.publish_flag("colour", variants={"plain": "white"}, default="plain", rules=rules)
        client = connect(url)
        seen = {}
        for number in range(20):
            details = client.get_string_details(
                "colour", "", EvaluationContext(f"u{number}", {"country": "DE"})
            )
            row = service.assignments.rows["checkout", f"u{number}"]
            assert (details.variant, details.reason) == (row.variant, Reason.SPLIT)
            seen[details.variant] = details.value
        assert seen == COLOURS
        outside = client.get_string_details("colour", "", EvaluationContext("eve", {"country": "FR"}))
        assert (outside.value, outside.variant) == ("white", "plain")
        service.plane.tracker.flush()
        exposed = [event for event in service.stream.events if event["event_type"] == "exposure"]
        assert sorted(event["user_id"] for event in exposed) == sorted(f"u{number}" for number in range(20))
        assert {event["experiment_key"] for event in exposed} == {"checkout"}


def test_a_flag_that_leaves_the_value_to_the_caller_answers_the_callers_default() -> None:
    with serve_service() as (url, service):
        service.publish_flag(
            "open", type="string", variants={"a": "x"}, rules=[{"when": False, "serve": "a"}]
        )
        details = connect(url).get_string_details("open", "mine", GERMAN)
    assert (details.value, details.error_code) == ("mine", None)


def test_an_unknown_flag_answers_the_default(client: OpenFeatureClient) -> None:
    details = client.get_boolean_details("nowhere", True)
    assert (details.value, details.error_code) == (True, ErrorCode.FLAG_NOT_FOUND)


def test_another_type_is_a_mismatch(client: OpenFeatureClient) -> None:
    details = client.get_integer_details("float", 7)
    assert (details.value, details.error_code) == (7, ErrorCode.TYPE_MISMATCH)


def test_a_disabled_flag_answers_its_off_variant(client: OpenFeatureClient) -> None:
    details = client.get_boolean_details("disabled", True)
    assert (details.value, details.variant, details.reason) == (False, "off", Reason.DISABLED)


@pytest.mark.parametrize("key", ["half", "by-account"])
def test_a_flag_that_divides_users_needs_something_to_divide_by(client: OpenFeatureClient, key: str) -> None:
    context = None if key == "half" else GERMAN
    details = client.get_boolean_details(key, True, context)
    assert (details.value, details.error_code) == (True, ErrorCode.TARGETING_KEY_MISSING)


def test_no_context_at_all_is_enough_for_a_flag_that_divides_nobody(client: OpenFeatureClient) -> None:
    assert client.get_boolean_details("boolean", False).reason == Reason.STATIC


@pytest.mark.parametrize("country", [["nested", {"deep": [1.5]}], 7, None, {"a": 1}])
def test_any_attribute_is_at_most_no_match(client: OpenFeatureClient, country: Any) -> None:
    assert client.get_string_value("greeting", "", EvaluationContext("u1", {"country": country})) == "en"


@pytest.mark.parametrize(
    ("key", "message"),
    [(None, "unauthorized"), (make_key("wrong"), "forbidden"), (WITHOUT_SCOPES, "forbidden")],
)
def test_a_key_that_is_not_accepted_answers_the_default(url: str, key: str | None, message: str) -> None:
    details = connect(url, key).get_boolean_details("boolean", False)
    assert (details.value, details.error_code, details.error_message) == (False, ErrorCode.GENERAL, message)


def test_a_throttled_client_waits_as_long_as_it_is_told() -> None:
    with serve_service(definitions=ThrottledDefinitions()) as (url, _):
        client = connect(url)
        assert client.get_boolean_details("boolean", False).error_message == "Rate limited, retry after: 7"
        paused = client.get_boolean_details("boolean", False).error_message or ""
        assert paused.startswith("OFREP evaluation paused")


# What clients do not show: the protocol itself.


def post(url: str, path: str = "", body: Any = None, **headers: str) -> requests.Response:
    sent = {
        "Authorization": f"Bearer {KEY}",
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    data = body if isinstance(body, bytes) else json.dumps(body)
    return requests.post(f"{url}/ofrep/v1/evaluate/flags{path}", data, headers=sent, timeout=5)


def bulk(url: str, context: dict[str, Any], **headers: str) -> requests.Response:
    return post(url, "", {"context": context}, **headers)


def test_a_bulk_answers_every_flag_though_one_fails(url: str) -> None:
    flags = bulk(url, {"targetingKey": "u1"}).json()["flags"]
    failed = [flag for flag in flags if "errorCode" in flag]
    answered = [flag["key"] for flag in flags if flag not in failed]
    assert answered == sorted(set(FLAGS) - {"by-account"})
    assert [(flag["key"], flag["errorCode"]) for flag in failed] == [("by-account", "TARGETING_KEY_MISSING")]
    assert all(
        {"key", "value", "reason", "variant", "metadata"} <= set(flag) for flag in flags if flag not in failed
    )


def test_the_etag_covers_definitions_and_context(url: str) -> None:
    first = bulk(url, {"targetingKey": "u1", "country": "FR"})
    assert bulk(url, {"targetingKey": "u1", "country": "FR"}).headers["ETag"] == first.headers["ETag"]
    changed = bulk(url, {"targetingKey": "u1", "country": "DE"}, If_None_Match=first.headers["ETag"])
    assert changed.status_code == 200
    assert changed.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize("form", ['"{}"', "{}", 'W/"{}"', '"other", "{}"', "*"])
def test_an_answer_that_the_caller_holds_is_304_without_a_body(url: str, form: str) -> None:
    tag = bulk(url, {"targetingKey": "u1"}).headers["ETag"].strip('"')
    same = bulk(url, {"targetingKey": "u1"}, If_None_Match=form.format(tag))
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["ETag"] == f'"{tag}"'
    assert same.headers["Access-Control-Expose-Headers"] == "ETag,Retry-After"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "PARSE_ERROR"),
        (b"[]", "PARSE_ERROR"),
        (b'{"context": {"a": NaN}}', "PARSE_ERROR"),
        (b"\xff", "PARSE_ERROR"),
        ({"context": None}, "INVALID_CONTEXT"),
        ({"context": "x"}, "INVALID_CONTEXT"),
        ({"context": {"targetingKey": 7}}, "INVALID_CONTEXT"),
        ({"context": {"targetingKey": "a\nb"}}, "INVALID_CONTEXT"),
        ({"context": {"targetingKey": "\ud800"}}, "INVALID_CONTEXT"),
        ({"context": {"targetingKey": "u1", "a": "x" * 40_000}}, "INVALID_CONTEXT"),
    ],
)
@pytest.mark.parametrize("path", ["/half", ""])
def test_a_bad_request_is_400_in_the_protocols_shape(url: str, path: str, body: Any, code: str) -> None:
    answer = post(url, path, body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"key", "errorCode", "errorDetails"}
    assert (answer.json()["key"], answer.json()["errorCode"]) == (path.strip("/"), code)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"context": {}}', b'{"context": {"targetingKey": ""}}'])
def test_a_missing_targeting_key_is_named(url: str, body: bytes) -> None:
    answer = post(url, "/half", body)
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "TARGETING_KEY_MISSING")
    assert post(url, "/boolean", body).json()["value"] is True


def test_errors_of_the_gateway_have_the_protocols_shape_and_browsers_may_read_them(url: str) -> None:
    for key, status in (("", 401), (make_key("wrong"), 403)):
        answer = requests.post(f"{url}/ofrep/v1/evaluate/flags", headers={"Authorization": key}, timeout=5)
        assert answer.status_code in (status, 403)
        assert set(answer.json()) == {"key", "errorCode", "errorDetails"}
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_browser_may_send_what_the_web_client_sends(url: str) -> None:
    answer = requests.options(f"{url}/ofrep/v1/evaluate/flags", timeout=5)
    allowed = answer.headers["Access-Control-Allow-Headers"].lower().split(",")
    assert {"authorization", "content-type", "if-none-match", "x-api-key"} <= set(allowed)


def test_a_throttled_answer_says_when_to_come_back_in_whole_seconds() -> None:
    with serve_service(definitions=ThrottledDefinitions()) as (url, _):
        answer = bulk(url, {})
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
        assert answer.json()["errorCode"] == "GENERAL"


def test_what_was_asked_is_tracked_once_and_nobody_is_not() -> None:
    with serve_service() as (url, service):
        publish_all(service)
        for _ in range(3):
            assert bulk(url, {"targetingKey": "u1"}).status_code == 200
            assert bulk(url, {}).status_code == 200
        service.plane.tracker.flush()
        evaluations = [(event["user_id"], event["flag_key"]) for event in service.stream.events]
        assert len(evaluations) == len(set(evaluations)) == 8
        assert {user for user, _ in evaluations} == {"u1"}


def test_a_published_change_changes_answer_and_etag() -> None:
    with serve_service(Settings(definitions_check=0, demo_key=KEY)) as (url, service):
        publish_all(service)
        before = bulk(url, {"targetingKey": "u1"})
        service.publish_flag("boolean", type="boolean", enabled=False)
        after = bulk(url, {"targetingKey": "u1"}, If_None_Match=before.headers["ETag"])
        assert after.status_code == 200
        assert {flag["key"]: flag.get("reason") for flag in after.json()["flags"]}["boolean"] == "DISABLED"
