import json

import pytest
from chalice.app import Request

from chalicelib.api import events
from chalicelib.api.http import get_status
from chalicelib.api.models import AssignRequest
from chalicelib.api.requests import MAX_BODY_BYTES, read_json, read_query, validate_request
from chalicelib.domain.errors import InvalidInput, RealtimeError, TooLarge


def request(
    body: str | bytes | None = None,
    query: dict[str, list[str]] | None = None,
    content_type: str | None = "application/json",
) -> Request:
    return Request(
        {
            "multiValueQueryStringParameters": query,
            "headers": {"content-type": content_type} if content_type else {},
            "pathParameters": None,
            "requestContext": {"httpMethod": "POST", "resourcePath": "/assign"},
            "body": body,
            "stageVariables": None,
        }
    )


def test_a_json_object_is_read() -> None:
    assert read_json(request('{"user_id": "ü", "n": 1.0}')) == {"user_id": "ü", "n": 1.0}


@pytest.mark.parametrize(
    "declared",
    ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json ;x"],
)
def test_every_way_to_declare_json_is_understood(declared: str) -> None:
    assert read_json(request("{}", content_type=declared)) == {}


def test_integers_keep_their_precision_and_floats_their_type() -> None:
    data = read_json(request('{"big": 12345678901234567890123, "one": 1.0}'))
    assert data["big"] == 12345678901234567890123
    assert type(data["one"]) is float


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"[]",
        b'"text"',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'\xff\xfe{"a": 1}',
        b'{"a": 1}}',
        b"[" * 200_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_json(request(body))
    assert refused.value.code == "invalid_json"
    assert refused.value.details[0].path == "body"


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json-patch+json",
        "application/jsonx",
    ],
)
def test_another_content_type_is_refused_with_the_fix(content_type: str | None) -> None:
    with pytest.raises(RealtimeError, match="Content-Type must be application/json, not ") as refused:
        read_json(request("{}", content_type=content_type))
    assert get_status(refused.value) == 415
    assert [problem.path for problem in refused.value.details] == ["Content-Type"]


def test_a_large_body_is_refused_with_the_limit() -> None:
    with pytest.raises(TooLarge, match=str(MAX_BODY_BYTES)) as refused:
        read_json(request(json.dumps({"context": "x" * MAX_BODY_BYTES})))
    assert [problem.path for problem in refused.value.details] == ["body"]


def test_a_body_of_events_may_be_larger() -> None:
    body = json.dumps({"events": ["x" * 1000] * 500})
    assert len(body) > MAX_BODY_BYTES
    assert len(events.read_events(request(body))["events"]) == 500
    with pytest.raises(TooLarge, match=str(events.MAX_BODY_BYTES)):
        events.read_events(request("x" * (events.MAX_BODY_BYTES + 1)))


def test_a_query_is_read_like_a_body() -> None:
    query = {"user_id": ["u"], "context": ['{"country": "DE"}']}
    assert read_query(request(query=query)) == {"user_id": "u", "context": {"country": "DE"}}


def test_a_context_in_a_query_must_be_a_json_object() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_query(request(query={"context": ["country=DE"]}))
    assert refused.value.details[0].path == "context"


def test_every_wrong_field_is_named() -> None:
    with pytest.raises(InvalidInput) as refused:
        validate_request(AssignRequest, {"user_id": 7, "context": []})
    assert {problem.path for problem in refused.value.details} == {"user_id", "experiment_key", "context"}
