"""Errors that are answered before a route: by a gateway, or in its place."""

import json
from collections.abc import Mapping

from chalicelib.api.http import render_error

ERRORS = {
    400: ("bad_request", "The request is not valid HTTP."),
    401: ("unauthorized", "Send a key in the header Authorization: Bearer KEY."),
    403: ("forbidden", "The key is not accepted, or has not the scope of this route."),
    404: ("not_found", "There is no such route."),
    405: ("method_not_allowed", "This route does not take this method."),
    408: ("request_timeout", "The request did not arrive in time."),
    411: ("length_required", "Send the body's length in the header Content-Length."),
    413: ("too_large", "The body is larger than the service takes."),
    414: ("uri_too_long", "The URL is longer than the service takes."),
    431: ("headers_too_large", "The headers are larger than the service takes."),
    500: ("internal_error", "The service failed; the error is logged."),
    502: ("internal_error", "The service failed; the error is logged."),
    504: ("timeout", "The service did not answer in time; try again."),
}
"""Status → code and message."""


def render_refusal(status: int, path: str, error: tuple[str, str] | None = None) -> str:
    """A body in the shape of the API, or of OFREP under its path. ``error``: another code and message."""
    code, message = error or ERRORS[status]
    body: Mapping[str, object] = render_error(code, message)
    if path.startswith("/ofrep/"):
        body = {"key": "", "errorCode": "GENERAL", "errorDetails": message}
    return json.dumps(body, separators=(",", ":"))


def build_refusal_headers(status: int, cors: Mapping[str, str]) -> dict[str, str]:
    """With ``cors``, since a browser shows a page no error of another origin without them."""
    headers = {"Content-Type": "application/json", **cors}
    return headers | {"WWW-Authenticate": "Bearer"} if status == 401 else headers
