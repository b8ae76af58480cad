import json
from typing import Any

import pytest
from chalice.app import Request, Response

from chalicelib.api import events
from chalicelib.api.http import (
    MAX_BODY_BYTES,
    get_status,
    json_view,
    read_json,
    read_query,
    validate_request,
)
from chalicelib.api.models import AssignRequest
from chalicelib.domain.errors import (
    InvalidInput,
    NotFound,
    RealtimeError,
    StorageUnavailable,
    Throttled,
    TooLarge,
)
from chalicelib.stores.resilience import OutOfTime


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


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInput("invalid_request", "No."), 400),
        (NotFound("flag_not_found", "None."), 404),
        (TooLarge("too_large", "Big."), 413),
        (Throttled(3), 429),
        (StorageUnavailable(), 500),
        (OutOfTime(), 500),
    ],
)
def test_an_error_has_its_status_and_shape(error: RealtimeError, status: int) -> None:
    @json_view
    def view() -> Any:
        raise error

    response: Response = view()
    assert response.status_code == status
    assert json.loads(response.body)["error"]["code"] == error.code
    assert (response.headers.get("Retry-After") == "3") is (status == 429)


def test_an_unexpected_error_is_logged_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    user = "user-" + str(42)

    @json_view
    def view() -> Any:
        raise RuntimeError(f"{user} has no such thing")

    response: Response = view()
    assert response.status_code == 500
    assert json.loads(response.body)["error"]["code"] == "internal_error"
    assert "RuntimeError" in caplog.text
    assert "user-42" not in caplog.text
