"""Whose key sent a request to the management API, as the authorizer says it."""

from typing import NamedTuple

from chalice.app import Request

from chalicelib.api.http import Forbidden
from chalicelib.domain.keys import ADMIN
from chalicelib.domain.publishing.author import Author


class Caller(NamedTuple):
    """``id`` names the key in histories, and no two keys have the same. ``label`` is its owner's word."""

    id: str
    label: str
    is_admin: bool

    @property
    def name(self) -> str:
        """For histories: labels may be the same, ids are not."""
        return f"{self.label} ({self.id})" if self.label and self.label != self.id else self.id

    @property
    def author(self) -> Author:
        return Author(self.name, identity=self.id)


def read_caller(request: Request) -> Caller:
    """No request can imitate what the authorizer says."""
    authorizer = request.context["authorizer"]
    principal = authorizer["principalId"]
    key_id = principal if principal == "demo" else f"key {principal}"
    return Caller(key_id, authorizer["label"], authorizer["scope"] == ADMIN)


def require_admin(request: Request) -> Caller:
    """Raises Forbidden for a key that only reads."""
    caller = read_caller(request)
    if not caller.is_admin:
        raise Forbidden("missing_scope", f"This changes something: it needs a key of the scope {ADMIN}.")
    return caller
