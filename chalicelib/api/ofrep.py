"""OFREP 0.3, the OpenFeature Remote Evaluation Protocol, as clients understand it (docs/openfeature.md)."""

import functools
import json
from collections.abc import Callable
from typing import Any

from chalice.app import Request, Response

from chalicelib.api.flags import respond_with_etag
from chalicelib.api.http import check_size, json_response, log_unexpected, parse_object
from chalicelib.domain.context import check_user_id
from chalicelib.domain.definitions.model import Evaluation
from chalicelib.domain.errors import InvalidInput, NotFound, Problem, RealtimeError, Throttled, TooLarge
from chalicelib.domain.evaluation import Evaluations

_CODES = {
    "flag_not_found": "FLAG_NOT_FOUND",
    "targeting_key_missing": "TARGETING_KEY_MISSING",
    "invalid_json": "PARSE_ERROR",
    "too_large": "PARSE_ERROR",
    "invalid_context": "INVALID_CONTEXT",
    "context_too_large": "INVALID_CONTEXT",
    "invalid_user_id": "INVALID_CONTEXT",
}
"""Every other failure is GENERAL."""


def read_request(request: Request) -> tuple[str | None, dict[str, Any]]:
    """Targeting key and context; None and {} if they were not sent, since not every flag needs them."""
    raw = check_size(request.raw_body)
    context = parse_object(raw, "body").get("context", {}) if raw else {}
    if not isinstance(context, dict):
        problem = Problem("context", "must be a JSON object")
        raise InvalidInput("invalid_context", "The context must be a JSON object.", (problem,))
    key = context.get("targetingKey")
    return (check_user_id(key, "context.targetingKey") if key not in (None, "") else None), context


def render_evaluation(evaluation: Evaluation) -> Response:
    return json_response(evaluation.openfeature)


def render_evaluations(request: Request, answers: Evaluations) -> Response:
    """Every flag, those that fail at the end; 304 if the caller has this very answer."""
    members = [evaluation.openfeature for evaluation in answers.evaluations]
    for key, error in answers.failures.items():
        members.append(json.dumps(failure_body(key, error), separators=(",", ":")))
    return respond_with_etag(request, '{"flags":[' + ",".join(members) + "]}")


def ofrep_view(view: Callable[..., Response]) -> Callable[..., Response]:
    """A view whose errors become OFREP's; ``key`` is the flag's, empty for all of them."""

    @functools.wraps(view)
    def respond(key: str = "") -> Response:
        try:
            return view(key) if key else view()
        except RealtimeError as error:
            retry = {"Retry-After": str(error.retry_after)} if isinstance(error, Throttled) else None
            return json_response(failure_body(key, error), _get_status(error), retry)
        except Exception as error:  # noqa: BLE001 - the last resort: whatever it is, clients get their shape
            log_unexpected(view.__name__, error)
            unexpected = RealtimeError("internal_error", "The service failed; the error is logged.")
            return json_response(failure_body(key, unexpected), 500)

    return respond


def failure_body(key: str, error: RealtimeError) -> dict[str, str]:
    return {"key": key, "errorCode": _CODES.get(error.code, "GENERAL"), "errorDetails": str(error)}


def _get_status(error: RealtimeError) -> int:
    """The protocol knows no 413: what is too large is a bad request to its clients."""
    if isinstance(error, InvalidInput | TooLarge):
        return 400
    if isinstance(error, NotFound):
        return 404
    return 429 if isinstance(error, Throttled) else 500
