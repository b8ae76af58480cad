"""What the local gateways do that the app does not see."""

import app as application
from realtime.local.front import LOAD_BALANCER_BYTES, FrontGateway, build_gateway


def test_a_load_balancer_answers_a_page_to_a_body_over_one_megabyte() -> None:
    gateway = build_gateway(application.app, "alb")
    body = b"x" * (LOAD_BALANCER_BYTES + 1)
    answer = gateway.answer("POST", "/events", {"Content-Type": "application/json"}, body)
    assert (answer.status, answer.headers["Content-Type"]) == (413, "text/html")
    assert gateway.answer("POST", "/events", {"Content-Type": "application/json"}, body[1:]).status == 401


def test_events_are_as_aws_documents_them() -> None:
    path, headers = "/ofrep/v1/evaluate/flags/gr%C3%BCn?a=1%2C2&a=3&b", {"Content-Type": "text/plain"}

    def build(front: object) -> dict[str, object]:
        return FrontGateway(application.app, front).build_event("POST", path, headers, b"{}")  # type: ignore[arg-type]

    http, url = build("http"), build("url")
    assert (http["routeKey"], http["pathParameters"]) == (
        "ANY /ofrep/v1/evaluate/flags/{key}",
        {"key": "grün"},
    )
    assert (http["rawPath"], url["rawPath"]) == (
        "/ofrep/v1/evaluate/flags/grün",
        "/ofrep/v1/evaluate/flags/gr%C3%BCn",
    )
    assert http["rawQueryString"] == "a=1%2C2&a=3&b"
    assert http["queryStringParameters"] == {"a": "1,2,3", "b": ""}
    assert (url["routeKey"], "pathParameters" in url) == ("$default", False)
    single, multiple = build("alb"), build("alb-multi")
    assert single["queryStringParameters"] == {"a": "3", "b": ""}
    assert "multiValueHeaders" not in single
    assert multiple["multiValueQueryStringParameters"] == {"a": ["1%2C2", "3"], "b": [""]}
    assert multiple["multiValueHeaders"] == {"content-type": ["text/plain"]}
    assert "headers" not in multiple
