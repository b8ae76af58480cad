"""CloudWatch Evidently's wire API, for its clients with an endpoint of ours (docs/evidently.md).

Errors have its shape: the name in the header x-amzn-ErrorType, and in the body for clients in a browser.
"""

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

from chalice.app import Request, Response

from chalicelib.api.encoding import UnsupportedEncoding, read_body
from chalicelib.api.evidently_models import EvidentlyBatchRequest, EvidentlyRequest
from chalicelib.api.http import get_error_headers, is_client, log_unexpected, respond_with_json
from chalicelib.api.requests import MAX_BODY_BYTES, parse_object, validate_request
from chalicelib.domain.definitions.model import Evaluation
from chalicelib.domain.errors import InvalidInput, NotFound, RealtimeError, Throttled, TooLarge
from chalicelib.domain.reasons import Reason

Evaluate = Callable[..., Evaluation]
_REASONS = {
    Reason.OVERRIDE: "ENTITY_OVERRIDES_MATCH",
    Reason.ASSIGNED: "EXPERIMENT_RULE_MATCH",
    Reason.STICKY: "EXPERIMENT_RULE_MATCH",
    Reason.REASSIGNED: "EXPERIMENT_RULE_MATCH",
    Reason.WINNER: "EXPERIMENT_RULE_MATCH",
    Reason.TARGETING_MATCH: "LAUNCH_RULE_MATCH",
    Reason.SPLIT: "LAUNCH_RULE_MATCH",
}
"""All others are DEFAULT."""
_FIELDS = {bool: "boolValue", int: "longValue", float: "doubleValue", str: "stringValue"}


def evidently_view(view: Callable[..., Mapping[str, Any]]) -> Callable[..., Response]:
    @functools.wraps(view)
    def respond(*args: Any) -> Response:
        try:
            return respond_with_json(view(*args))
        except RealtimeError as error:
            return _respond_with_error(error)
        except Exception as error:  # noqa: BLE001 - clients get their error shape, whatever happens
            log_unexpected(view.__name__, error)
            return _respond_with_error(
                RealtimeError("internal_error", "The service failed; the error is logged.")
            )

    return respond


def _respond_with_error(error: RealtimeError) -> Response:
    status, name = next(
        (each for kinds, each in _ERRORS if isinstance(error, kinds)), (500, "InternalServerException")
    )
    headers = {"x-amzn-ErrorType": name, **get_error_headers(error)}
    return respond_with_json({"__type": name, "message": str(error)}, status, headers)


_ERRORS: tuple[tuple[tuple[type[RealtimeError], ...], tuple[int, str]], ...] = (
    ((NotFound,), (404, "ResourceNotFoundException")),
    ((InvalidInput, TooLarge, UnsupportedEncoding), (400, "ValidationException")),
    ((Throttled,), (429, "ThrottlingException")),
)


@evidently_view
def evaluate_feature(request: Request, evaluate: Evaluate, feature: str) -> dict[str, Any]:
    asked = validate_request(EvidentlyRequest, read_object(request))
    return _evaluate(asked, evaluate, feature, only_client=is_client(request))


@evidently_view
def evaluate_features(request: Request, evaluate: Evaluate, project: str) -> dict[str, Any]:
    """The first error is that of the whole request: a result has no place for one."""
    asked = validate_request(EvidentlyBatchRequest, read_object(request)).requests
    only_client = is_client(request)
    return {
        "results": [
            {"project": project, "feature": item.feature, "entityId": item.entityId}
            | _evaluate(item, evaluate, item.feature, only_client=only_client)
            for item in asked
        ]
    }


def read_object(request: Request) -> dict[str, Any]:
    return parse_object(read_body(request, MAX_BODY_BYTES), "body")


def _evaluate(
    asked: EvidentlyRequest, evaluate: Evaluate, feature: str, *, only_client: bool
) -> dict[str, Any]:
    context = parse_object(asked.evaluationContext, "evaluationContext") if asked.evaluationContext else {}
    answer = evaluate(asked.entityId, feature, context, keep_user_id=True, only_client=only_client)
    if not answer.has_value:
        raise NotFound("no_value", f"The feature {feature!r} leaves the value to the client's own default.")
    return {
        "variation": answer.variant or "",
        "value": _render_value(answer.value),
        "reason": _REASONS.get(answer.reason, "DEFAULT"),
        "details": "{}",
    }


def _render_value(value: Any) -> dict[str, Any]:
    """An object or a list, which Evidently has not, is JSON as text."""
    field = _FIELDS.get(type(value))
    return {field: value} if field else {"stringValue": json.dumps(value, separators=(",", ":"))}
