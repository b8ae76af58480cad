"""Reads the requests of /events, and renders the answers."""

from typing import Any

from chalice.app import Request, Response

from chalicelib.api.event_json import parse_events
from chalicelib.api.http import (
    MAX_EVENTS_BODY_BYTES,
    Forbidden,
    is_admin,
    read_json_text,
    read_query,
    render_error,
    respond_with_json,
)
from chalicelib.domain.errors import InvalidInput, Problem
from chalicelib.domain.keys import ADMIN

_BOOLEANS: dict[str, bool] = {"true": True, "1": True, "false": False, "0": False}


def read_events(request: Request) -> dict[str, Any]:
    """One event, or ``{"events": […]}``; not yet checked."""
    return parse_events(read_json_text(request, MAX_EVENTS_BODY_BYTES))


def wants_backfill(request: Request, body: dict[str, Any]) -> bool:
    """Whether events of any age are taken: ``backfill`` beside ``events``, or in the query.

    Raises Forbidden unless the key has the scope `admin`.
    """
    query = read_query(request)
    is_backfill = _BOOLEANS.get(query.get("backfill", "false"))
    if is_backfill is None:
        problem = Problem("backfill", "must be true or false")
        raise InvalidInput("invalid_request", f"The query is not valid: {problem}.", (problem,))
    if "events" in body and (beside := body.get("backfill")) is not None:
        if not isinstance(beside, bool):
            problem = Problem("backfill", "must be true or false")
            raise InvalidInput("invalid_body", f"The body is not valid: {problem}.", (problem,))
        is_backfill |= beside
    if is_backfill and not is_admin(request):
        reason = f"needs a key of the scope {ADMIN}"
        raise Forbidden("forbidden_scope", f"backfill {reason}.", (Problem("backfill", reason),))
    return is_backfill


def render_answer(answer: dict[str, Any], *, is_list: bool) -> Response:
    """202 if an event was taken; else 400, with the verdict on each beside the error."""
    rejected: list[dict[str, Any]] = answer["rejected"]
    problems = tuple(_name_problem(rejection, is_list=is_list) for rejection in rejected)
    for rejection in rejected:
        del rejection["field"]
    if answer["accepted"]:
        return respond_with_json(answer, 202)
    codes = {rejection["code"] for rejection in rejected}
    code = codes.pop() if len(codes) == 1 else "invalid_events"
    message = f"No event is valid; the first: {problems[0]}" if is_list else rejected[0]["message"]
    return respond_with_json(render_error(code, message, problems) | answer, 400)


def _name_problem(rejection: dict[str, Any], *, is_list: bool) -> Problem:
    place = f"events[{rejection['index']}]" if is_list else ""
    return Problem(rejection["field"], rejection["message"]).with_prefix(place)
