"""API Gateway in front of the app: routes, methods, the authorizer, errors in the API's shape."""

import base64
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from chalice.app import Chalice, CORSConfig
from chalice.config import Config
from chalice.local import (
    LambdaEventConverter,
    LocalChalice,
    LocalGateway,
    LocalGatewayException,
    MatchResult,
    RouteMatcher,
)

from chalicelib.api.application import Application
from chalicelib.api.refusals import build_refusal_headers, render_refusal
from realtime.local.invocation import describe_error
from realtime.local.limits import ADMIN_PATHS, ADMIN_SECONDS, FUNCTION_SECONDS

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str | list[str]]
    body: bytes = b""


class _LocalApplication(LocalChalice):
    """Serves each thread its own request, with the handler and the deadline of the functions."""

    front_door = None

    def __call__(self, event: Any, context: Any) -> Any:
        return Application.answer(self, event, context)  # type: ignore[arg-type] # app.py's app was one


class _RouteMatcher(RouteMatcher):
    """Decodes parameters, as API Gateway does and `chalice local` does not.

    A path is a path: `chalice local` takes `//a` for a host, and `;a` and `#a` for something else.
    """

    def match_route(self, url: str) -> MatchResult:
        path, _, query = url.partition("?")
        parts = path.split("/")
        for route in self.route_urls:
            names = route.split("/")
            pairs = list(zip(names, parts, strict=False))
            captured = {name[1:-1]: unquote(part) for name, part in pairs if name[:1] == "{" and part}
            if len(names) == len(parts) and all(n == part or n[1:-1] in captured for n, part in pairs):
                return MatchResult(route, captured, parse_qs(query, keep_blank_values=True))
        raise ValueError("no route")


class Gateway:
    """Thread-safe. Gives ``app`` a class that serves each thread its own request."""

    def __init__(self, app: Chalice) -> None:
        app.__class__ = _LocalApplication
        self._app = app
        self._routes = _RouteMatcher(list(app.routes))
        self._deciding, self._admin = (
            LocalGateway(app, Config.create(lambda_timeout=seconds))
            for seconds in (FUNCTION_SECONDS, ADMIN_SECONDS)
        )
        for local in (self._deciding, self._admin):
            local.event_converter = LambdaEventConverter(self._routes, app.api.binary_types)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        route_path, mark, query = path.partition("?")
        path = (route_path.removesuffix("/") or "/") + mark + query  # as the authorizer's policy writes it
        try:
            route = self._routes.match_route(path).route
        except ValueError:
            return self.build_error(404, path)
        methods = self._app.routes[route]
        if method not in methods and method != "OPTIONS":
            return self.build_error(405, path, {"Allow": ", ".join(sorted({*methods, "OPTIONS"}))})
        local = self._admin if path.startswith(ADMIN_PATHS) else self._deciding
        try:
            response = local.handle_request(method, path, _drop_empty_key(headers), body)
        except LocalGatewayException as error:
            return self.build_error(error.CODE, path)
        except Exception as error:  # noqa: BLE001 - an authorizer that fails is a 500, whatever it raised
            log.error("%s %s: %s", method, route, describe_error(error))  # noqa: TRY400 - no user's data
            return self.build_error(500, path)
        return _parse_response(response)

    def build_error(self, status: int, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        cors = self._app.api.cors
        allowed = cors.get_access_control_headers() if isinstance(cors, CORSConfig) else {}
        all_headers = {**build_refusal_headers(status, allowed), **(headers or {})}
        return Answer(status, all_headers, render_refusal(status, path).encode())


def _drop_empty_key(headers: Mapping[str, str]) -> dict[str, str]:
    """API Gateway takes it for a missing one."""
    return {name: value for name, value in headers.items() if value or name.lower() != "authorization"}


def _parse_response(response: Mapping[str, Any]) -> Answer:
    body = response["body"] or ""
    encoded = base64.b64decode(body) if response.get("isBase64Encoded") else body.encode()
    return Answer(response["statusCode"], {**response["headers"], **response["multiValueHeaders"]}, encoded)
