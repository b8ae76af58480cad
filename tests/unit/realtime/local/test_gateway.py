"""The errors that API Gateway makes, in the shape of the API."""

import json

import pytest

from realtime.local.gateway import Answer, Gateway
from tests.support.http_app import build_http_app


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(build_http_app())


def code(answer: Answer) -> str:
    error = json.loads(answer.body)["error"]
    assert set(error) == {"code", "message", "details"}
    assert error["details"] == []
    return str(error["code"])


@pytest.mark.parametrize(
    ("request_line", "key", "status", "expected"),
    [
        ("GET /nowhere", None, 404, "not_found"),
        ("GET /nowhere", "Bearer good", 404, "not_found"),
        ("DELETE /echo/a", None, 405, "method_not_allowed"),
        ("GET /guarded", None, 401, "unauthorized"),
        ("GET /guarded", "Bearer bad", 403, "forbidden"),
        ("GET /other", "Bearer good", 403, "forbidden"),
        ("GET /guarded", "Bearer broken", 500, "internal_error"),
    ],
)
def test_refusals_are_in_the_shape_of_the_api_and_readable_by_browsers(
    gateway: Gateway, request_line: str, key: str | None, status: int, expected: str
) -> None:
    method, path = request_line.split()
    answer = gateway.answer(method, path, {"Authorization": key} if key else {}, None)
    assert (answer.status, code(answer)) == (status, expected)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert ("WWW-Authenticate" in answer.headers) is (status == 401)


def test_under_ofrep_refusals_are_in_the_shape_of_ofrep(gateway: Gateway) -> None:
    answer = gateway.answer("POST", "/ofrep/v1/evaluate/flags", {}, b"{}")
    assert answer.status == 401
    assert set(json.loads(answer.body)) == {"key", "errorCode", "errorDetails"}


def test_a_wrong_method_is_told_the_right_ones(gateway: Gateway) -> None:
    assert gateway.answer("PUT", "/echo/a", {}, b"").headers["Allow"] == "GET, HEAD, OPTIONS, POST"


def test_a_key_with_the_route_passes(gateway: Gateway) -> None:
    for path in ("/guarded", "/guarded?x=1", "/guarded/", "/guarded/?x=1"):
        answer = gateway.answer("GET", path, {"Authorization": "Bearer good"}, None)
        assert (answer.status, answer.body) == (200, b"open")


def test_a_preflight_needs_no_key(gateway: Gateway) -> None:
    answer = gateway.answer("OPTIONS", "/guarded", {}, None)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Access-Control-Allow-Methods"] == "GET,OPTIONS"


def test_nothing_of_a_failing_authorizer_reaches_the_log(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.answer("GET", "/guarded", {"Authorization": "Bearer broken"}, None)
    assert "RuntimeError at http_app.py" in caplog.text
    assert "Bearer" not in caplog.text


@pytest.mark.parametrize("path", ["//x/echo/a", "/echo/a;b/c", "/echo/", "/echo//", "/guarded;x"])
def test_a_path_is_taken_as_it_is(gateway: Gateway, path: str) -> None:
    assert gateway.answer("GET", path, {"Authorization": "Bearer good"}, None).status == 404


def test_only_percent_signs_mean_something_in_a_parameter(gateway: Gateway) -> None:
    for written, read in (("a;b", "a;b"), ("a%23b", "a#b"), ("%2F", "/"), ("a+b", "a+b")):
        answer = gateway.answer("GET", f"/echo/{written}", {}, None)
        assert json.loads(answer.body)["name"] == read
