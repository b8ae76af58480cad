"""From a Chalice request to checked input, and from an answer or an error to a response."""

import functools
import json
import logging
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from chalice.app import Request, Response
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from chalicelib.api.application import Cors, JsonResponse
from chalicelib.domain.definitions.schema_errors import list_problems
from chalicelib.domain.errors import (
    InvalidInput,
    NotFound,
    Problem,
    RealtimeError,
    StorageUnavailable,
    Throttled,
    TooLarge,
)

MAX_BODY = 256 * 1024
MAX_EVENTS_BODY_BYTES = 4 * 1024 * 1024
"""Bytes of a body of events; Lambda takes 6 MB, in which the body is text with its quotes escaped."""

CORS = Cors(
    allow_origin="*",
    allow_headers=["If-None-Match"],  # Chalice adds Authorization, Content-Type and X-Api-Key
    expose_headers=["ETag", "Retry-After"],
    max_age=600,
)
DENY: dict[str, Any] = {
    "principalId": "none",
    "context": {},
    "policyDocument": {
        "Version": "2012-10-17",
        "Statement": [{"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": ["*"]}],
    },
}
"""An authorizer's answer for a key that is not accepted: API Gateway makes it a 403."""
_JSON = {"Content-Type": "application/json"}
_STATUS: dict[type[RealtimeError], int] = {
    InvalidInput: 400,
    NotFound: 404,
    TooLarge: 413,
    Throttled: 429,
    StorageUnavailable: 500,
}
_log = logging.getLogger("realtime")
Model = TypeVar("Model", bound=BaseModel)


class UnsupportedMediaType(RealtimeError):
    """The body is not declared as JSON."""


_STATUS[UnsupportedMediaType] = 415


def read_json(request: Request, most: int = MAX_BODY) -> dict[str, Any]:
    """The body, at most ``most`` bytes, as a JSON object; raises InvalidInput, TooLarge or
    UnsupportedMediaType."""
    declared = request.headers.get("content-type", "")
    if declared != "application/json" and not _is_json(declared):
        reason = f"must be application/json, not {declared[:80] or 'none'}"
        problem = Problem("Content-Type", reason)
        raise UnsupportedMediaType("unsupported_media_type", f"The header Content-Type {reason}.", (problem,))
    return parse_object(check_size(request.raw_body, most), "body")


def check_size(body: str | bytes, most: int = MAX_BODY) -> str | bytes:
    """``body``; raises TooLarge beyond ``most`` bytes."""
    if len(body) > most:
        reason = f"has {len(body)} bytes; {most} are allowed"
        raise TooLarge("too_large", f"The body {reason}.", (Problem("body", reason),))
    return body


def _is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "application/json"


def parse_object(raw: bytes | str, field: str) -> dict[str, Any]:
    """JSON text as an object, integers in full precision; NaN and Infinity are refused as not JSON."""
    try:
        data = from_json(raw, allow_inf_nan=False)  # a quarter of json's time
    except ValueError:
        data = _parse_slowly(raw, field)
    if not isinstance(data, dict):
        raise _make_malformed_error(field, "must be a JSON object")
    return data


def _parse_slowly(raw: bytes | str, field: str) -> Any:
    """What from_json does not take: lone surrogates, deep nesting, and mistakes, which json can place."""
    try:
        return json.loads(raw.decode() if isinstance(raw, bytes) else raw, parse_constant=_refuse_constant)
    except RecursionError:
        raise _make_malformed_error(field, "is nested too deeply") from None
    except json.JSONDecodeError as error:
        reason = f"is not valid JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        raise _make_malformed_error(field, reason) from None
    except ValueError:  # not UTF-8, NaN, or a number of over 4,300 digits
        raise _make_malformed_error(field, "is not valid JSON") from None


def read_query(request: Request) -> dict[str, Any]:
    """Query parameters of a GET as the body of the matching POST; ``context`` is a JSON object in text."""
    data: dict[str, Any] = dict(request.query_params or {})
    if "context" in data:
        data["context"] = parse_object(data["context"], "context")
    return data


def validate_request(model: type[Model], data: Mapping[str, Any]) -> Model:
    """``data`` as ``model``; raises InvalidInput that names every field that is wrong."""
    try:
        # What model_validate calls, without what it does for its other arguments.
        return cast(Model, model.__pydantic_validator__.validate_python(data))
    except ValidationError as error:
        problems = list_problems(error)
        raise InvalidInput("invalid_request", f"The request is not valid: {problems[0]}.", problems) from None


def json_view(view: Callable[..., Any]) -> Callable[..., Response]:
    """A view returns a dict, JSON text, or a Response; its errors become the API's error shape."""

    @functools.wraps(view)
    def respond(*args: Any, **kwargs: Any) -> Response:
        try:
            result = view(*args, **kwargs)
        except RealtimeError as error:
            return error_response(error)
        except Exception as error:  # noqa: BLE001 - the last resort: whatever it is, the caller gets our shape
            log_unexpected(view.__name__, error)
            return json_response(
                error_body("internal_error", "The service failed; the error is logged."), 500
            )
        return result if isinstance(result, Response) else json_response(result)

    return respond


def json_response(
    body: Mapping[str, Any] | str, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))
    return JsonResponse(text, {**_JSON, **headers} if headers else {**_JSON}, status)


def error_response(error: RealtimeError) -> Response:
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, Throttled) else None
    return json_response(error_body(error.code, error.message, error.details), get_status(error), headers)


def get_status(error: RealtimeError) -> int:
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def error_body(code: str, message: str, details: tuple[Problem, ...] = ()) -> dict[str, Any]:
    shown = [{"field": problem.path, "message": problem.message} for problem in details]
    return {"error": {"code": code, "message": message, "details": shown}}


def log_unexpected(view: str, error: Exception) -> None:
    """Type and places, not the message: that may quote a user's input."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s in %s\n%s", type(error).__name__, view, frames)


def _make_malformed_error(field: str, reason: str) -> InvalidInput:
    return InvalidInput("invalid_json", f"The {field} {reason}.", (Problem(field, reason),))


def _refuse_constant(constant: str) -> None:
    raise ValueError(constant)
