"""POST /events: who may send, the body, the answer.

The route has no authorizer of API Gateway, which would see the header Authorization only. A beacon of a
browser can send no header, so its key stands in the query or in the body
(docs/adr/021-events-read-their-key.md).
"""

from typing import Any, Protocol

from chalice.app import Request, Response

from chalicelib.api.encoding import read_body
from chalicelib.api.event_json import parse_events
from chalicelib.api.http import (
    Forbidden,
    Unauthorized,
    UnsupportedMediaType,
    render_error,
    respond_with_json,
)
from chalicelib.api.requests import check_query, get_media_type
from chalicelib.domain.errors import InvalidInput, Problem, RealtimeError, TooLarge
from chalicelib.domain.keys import ADMIN, CLIENT_EVENTS, Access

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Lambda takes 6 MB, in which the body is a string with escaped quotes."""
ROUTE = "/events"
_MEDIA_TYPES = ("application/json", "text/plain", "")  # a beacon declares one of the last two
_BOOLEANS: dict[str, bool] = {"true": True, "1": True, "false": False, "0": False}


class EventPlane(Protocol):
    def authorize(self, header: str) -> Access: ...
    def authorize_key(self, key: str) -> Access: ...
    def ingest(self, body: dict[str, Any], *, backfill: bool) -> dict[str, Any]: ...


def receive_events(request: Request, plane: EventPlane) -> Response:
    query = dict(request.query_params or {})
    access = _authorize_early(request, query, plane)
    try:
        check_query(query)
        body = read_events(request)
    except RealtimeError:
        if access is None:
            raise Unauthorized from None
        raise
    if access is None:
        access = _authorize_by_body(body, plane)
    if "events" in body and not isinstance(body.get("key"), str | None):
        problem = Problem("key", "must be a string")
        raise InvalidInput("invalid_request", f"The request is not valid: {problem}.", (problem,))
    answer = plane.ingest(body, backfill=_wants_backfill(query, body, access))
    return respond_with_verdicts(answer, "events" if "events" in body else "")


def read_events(request: Request) -> dict[str, Any]:
    """One event, or ``{"events": […]}``; not yet checked."""
    content_type = request.headers.get("content-type", "")
    if get_media_type(content_type) not in _MEDIA_TYPES:
        raise UnsupportedMediaType.because(content_type, "application/json or text/plain")
    _check_sent_size(request)
    return parse_events(read_body(request, MAX_BODY_BYTES))


def _check_sent_size(request: Request) -> None:
    """A gateway may take less than the service; a compressed body may still unpack to all of it."""
    limit = request.context.get("maxBody", MAX_BODY_BYTES)
    size = len(request.raw_body)
    if limit < size:
        reason = f"has {size} bytes; the load balancer takes {limit}. Compress it, or send fewer events"
        raise TooLarge("too_large", f"The body {reason}.", (Problem("body", reason),))


def _authorize_early(request: Request, query: dict[str, Any], plane: EventPlane) -> Access | None:
    """By the header or the query, before the body is read; None if neither has a key."""
    if header := request.headers.get("authorization"):
        return _check_route(plane.authorize(header))
    return _check_public(plane.authorize_key(query["key"]), "query") if query.get("key") else None


def _authorize_by_body(body: dict[str, Any], plane: EventPlane) -> Access:
    key = body.pop("key", None)  # never part of an event that is stored
    if not isinstance(key, str) or not key:
        raise Unauthorized
    return _check_public(plane.authorize_key(key), "body")


def _check_route(access: Access) -> Access:
    if ROUTE not in access.routes:
        raise Forbidden("forbidden", "The key is not accepted, or has not the scope of this route.")
    return access


def _check_public(access: Access, place: str) -> Access:
    if not _check_route(access).is_public:
        reason = f"in the {place} must be a public one, of the scope {CLIENT_EVENTS} only"
        message = (
            f"A key {reason}. This key can do more, and URLs are logged: send it in the header"
            " Authorization: Bearer KEY, and revoke it if others may have seen it."
        )
        raise Forbidden("key_not_public", message, (Problem("key", reason),))
    return access


def _wants_backfill(query: dict[str, Any], body: dict[str, Any], access: Access) -> bool:
    """Whether events of any age are taken: ``backfill`` beside ``events``, or in the query."""
    is_backfill = _BOOLEANS.get(query.get("backfill", "false"))
    beside = body.get("backfill") if "events" in body else None
    if is_backfill is None or not isinstance(beside, bool | None):
        problem = Problem("backfill", "must be true or false")
        raise InvalidInput("invalid_request", f"The request is not valid: {problem}.", (problem,))
    if (is_backfill or beside) and not access.is_admin:
        reason = f"needs a key of the scope {ADMIN}"
        raise Forbidden("forbidden_scope", f"backfill {reason}.", (Problem("backfill", reason),))
    return is_backfill or bool(beside)


def respond_with_verdicts(answer: dict[str, Any], place: str) -> Response:
    """202 if one was taken; else 400, with the verdict on each beside the error.

    ``answer`` is that of ingestion. ``place`` is the list in the request; empty if it had one event alone.
    """
    rejected: list[dict[str, Any]] = answer["rejected"]
    problems = tuple(_name_problem(rejection, place) for rejection in rejected)
    for rejection in rejected:
        del rejection["field"]
    if answer["accepted"]:
        return respond_with_json(answer, 202)
    codes = {rejection["code"] for rejection in rejected}
    code = codes.pop() if len(codes) == 1 else "invalid_events"
    message = f"No event is valid; the first: {problems[0]}" if place else rejected[0]["message"]
    return respond_with_json(render_error(code, message, problems) | answer, 400)


def _name_problem(rejection: dict[str, Any], place: str) -> Problem:
    path = f"{place}[{rejection['index']}]" if place else ""
    return Problem(rejection["field"], rejection["message"]).with_prefix(path)
