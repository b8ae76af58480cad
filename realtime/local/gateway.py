"""API Gateway in front of the app: routes, methods, the authorizer, errors in the API's shape."""

import base64
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

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

from chalicelib.api.refusals import build_refusal_headers, render_refusal
from realtime.local.invocation import describe_error

FUNCTION_SECONDS = 29  # the limit of API Gateway
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str | list[str]]
    body: bytes = b""


class _RouteMatcher(RouteMatcher):
    """Decodes parameters, as API Gateway does and `chalice local` does not."""

    def match_route(self, url: str) -> MatchResult:
        found = super().match_route(url)
        captured = {name: unquote(value) for name, value in found.captured.items()}
        return found._replace(captured=captured)


class Gateway:
    """Thread-safe. Gives ``app`` the class of `chalice local`, which serves each thread its own request."""

    def __init__(self, app: Chalice) -> None:
        app.__class__ = LocalChalice
        self._app = app
        self._routes = _RouteMatcher(list(app.routes))
        self._local = LocalGateway(app, Config.create(lambda_timeout=FUNCTION_SECONDS))
        self._local.event_converter = LambdaEventConverter(self._routes, app.api.binary_types)

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
        try:
            sent = {
                name: value for name, value in headers.items() if value or name.lower() != "authorization"
            }
            response = self._local.handle_request(method, path, sent, body)
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
