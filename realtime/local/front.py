"""Other gateways than a REST API in front of the app, each with the events that AWS documents.

An HTTP API matches the route and decodes all of the path but %25. A function URL leaves the path as it is.
A load balancer decodes nothing, and sends single or, if its target group says so, multiple values.
"""

import base64
import json
import uuid
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args
from urllib.parse import parse_qsl, unquote

from chalice.app import Chalice
from chalice.local import LambdaContext, RouteMatcher

from chalicelib.api.requests import get_media_type
from realtime.local.gateway import Answer, Gateway
from realtime.local.limits import Limits

Front: TypeAlias = Literal["rest", "http", "url", "alb", "alb-multi"]
FRONTS: tuple[Front, ...] = get_args(Front)
LOAD_BALANCER_BYTES = 1024 * 1024
_TEXTS = ("application/json", "application/javascript", "application/xml")
_FUNCTION = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/realtime-local/1"
Event: TypeAlias = dict[str, Any]


def build_gateway(app: Chalice, front: Front) -> Gateway:
    return Gateway(app) if front == "rest" else FrontGateway(app, front)


class FrontGateway(Gateway):
    """Passes each request to the app as an event, without a look at routes and keys."""

    def __init__(self, app: Chalice, front: Front) -> None:
        super().__init__(app)
        self._front = front

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        if self._front.startswith("alb") and len(body or b"") > LOAD_BALANCER_BYTES:
            page = b"<html><head><title>413 Request Entity Too Large</title></head></html>"
            return Answer(413, {"Content-Type": "text/html"}, page)
        event = json.loads(json.dumps(self.build_event(method, path, headers, body)))
        milliseconds = int(1000 * Limits().get_function_seconds(path))
        context = LambdaContext("local", memory_size=1024, max_runtime_ms=milliseconds)
        answer = json.loads(json.dumps(self._app(event, context)))
        sent = answer["headers"]
        if self._front == "alb-multi":
            sent = {name: ", ".join(values) for name, values in answer["multiValueHeaders"].items()}
        text = answer["body"]
        return Answer(
            answer["statusCode"], sent, base64.b64decode(text) if answer["isBase64Encoded"] else text.encode()
        )

    def build_event(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Event:
        route, _, query = path.partition("?")
        lower = {name.lower(): value for name, value in headers.items()}
        if self._front in ("http", "url"):
            return self._build_payload_2(method, route, query, lower, body)
        return self._build_balanced(method, route, query, lower, body)

    def _build_payload_2(
        self, method: str, path: str, query: str, headers: dict[str, str], body: bytes | None
    ) -> Event:
        key, parameters = "$default", None
        if self._front == "http":
            path = "%25".join(unquote(part) for part in path.split("%25"))
            key, parameters = self._match_route(path)
        joined: dict[str, str] = {}
        for name, value in parse_qsl(query, keep_blank_values=True):
            joined[name] = f"{joined[name]},{value}" if name in joined else value
        event: Event = {
            "version": "2.0",
            "routeKey": key,
            "rawPath": path,
            "rawQueryString": query,
            "headers": headers,
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "local",
                "domainName": "local.example.com",
                "http": {
                    "method": method,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": headers.get("user-agent", ""),
                },
                "requestId": uuid.uuid4().hex,
                "routeKey": key,
                "stage": "$default",
                "timeEpoch": 0,
            },
            **_encode_body(headers, body),
        }
        if joined:
            event["queryStringParameters"] = joined
        if parameters:
            event["pathParameters"] = parameters
        if event["body"] is None:
            del event["body"]
        return event

    def _match_route(self, path: str) -> tuple[str, dict[str, str] | None]:
        if path.endswith("/"):
            return "$default", None
        try:
            found = RouteMatcher.match_route(self._routes, path)  # which decodes nothing
        except ValueError:
            return "$default", None
        return f"ANY {found.route}", found.captured

    def _build_balanced(
        self, method: str, path: str, query: str, headers: dict[str, str], body: bytes | None
    ) -> Event:
        pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
        values: dict[str, list[str]] = {}
        for name, value in pairs:
            values.setdefault(name, []).append(value)
        event: Event = {
            "requestContext": {"elb": {"targetGroupArn": _FUNCTION}},
            "httpMethod": method,
            "path": path,
            **_encode_body(headers, body),
        }
        event["body"] = event["body"] or ""
        if self._front == "alb":
            return event | {"headers": headers, "queryStringParameters": dict(pairs)}
        lists = {name: [value] for name, value in headers.items()}
        return event | {"multiValueHeaders": lists, "multiValueQueryStringParameters": values}


def _encode_body(headers: Mapping[str, str], body: bytes | None) -> Event:
    """As text only if it is declared as text, and not as compressed."""
    if body is None:
        return {"body": None, "isBase64Encoded": False}
    media_type = get_media_type(headers.get("content-type", ""))
    is_text = media_type.startswith("text/") or media_type in _TEXTS
    if is_text and "content-encoding" not in headers:
        return {"body": body.decode(errors="replace"), "isBase64Encoded": False}
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
