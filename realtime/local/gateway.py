"""API Gateway in front of the app: routes, methods, the authorizer, errors in the API's shape."""

import base64
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalice.app import Chalice, CORSConfig
from chalice.config import Config
from chalice.local import LocalChalice, LocalGateway, LocalGatewayException, RouteMatcher

from chalicelib.api.http import render_error
from realtime.local.invocation import describe_error

FUNCTION_SECONDS = 29  # the limit of API Gateway
ERRORS = {
    400: ("bad_request", "The request is not valid HTTP."),
    401: ("unauthorized", "Send a key in the header Authorization: Bearer KEY."),
    403: ("forbidden", "The key is not accepted, or has not the scope of this route."),
    404: ("not_found", "There is no such route."),
    405: ("method_not_allowed", "This route does not take this method."),
    411: ("length_required", "Send the body's length in the header Content-Length."),
    413: ("too_large", "The body is larger than the service takes."),
    414: ("uri_too_long", "The URL is longer than the service takes."),
    431: ("headers_too_large", "The headers are larger than the service takes."),
    500: ("internal_error", "The service failed; the error is logged."),
}
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str | list[str]]
    body: bytes = b""


class Gateway:
    """Thread-safe. Gives ``app`` the class of `chalice local`, which serves each thread its own request."""

    def __init__(self, app: Chalice) -> None:
        app.__class__ = LocalChalice
        self._app = app
        self._routes = RouteMatcher(list(app.routes))
        self._local = LocalGateway(app, Config.create(lambda_timeout=FUNCTION_SECONDS))

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
            response = self._local.handle_request(method, path, dict(headers), body)
        except LocalGatewayException as error:
            return self.build_error(error.CODE, path)
        except Exception as error:  # noqa: BLE001 - an authorizer that fails is a 500, whatever it raised
            log.error("%s %s: %s", method, route, describe_error(error))  # noqa: TRY400 - no user's data
            return self.build_error(500, path)
        return _parse_response(response)

    def build_error(self, status: int, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """In the shape of the API, or of OFREP under its path, with the headers that browsers need."""
        code, message = ERRORS[status]
        body: Mapping[str, Any] = render_error(code, message)
        if path.startswith("/ofrep/"):
            body = {"key": "", "errorCode": "GENERAL", "errorDetails": message}
        all_headers: dict[str, str | list[str]] = {"Content-Type": "application/json", **(headers or {})}
        if status == 401:
            all_headers["WWW-Authenticate"] = "Bearer"
        if isinstance(self._app.api.cors, CORSConfig):
            all_headers.update(self._app.api.cors.get_access_control_headers())
        return Answer(status, all_headers, json.dumps(body, separators=(",", ":")).encode())


def _parse_response(response: Mapping[str, Any]) -> Answer:
    body = response["body"] or ""
    encoded = base64.b64decode(body) if response.get("isBase64Encoded") else body.encode()
    return Answer(response["statusCode"], {**response["headers"], **response["multiValueHeaders"]}, encoded)
