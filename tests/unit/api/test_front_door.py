"""Events of AWS's documentation, of each gateway that is no REST API, answered by the whole application."""

import base64
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

import app as application
from chalicelib.api import events
from chalicelib.api.application import Application
from chalicelib.api.front_door import LOAD_BALANCER_BYTES
from chalicelib.domain.errors import Throttled
from chalicelib.domain.keys import SCOPES, grant
from tests.support.api_keys import make_key, store_key
from tests.support.openfeature_flags import publish_all
from tests.support.service import KEY, WITHOUT_SCOPES, Service, run_service

AUTHORIZATION = {"authorization": f"Bearer {KEY}"}
FLAG = {"user_id": "u 1", "flag_key": "string"}
Event = dict[str, Any]


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with run_service() as service:
        publish_all(service)
        yield service


def payload_2(method: str, path: str, query: str = "", route: str = "$default", **fields: Any) -> Event:
    """As docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html"""
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": query,
        "cookies": ["cookie1", "cookie2"],
        "headers": {**AUTHORIZATION, "content-type": "application/json"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api-id",
            "domainName": "id.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "id",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "requestId": "id",
            "routeKey": route,
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1583348638390,
        },
        "isBase64Encoded": False,
        **fields,
    }


def balanced(method: str, path: str, query: dict[str, str] | None = None, **fields: Any) -> Event:
    """As docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html"""
    group = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/my-target-group/6d0ecf831eec9f09"
    return {
        "requestContext": {"elb": {"targetGroupArn": group}},
        "httpMethod": method,
        "path": path,
        "queryStringParameters": query or {},
        "headers": {**AUTHORIZATION, "content-type": "application/json", "x-forwarded-proto": "https"},
        "body": "",
        "isBase64Encoded": False,
        **fields,
    }


def rest(method: str, path: str) -> Event:
    absent = dict.fromkeys(("multiValueQueryStringParameters", "pathParameters", "stageVariables", "body"))
    return {"requestContext": {"resourcePath": path, "httpMethod": method}, "headers": {}, **absent}


def multiple(event: Event) -> Event:
    """The same event of a target group with multi-value headers."""
    event = dict(event)
    headers, query = event.pop("headers"), event.pop("queryStringParameters")
    lists = {name: [value] for name, value in headers.items()}
    values = {name: ["first", value] for name, value in query.items()}
    return event | {"multiValueHeaders": lists, "multiValueQueryStringParameters": values}


def invoke(event: Event, function: str = "app") -> Event:
    """Other tests may have given the app the class of `chalice local`, so it is not called itself."""
    if function == "app":
        returned: Event = Application.answer(application.app, event, None)
    else:
        returned = getattr(application, function)(event, None)
    return returned


def answer(event: Event, function: str = "app") -> tuple[int, Any]:
    """Status and body of what ``function`` returns for ``event``, which passes through JSON as in Lambda."""
    returned = json.loads(json.dumps(invoke(json.loads(json.dumps(event)), function)))
    assert returned["isBase64Encoded"] is False
    return returned["statusCode"], json.loads(returned["body"] or "null")


@pytest.mark.parametrize("function", ["app", "feature_flags"])
@pytest.mark.parametrize(
    "event",
    [
        payload_2("POST", "/flags/evaluate", body=json.dumps(FLAG)),
        payload_2("POST", "/flags/evaluate", route="ANY /flags/evaluate", body=json.dumps(FLAG)),
        payload_2("GET", "/flags/evaluate", "user_id=no&user_id=u%201&flag_key=string"),
        payload_2("GET", "/flags/evaluate", "user_id=u+1&flag_key=string&context=%7B%22a%22%3A%22%2C%22%7D"),
        balanced("POST", "/flags/evaluate", body=json.dumps(FLAG)),
        balanced("POST", "/flags/evaluate/", body=json.dumps(FLAG)),
        balanced("GET", "/flags/evaluate", {"user%5Fid": "u%201", "flag_key": "string"}),
        multiple(balanced("POST", "/flags/evaluate", body=json.dumps(FLAG))),
        multiple(balanced("GET", "/flags/evaluate", {"user_id": "u+1", "flag_key": "string"})),
        balanced(
            "POST",
            "/flags/evaluate",
            body=base64.b64encode(json.dumps(FLAG).encode()).decode(),
            isBase64Encoded=True,
        ),
    ],
)
def test_each_shape_is_answered_by_each_function(service: Service, event: Event, function: str) -> None:
    status, body = answer(event, function)
    assert (status, body["value"]) == (200, "grün")


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (payload_2("POST", "/ofrep/v1/evaluate/flags/gr%C3%BCn%2F1", body="{}"), "grün/1"),
        (balanced("POST", "/ofrep/v1/evaluate/flags/gr%C3%BCn%2F1", body="{}"), "grün/1"),
        (
            payload_2(
                "POST",
                "/ofrep/v1/evaluate/flags/50%25",
                route="ANY /ofrep/v1/evaluate/flags/{key}",
                pathParameters={"key": "50%25 ü"},  # an HTTP API has decoded all but %25
                body="{}",
            ),
            "50% ü",
        ),
    ],
)
def test_parameters_of_the_path_are_decoded_once(service: Service, event: Event, key: str) -> None:
    status, body = answer(event)
    assert (status, body["errorCode"], body["key"]) == (404, "FLAG_NOT_FOUND", key)


SHAPES = [payload_2, balanced]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("GET", "/nowhere", {}, 404, "not_found"),
        ("POST", "/ofrep/v1/evaluate/flags/a/b", {}, 404, "GENERAL"),
        ("GET", "/experiments/{key}", {}, 404, "not_found"),
        ("PUT", "/assign", {}, 405, "method_not_allowed"),
        ("GET", "/assign", {}, 401, "unauthorized"),
        ("GET", "/assign", {"authorization": ""}, 401, "unauthorized"),
        ("GET", "/assign", {"authorization": "Basic rt_local_demo"}, 403, "forbidden"),
        ("GET", "/assign", {"authorization": f"Bearer {WITHOUT_SCOPES}"}, 403, "forbidden"),
        ("POST", "/ofrep/v1/evaluate/flags/x", {}, 401, "GENERAL"),
    ],
)
def test_what_a_rest_api_refuses_is_refused_in_the_same_shape(
    service: Service, shape: Any, method: str, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    returned = invoke(shape(method, path, headers=headers))
    body = json.loads(returned["body"])
    assert (returned["statusCode"], body["errorCode"] if "errorCode" in body else body["error"]["code"]) == (
        status,
        code,
    )
    assert returned["headers"]["Access-Control-Allow-Origin"] == "*"
    assert ("WWW-Authenticate" in returned["headers"]) is (status == 401)
    if status == 405:
        assert returned["headers"]["Allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_preflight_needs_no_key(service: Service, shape: Any) -> None:
    returned = invoke(shape("OPTIONS", "/assign", headers={}))
    assert (returned["statusCode"], returned["body"]) == (200, "")
    assert returned["headers"]["Access-Control-Allow-Methods"] == "GET,HEAD,POST,OPTIONS"
    assert "Traceparent" in returned["headers"]["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("shape", SHAPES)
def test_no_request_makes_the_route_table_grow(service: Service, shape: Any) -> None:
    before = dict(application.app.routes)
    for path in (
        "/a",
        "/b",
        "/assign/x",
        "/experiments/{key}/results",
        "//",
        "",
        "/ofrep/v1/evaluate/flags/a/b",
    ):
        for method in ("GET", "POST", "OPTIONS", "PURGE"):
            invoke(shape(method, path))
            invoke(rest(method, path))
    assert dict(application.app.routes) == before


@pytest.mark.parametrize(
    "event",
    [
        {"requestContext": {"elb": {}}},
        {"requestContext": {"elb": None}, "httpMethod": "GET", "path": "/assign"},
        {"requestContext": {"elb": {}}, "httpMethod": "GET", "path": None, "headers": {}},
        {"requestContext": {"elb": {}}, "httpMethod": "GET", "path": "/assign", "multiValueHeaders": ["a"]},
        {"version": "2.0", "requestContext": {"http": None}},
        {"version": "2.0", "requestContext": {"http": {}}, "rawPath": "/assign", "headers": {}},
        payload_2("GET", "/assign", headers=None),
        balanced("GET", "/assign", headers=["a"]),
    ],
)
def test_a_malformed_event_is_a_bad_request(service: Service, event: Event) -> None:
    status, body = answer(event)
    assert (status, body["error"]["code"]) == (400, "bad_request")


def test_an_authorizer_that_fails_is_logged_without_the_key(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    event = balanced("GET", "/assign", headers={"authorization": f"Bearer {make_key('unlucky')}"})
    with run_service() as broken:
        broken.keys.get = fail  # type: ignore[method-assign]
        status, body = answer(event)
    assert (status, body["error"]["code"]) == (500, "internal_error")
    assert "LookupError in authorizer" in caplog.text
    assert "unlucky" not in caplog.text


def test_an_authorizer_whose_stores_are_away_says_so(service: Service) -> None:
    def raise_throttled(_: str) -> None:
        raise Throttled(2)

    event = payload_2("GET", "/assign", headers={"authorization": f"Bearer {make_key('unlucky')}"})
    with run_service() as broken:
        broken.keys.get = raise_throttled  # type: ignore[method-assign,assignment]
        status, body = answer(event)
    assert (status, body["error"]["code"]) == (429, "throttled")


def fail(key_id: str) -> Any:
    raise LookupError(key_id)


def test_a_public_key_sees_only_what_clients_may_see(service: Service) -> None:
    with run_service() as other:
        other.publish_flag("secret", type="boolean", client_visible=False)
        body = json.dumps({"user_id": "u", "flag_key": "secret"})
        other.keys.put(store_key("flags:client", name="web"))
        for key, status in ((make_key("web"), 404), (KEY, 200)):
            event = payload_2("POST", "/flags/evaluate", body=body)
            event["headers"]["authorization"] = f"Bearer {key}"
            assert answer(event)[0] == status


def test_a_target_group_with_multiple_values_gets_its_headers_as_lists(service: Service) -> None:
    returned = invoke(multiple(balanced("GET", "/health")))
    assert returned["multiValueHeaders"]["Content-Type"] == ["application/json"]
    assert returned["multiValueHeaders"]["Access-Control-Allow-Origin"] == ["*"]


def send(events_body: bytes, shape: Any, **headers: str) -> tuple[int, Any]:
    encoded = base64.b64encode(events_body).decode()
    all_headers = {**AUTHORIZATION, "content-type": "application/json", **headers}
    return answer(shape("POST", "/events", headers=all_headers, body=encoded, isBase64Encoded=True))


def test_behind_a_load_balancer_a_body_has_one_megabyte_as_sent(service: Service) -> None:
    one = {"event_type": "view", "user_id": "u", "timestamp": "2026-11-01T00:00:00Z"}
    padded = [{**one, "properties": {"text": "x" * 200_000}} for _ in range(6)]
    body = json.dumps({"events": padded}).encode()
    assert LOAD_BALANCER_BYTES < len(body) < events.MAX_BODY_BYTES
    status, refused = send(body, balanced)
    assert (status, refused["error"]["code"]) == (413, "too_large")
    assert f"the load balancer takes {LOAD_BALANCER_BYTES}" in refused["error"]["message"]
    assert send(body, payload_2)[0] == 202
    assert send(gzip.compress(body), balanced, **{"content-encoding": "gzip"})[0] == 202


def test_an_answer_that_a_load_balancer_would_drop_says_so() -> None:
    with run_service() as service:
        for number in range(3):
            value = {"text": "x" * 400_000}
            variants = [{"key": "only", "value": value}]
            service.publish_flag(
                f"f{number}", type="object", default_variant="only", variants=variants, rollout_percentage=100
            )
        body = json.dumps({"user_id": "u"})
        status, refused = answer(balanced("POST", "/flags/evaluate/batch", body=body))
        assert (status, refused["error"]["code"]) == (400, "answer_too_large")
        assert str(LOAD_BALANCER_BYTES) in refused["error"]["message"]
        assert answer(payload_2("POST", "/flags/evaluate/batch", body=body))[0] == 200
        few = json.dumps({"user_id": "u", "flag_keys": ["f1"]})
        assert answer(balanced("POST", "/flags/evaluate/batch", body=few))[0] == 200


def test_every_guarded_route_is_opened_by_a_scope() -> None:
    guarded = {
        path
        for path, methods in application.app.routes.items()
        if any(m.authorizer for m in methods.values())
    }
    key = grant("all", SCOPES)
    assert all(map(key.opens, guarded))


def test_an_event_that_no_gateway_sends_is_chalices() -> None:
    assert invoke({"requestContext": {}})["statusCode"] == 500
