"""Requests from an HTTP API, a function URL or a load balancer, as the events of a REST API.

A REST API routes, asks the authorizer and answers preflights itself. Behind the others it is done here, in
the process. docs/adr/026-front-doors.md says why there is one adapter for all of them.
"""

import base64
import gzip
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote, unquote_plus

from chalice.app import CORSConfig

from chalicelib.api.http import get_error_headers, get_status, log_unexpected, make_auth_context
from chalicelib.api.refusals import build_refusal_headers, render_refusal
from chalicelib.domain.errors import RealtimeError
from chalicelib.domain.keys import Access

Event: TypeAlias = dict[str, Any]
LOAD_BALANCER_BYTES = 1_000_000
"""Of a body, and of an answer as JSON: AWS says 1 MB. Beyond that, a load balancer answers a page of HTML."""

LARGE_BYTES = LOAD_BALANCER_BYTES // 8
"""Answers of more are compressed. A REST API does it itself, from 1 KB on; these gateways never do."""
COMPRESSION = 3


class FrontDoor:
    """``routes`` are Chalice's. ``authorize`` decides about the header Authorization."""

    def __init__(
        self,
        routes: Mapping[str, Mapping[str, Any]],
        cors: CORSConfig,
        authorize: Callable[[str], Access],
    ) -> None:
        self._routes = routes
        self._static = {path for path in routes if "{" not in path}
        self._patterns = [
            (re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))).fullmatch, path)
            for path in routes
            if "{" in path
        ]
        self._cors, self._authorize = cors, authorize

    @staticmethod
    def takes(event: Event) -> bool:
        """Whether another gateway than a REST API sent ``event``. No request can imitate its context."""
        context = event.get("requestContext")
        return isinstance(context, dict) and ("elb" in context or ("http" in context and "version" in event))

    def answer(self, event: Event, handle: Callable[[Event], Event]) -> Event:
        """What the gateway that sent ``event`` expects; ``handle`` answers the event of a REST API."""
        is_balanced = "elb" in event["requestContext"]
        try:
            method, path, adapted = _read_balanced(event) if is_balanced else _read_payload_2(event)
        except (AttributeError, KeyError, TypeError):
            return self._refuse(400, "")
        answer = self._route(event, method, path, adapted) or handle(adapted)
        answer["isBase64Encoded"] = False
        if len(answer["body"]) > LARGE_BYTES:
            if "gzip" in adapted["headers"].get("accept-encoding", ""):
                _compress(answer)
            if is_balanced:
                answer = self._check_size(answer, path)
        if not is_balanced:
            return answer
        if "multiValueHeaders" in event:  # then the balancer ignores `headers`
            answer["multiValueHeaders"] = {name: [value] for name, value in answer["headers"].items()}
        return answer

    def _route(self, event: Event, method: str, path: str, adapted: Event) -> Event | None:
        """Complete ``adapted``, or return the answer to a request that reaches no view."""
        route, adapted["pathParameters"] = self._find_route(event, path)
        if route is None:
            return self._refuse(404, path)
        methods, context = self._routes[route], adapted["requestContext"]
        context["resourcePath"] = route
        if method not in methods:
            if method == "OPTIONS":
                return self._answer_preflight([each for each in methods if methods[each].cors], method)
            return self._refuse(405, path, {"Allow": ", ".join(sorted({*methods, "OPTIONS"}))})
        if methods[method].authorizer is None:
            return None
        header = adapted["headers"].get("authorization")
        if not header:
            return self._refuse(401, path)
        try:
            access = self._authorize(header)
        except RealtimeError as error:
            return self._refuse(
                get_status(error), path, get_error_headers(error), (error.code, error.message)
            )
        except Exception as error:  # noqa: BLE001 - an authorizer that fails is a 500, whatever it raised
            log_unexpected("authorizer", error)
            return self._refuse(500, path)
        if not access.opens(route):
            return self._refuse(403, path)
        context["authorizer"] = {"principalId": access.principal, **make_auth_context(access)}
        return None

    def _find_route(self, event: Event, path: str) -> tuple[str | None, dict[str, str] | None]:
        """The pattern, never a raw path, and its parameters, decoded."""
        key = event.get("routeKey", "$default")
        if key != "$default":  # an HTTP API has found the route, and decoded all escapes but %25
            route = key.partition(" ")[2]
            if route in self._routes:
                parameters = event.get("pathParameters") or {}
                return route, {name: value.replace("%25", "%") for name, value in parameters.items()}
        if path in self._static:
            return path, None
        for match, route in self._patterns:
            if found := match(path):
                return route, {name: unquote(value) for name, value in found.groupdict().items()}
        return None, None

    def _answer_preflight(self, shared: list[str], method: str) -> Event:
        """``shared``: methods that pages of other origins may use. Without any, no origin is allowed."""
        headers = self._cors.get_access_control_headers() if shared else {}
        headers["Access-Control-Allow-Methods"] = ",".join([*shared, method])
        return {"statusCode": 200, "headers": headers, "body": ""}

    def _check_size(self, answer: Event, path: str) -> Event:
        size = len(json.dumps(answer, ensure_ascii=False).encode())
        if size <= LOAD_BALANCER_BYTES:
            return answer
        limit = f"a load balancer passes on {LOAD_BALANCER_BYTES}"
        message = f"The answer has {size} bytes; {limit}. Ask for fewer keys."
        return self._refuse(400, path, error=("answer_too_large", message))

    def _refuse(
        self,
        status: int,
        path: str,
        headers: Mapping[str, str] | None = None,
        error: tuple[str, str] | None = None,
    ) -> Event:
        all_headers = build_refusal_headers(status, self._cors.get_access_control_headers())
        body = render_refusal(status, path, error)
        all_headers |= headers or {}
        return {"statusCode": status, "headers": all_headers, "body": body, "isBase64Encoded": False}


def _compress(answer: Event) -> None:
    packed = gzip.compress(answer["body"].encode(), COMPRESSION, mtime=0)
    answer["body"], answer["isBase64Encoded"] = base64.b64encode(packed).decode(), True
    answer["headers"] |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}


def _read_balanced(event: Event) -> tuple[str, str, Event]:
    """Method, path and adapted event. A load balancer decodes neither path nor query."""
    method, path = event["httpMethod"], event["path"]
    if "multiValueHeaders" in event:
        headers: Any = {name: values[-1] for name, values in event["multiValueHeaders"].items()}
        query = (event.get("multiValueQueryStringParameters") or {}).items()
    else:
        headers = event["headers"]
        query = ((name, (value,)) for name, value in (event.get("queryStringParameters") or {}).items())
    decoded = {unquote_plus(name): [unquote_plus(value) for value in values] for name, values in query}
    adapted = _adapt(event, method, headers, decoded or None)
    adapted["requestContext"]["maxBody"] = LOAD_BALANCER_BYTES
    return method, path.removesuffix("/") or path, adapted


def _read_payload_2(event: Event) -> tuple[str, str, Event]:
    """As `_read_balanced`. `queryStringParameters` joins values by commas, so the raw query is read."""
    method, query = event["requestContext"]["http"]["method"], event.get("rawQueryString")
    decoded = parse_qs(query, keep_blank_values=True) if query else None
    return method, str(event["rawPath"]), _adapt(event, method, event["headers"], decoded or None)


def _adapt(event: Event, method: str, headers: Any, query: dict[str, list[str]] | None) -> Event:
    """All that Chalice reads of an event but what the route says."""
    if not isinstance(headers, dict):
        raise TypeError("headers")
    return {
        "requestContext": {"httpMethod": method},
        "headers": headers,
        "multiValueQueryStringParameters": query,
        "stageVariables": None,
        "body": event.get("body") or None,
        "isBase64Encoded": event.get("isBase64Encoded", False),
    }
