"""Direct invocation of a function: the event is the route's body, the result its answer or error body."""

import json
from collections.abc import Callable
from typing import Any, TypeAlias

from chalicelib import deadline
from chalicelib.api.assignments import render_assignment
from chalicelib.api.http import render_error
from chalicelib.api.models import AssignRequest, FlagRequest
from chalicelib.api.requests import validate_request
from chalicelib.domain.assignment import AssignmentResult
from chalicelib.domain.definitions.model import Evaluation
from chalicelib.domain.errors import InvalidInput, RealtimeError

Assign: TypeAlias = Callable[[str, str, dict[str, Any]], AssignmentResult]
Evaluate: TypeAlias = Callable[..., Evaluation]
"""Arguments: user id, key, context; of `Evaluate` also ``is_checked``."""


def assign(assign_user: Assign, event: Any, context: Any) -> dict[str, Any]:
    try:
        request = validate_request(AssignRequest, _require_object(event))
        with deadline.limit_online(context):
            result = assign_user(request.user_id, request.experiment_key, request.context)
    except RealtimeError as error:
        return render_error(error.code, error.message, error.details)
    return render_assignment(result)


def evaluate(evaluate_flag: Evaluate, event: Any, context: Any) -> dict[str, Any]:
    try:
        request = validate_request(FlagRequest, _require_object(event))
        with deadline.limit_online(context):
            evaluation = evaluate_flag(request.user_id, request.flag_key, request.context, is_checked=True)
    except RealtimeError as error:
        return render_error(error.code, error.message, error.details)
    answer: dict[str, Any] = json.loads(evaluation.encoded)
    return answer


def _require_object(event: Any) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise InvalidInput("invalid_request", "The event must be a JSON object.")
    return event
