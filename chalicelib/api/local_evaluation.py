"""For clients that evaluate in their own process: what they decide by, and what they have decided."""

from collections.abc import Sequence
from typing import Any, Protocol

from chalice.app import Request, Response

from chalicelib.api.application import JsonResponse
from chalicelib.api.events import respond_with_verdicts
from chalicelib.api.flags import matches_etag
from chalicelib.api.http import respond_with_json
from chalicelib.api.models import ClientEvaluation, EvaluationsRequest
from chalicelib.api.requests import read_json, validate_request
from chalicelib.domain.errors import Problem, TooLarge

MAX_ANSWER_BYTES = 6_000_000
"""Lambda's limit for an answer as JSON, in which each quote of the body takes another byte."""
MAX_BODY_BYTES = 1_000_000
"""500 evaluations of the longest ids fit in."""
_ESCAPED = ('"', "\\", "\n")


class LocalEvaluations(Protocol):
    def get_client_definitions(self) -> tuple[str, str]:
        """Body and ETag."""

    def record_evaluations(
        self, evaluations: Sequence[ClientEvaluation], sent_at: str | None
    ) -> dict[str, Any]: ...


def get_definitions(request: Request, plane: LocalEvaluations) -> Response:
    """304 if ``If-None-Match`` has the ETag. Raises TooLarge."""
    body, etag = plane.get_client_definitions()
    if_none_match = request.headers.get("if-none-match")
    if if_none_match and matches_etag(if_none_match, etag):
        return JsonResponse("", {"ETag": etag}, 304)
    size = len(body.encode()) + sum(map(body.count, _ESCAPED))
    if size > MAX_ANSWER_BYTES:
        reason = f"have {size} bytes; an answer of Lambda has at most {MAX_ANSWER_BYTES}"
        message = f"The definitions {reason}. Ask for evaluations instead, or publish fewer or smaller flags."
        raise TooLarge("definitions_too_large", message, (Problem("definitions", reason),))
    return respond_with_json(body, headers={"ETag": etag})


def record_evaluations(request: Request, plane: LocalEvaluations) -> Response:
    asked = validate_request(EvaluationsRequest, read_json(request, MAX_BODY_BYTES))
    answer = plane.record_evaluations(asked.evaluations, asked.sent_at)
    del answer["event_ids"]
    return respond_with_verdicts(answer, "evaluations")
