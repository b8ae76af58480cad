"""OFREP 0.3, the OpenFeature Remote Evaluation Protocol, as clients understand it (docs/openfeature.md)."""

import functools
import json
from collections.abc import Callable
from typing import Any

from chalice.app import Request, Response

from chalicelib.api.encoding import UnsupportedEncoding, read_body
from chalicelib.api.flags import respond_with_etag
from chalicelib.api.http import get_error_headers, log_unexpected, respond_with_json
from chalicelib.api.requests import MAX_BODY_BYTES, parse_object
from chalicelib.domain.context import check_user_id
from chalicelib.domain.definitions.model import Evaluation
from chalicelib.domain.errors import InvalidInput, NotFound, Problem, RealtimeError, Throttled, TooLarge
from chalicelib.domain.evaluation import Evaluations

_CODES = {
    "flag_not_found": "FLAG_NOT_FOUND",
    "targeting_key_missing": "TARGETING_KEY_MISSING",
    "invalid_json": "PARSE_ERROR",
    "invalid_encoding": "PARSE_ERROR",
    "unsupported_encoding": "PARSE_ERROR",
    "too_large": "PARSE_ERROR",
    "invalid_context": "INVALID_CONTEXT",
    "context_too_large": "INVALID_CONTEXT",
    "invalid_user_id": "INVALID_CONTEXT",
}
"""Other errors are GENERAL."""


def read_request(request: Request) -> tuple[str | None, dict[str, Any]]:
    """Targeting key and context; None and {} if absent, since not every flag needs them."""
    raw = read_body(request, MAX_BODY_BYTES)
    context = parse_object(raw, "body").get("context", {}) if raw else {}
    if not isinstance(context, dict):
        problem = Problem("context", "must be a JSON object")
        raise InvalidInput("invalid_context", "The context must be a JSON object.", (problem,))
    key = context.get("targetingKey")
    return (check_user_id(key, "context.targetingKey") if key not in (None, "") else None), context


def render_evaluation(evaluation: Evaluation) -> Response:
    return respond_with_json(evaluation.openfeature)


def render_evaluations(request: Request, answers: Evaluations) -> Response:
    """Every flag, failures last; 304 if ``If-None-Match`` has the answer's ETag."""
    members = [evaluation.openfeature for evaluation in answers.evaluations]
    for key, error in answers.failures.items():
        members.append(json.dumps(render_failure(key, error), separators=(",", ":")))
    return respond_with_etag(request, '{"flags":[' + ",".join(members) + "]}")


def ofrep_view(view: Callable[..., Response]) -> Callable[..., Response]:
    """For a view of one flag or, with an empty ``key``, of all flags; renders its errors as OFREP's."""

    @functools.wraps(view)
    def respond(request: Request, plane: Any, key: str = "") -> Response:
        try:
            return view(request, plane, key) if key else view(request, plane)
        except RealtimeError as error:
            body = render_failure(key, error)
            return respond_with_json(body, _get_status(error), get_error_headers(error))
        except Exception as error:  # noqa: BLE001 - clients get OFREP's error shape, whatever happens
            log_unexpected(view.__name__, error)
            unexpected = RealtimeError("internal_error", "The service failed; the error is logged.")
            return respond_with_json(render_failure(key, unexpected), 500)

    return respond


def render_failure(key: str, error: RealtimeError) -> dict[str, str]:
    return {"key": key, "errorCode": _CODES.get(error.code, "GENERAL"), "errorDetails": str(error)}


def _get_status(error: RealtimeError) -> int:
    """OFREP has no 413, so input that is too large is a bad request."""
    if isinstance(error, InvalidInput | TooLarge):
        return 400
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, UnsupportedEncoding):
        return 415
    return 429 if isinstance(error, Throttled) else 500
