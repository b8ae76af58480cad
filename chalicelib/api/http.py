"""Makes responses of answers and errors. Without pydantic, which not every function needs."""

import functools
import json
import logging
import re
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from chalice.app import AuthRoute, Request, Response

from chalicelib.api.application import JsonResponse
from chalicelib.api.encoding import ENCODINGS, UnsupportedEncoding
from chalicelib.domain.errors import (
    Conflict,
    EvaluationTooLong,
    InvalidInput,
    NotFound,
    NotPermitted,
    Problem,
    RealtimeError,
    StorageUnavailable,
    Throttled,
    TooLarge,
)
from chalicelib.domain.keys import ADMIN, VIEW, Access

DENY: dict[str, Any] = {
    "principalId": "none",
    "context": {},
    "policyDocument": {
        "Version": "2012-10-17",
        "Statement": [{"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": ["*"]}],
    },
}
"""The authorizer's answer to a key that is not accepted; API Gateway answers 403."""
MANAGEMENT = "/admin"
LABEL_LENGTH = 200
"""API Gateway takes an authorizer's answer of at most 8 KB."""
_JSON = {"Content-Type": "application/json"}
_STATUS: dict[type[RealtimeError], int] = {
    InvalidInput: 400,
    NotPermitted: 403,
    NotFound: 404,
    Conflict: 409,
    TooLarge: 413,
    Throttled: 429,
    StorageUnavailable: 500,
    EvaluationTooLong: 500,
}
_PARAMETER = re.compile(r"\{\w+\}")
_log = logging.getLogger("realtime")


def list_allowed(access: Access, routes: Mapping[str, Mapping[str, Any]]) -> list[str | AuthRoute]:
    """The key's routes for a policy, which API Gateway keeps for all its requests; ``routes`` are Chalice's.

    In a policy ``*`` matches slashes too, so each entry names the methods and the whole path: ``*/events``
    would also open /ofrep/v1/evaluate/flags/events, a flag with this name.
    """
    return [
        AuthRoute(_PARAMETER.sub("*", route), [*methods])
        for route, methods in routes.items()
        if access.opens(route)
    ]


def make_auth_context(access: Access) -> dict[str, str]:
    """What the authorizer tells the views: API Gateway passes texts on."""
    context = {"flags": "client"} if access.is_client else {}
    if access.opens(MANAGEMENT):
        context |= {"scope": ADMIN if access.is_admin else VIEW, "label": access.label[:LABEL_LENGTH]}
    return context


def is_client(request: Request) -> bool:
    """Whether the key may only see flags that are ``client_visible``."""
    authorizer = request.context.get("authorizer")
    return isinstance(authorizer, dict) and authorizer.get("flags") == "client"


class Unauthorized(RealtimeError):
    """A route that reads the key itself got none."""

    def __init__(self) -> None:
        super().__init__("unauthorized", "Send a key in the header Authorization: Bearer KEY.")


class Forbidden(RealtimeError):
    """The key does not open the route, or not what the request asks of it."""


class PreconditionRequired(RealtimeError):
    """A change does not say on which version it is based."""


class PreconditionFailed(RealtimeError):
    """Somebody has published since."""


class UnsupportedMediaType(RealtimeError):
    """The body is not declared as JSON."""

    @classmethod
    def because(cls, content_type: str, accepted: str) -> "UnsupportedMediaType":
        problem = Problem("Content-Type", f"must be {accepted}, not {content_type[:80] or 'none'}")
        message = f"The header {problem.path} {problem.message}."
        return cls("unsupported_media_type", message, (problem,))


_STATUS |= {
    Unauthorized: 401,
    Forbidden: 403,
    PreconditionFailed: 412,
    UnsupportedMediaType: 415,
    UnsupportedEncoding: 415,
    PreconditionRequired: 428,
}


def json_view(view: Callable[..., Any]) -> Callable[..., Response]:
    """For a view that returns a dict, JSON text or a Response; renders its errors as the API's."""

    @functools.wraps(view)
    def respond(*args: Any, **kwargs: Any) -> Response:
        try:
            result = view(*args, **kwargs)
        except RealtimeError as error:
            return respond_with_error(error)
        except Exception as error:  # noqa: BLE001 - the caller gets the API's error shape, whatever happens
            log_unexpected(view.__name__, error)
            return respond_with_json(
                render_error("internal_error", "The service failed; the error is logged."), 500
            )
        return result if isinstance(result, Response) else respond_with_json(result)

    return respond


def respond_with_json(
    body: Mapping[str, Any] | str, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))
    return JsonResponse(text, {**_JSON, **headers} if headers else {**_JSON}, status)


def respond_with_error(error: RealtimeError) -> Response:
    body = render_error(error.code, error.message, error.details)
    return respond_with_json(body, get_status(error), get_error_headers(error))


def get_error_headers(error: RealtimeError) -> dict[str, str]:
    if isinstance(error, Throttled):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, Unauthorized):
        return {"WWW-Authenticate": "Bearer"}
    return {"Accept-Encoding": ENCODINGS} if isinstance(error, UnsupportedEncoding) else {}


def get_status(error: RealtimeError) -> int:
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def render_error(code: str, message: str, details: tuple[Problem, ...] = ()) -> dict[str, Any]:
    rendered = [{"field": problem.path, "message": problem.message} for problem in details]
    return {"error": {"code": code, "message": message, "details": rendered}}


def log_unexpected(view: str, error: Exception) -> None:
    """Logs type and traceback, not the message, which may quote a user's input."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s in %s\n%s", type(error).__name__, view, frames)


NO_DIRECT_CALL = render_error("gateway_only", "Call the API's routes: a direct call comes without a key.")
"""The answer of a function that only answers gateways."""
