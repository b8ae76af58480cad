"""What all views of the management API share."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast, get_args

from chalice.app import Request, Response

from chalicelib import deadline
from chalicelib.admin.wiring import Admin
from chalicelib.api.caller import Caller, read_caller
from chalicelib.api.http import PreconditionFailed, PreconditionRequired, json_view
from chalicelib.api.requests import Model, read_json, read_query, validate_request
from chalicelib.domain.audit import Action
from chalicelib.domain.definitions.model import DefinitionKind
from chalicelib.domain.errors import NotFound, Problem
from chalicelib.domain.publishing.author import Author

MAX_DEFINITIONS_BYTES = 4_000_000
"""Of one request; Lambda takes 6 MB."""
MAX_DIGITS = 15
"""Of a version. Python reads no number of thousands of digits."""
View = Callable[..., Response]


def admin_view(view: Callable[..., Any]) -> View:
    """For a view of ``(request, admin, **path)``. Where the management API is off, nothing is there.

    A key that asks too often gets 429.
    """

    @wraps(view)
    def answer(request: Request, admin: Admin, **path: str) -> Any:
        if not admin.plane.settings.admin:
            raise NotFound("admin_disabled", "The management API is off: set REALTIME_ADMIN=true to use it.")
        admin.rates.take(read_caller(request).id)
        with deadline.limit_online(request.lambda_context, deadline.ADMIN_SECONDS):
            return view(request, admin, **path)

    return json_view(answer)


def read(model: type[Model], request: Request) -> Model:
    return validate_request(model, read_json(request, MAX_DEFINITIONS_BYTES))


def read_parameters(model: type[Model], request: Request) -> Model:
    """Of the query."""
    return validate_request(model, read_query(request))


def check_kind(kind: str) -> DefinitionKind:
    if kind not in get_args(DefinitionKind):
        raise NotFound("kind_not_found", f"There is no kind {kind!r}: flag, experiment or segment.")
    return cast(DefinitionKind, kind)


def read_if_match(request: Request) -> int:
    """A publication's number. Raises PreconditionRequired."""
    tag = request.headers.get("if-match", "").strip().removeprefix("W/").strip('"')
    if not tag.isascii() or not tag.isdigit() or len(tag) > MAX_DIGITS:
        message = 'Send the version that the change is based on in the header If-Match, such as "12".'
        raise PreconditionRequired("if_match_required", message)
    return int(tag)


def require_version(expected: int, published: int) -> None:
    if expected != published:
        message = f"Version {published} is published, and the change is based on {expected}: look again."
        raise PreconditionFailed("version_conflict", message, (Problem("version", str(published)),))


def name_author(caller: Caller, reason: str) -> Author:
    """With why, in the note."""
    return caller.author._replace(note=" ".join(reason.split()))


def describe_action(name: str, caller: Caller, selection: str) -> Action:
    """For the audit."""
    return Action(name, caller.name, selection=selection)
