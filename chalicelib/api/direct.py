"""Direct invocation: the body of the route as the event, its answer or error body as the result."""

import json
from typing import Any, Protocol

from chalicelib import deadline
from chalicelib.api.http import checked, error_body
from chalicelib.api.models import AssignRequest, FlagRequest
from chalicelib.domain.definitions.model import Evaluation
from chalicelib.domain.errors import InvalidInput, RealtimeError


class Assigns(Protocol):
    def assign(self, user_id: str, experiment_key: str, context: dict[str, Any]) -> dict[str, Any]: ...


class Evaluates(Protocol):
    def evaluate(self, user_id: str, flag_key: str, context: dict[str, Any]) -> Evaluation: ...


def assign(plane: Assigns, event: Any, context: Any) -> dict[str, Any]:
    try:
        request = checked(AssignRequest, _object(event))
        with deadline.online(context):
            return plane.assign(request.user_id, request.experiment_key, request.context)
    except RealtimeError as error:
        return error_body(error.code, error.message, error.details)


def evaluate(plane: Evaluates, event: Any, context: Any) -> dict[str, Any]:
    try:
        request = checked(FlagRequest, _object(event))
        with deadline.online(context):
            found = plane.evaluate(request.user_id, request.flag_key, request.context)
    except RealtimeError as error:
        return error_body(error.code, error.message, error.details)
    result: dict[str, Any] = json.loads(found.encoded)
    return result


def _object(event: Any) -> dict[str, Any]:
    if not isinstance(event, dict):
        raise InvalidInput("invalid_request", "The event must be a JSON object.")
    return event
