"""API keys: the store has only their SHA-256. A key opens the routes of its scopes."""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from chalicelib.domain.timestamps import parse_timestamp

_EVALUATE = (
    "/flags/evaluate",
    "/flags/evaluate/batch",
    "/ofrep/v1/evaluate/flags",
    "/ofrep/v1/evaluate/flags/{key}",
    "/evidently/projects/{project}/evaluations",
    "/evidently/projects/{project}/evaluations/{feature}",
)
_LOCAL = ("/definitions", "/evaluations")
"""What evaluates in a caller's process. Definitions hold every rule, so no public key reads them."""
_EVENTS = ("/events", "/evidently/events/projects/{project}")
CLIENT_FLAGS = "flags:client"
"""For keys that are public, such as one in a web page: only flags that are ``client_visible``."""
CLIENT_EVENTS = "events:client"
"""For keys that are public: it sends events and reads nothing."""
VIEW = "view"
"""Reads in the management API."""
ADMIN = "admin"
"""Reads and changes in the management API, and backfills of events."""
_BELOW_ADMIN = "/admin/"
_MANAGEMENT = ("/admin", f"{_BELOW_ADMIN}*")
"""A change with `VIEW` alone is refused by the view, which knows what a change is."""
PUBLIC = frozenset({CLIENT_FLAGS, CLIENT_EVENTS})
"""A key that has only these scopes is public, so it may stand in a URL."""
SCOPES: dict[str, tuple[str, ...]] = {
    "assign": ("/assign", "/assign/batch", "/identify"),
    "flags": (*_EVALUATE, *_LOCAL),
    CLIENT_FLAGS: _EVALUATE,
    "events": _EVENTS,
    CLIENT_EVENTS: _EVENTS,
    "results": ("/experiments/{key}/results",),
    VIEW: _MANAGEMENT,
    ADMIN: (*_MANAGEMENT, "/events"),
}
"""Scope → the routes it opens, as app.py writes them; ``/admin/*`` is all below ``/admin/``."""
KEY_PATTERN = "rt_[A-Za-z0-9_-]{32,128}"
"""A key as `keys create` makes it. Others are refused without a look at the table."""
BEARER_PATTERN = f"^[Bb][Ee][Aa][Rr][Ee][Rr] +{KEY_PATTERN} *$"
"""The header Authorization with a key of `keys create`. API Gateway refuses others without a call."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored key; ``id`` is its SHA-256 in hex, times are ISO 8601, or None for what never happens.

    ``last_used`` is exact to an hour.
    """

    id: str
    label: str
    scopes: tuple[str, ...]
    created: str
    revoked: str | None = None
    expires: str | None = None
    last_used: str | None = None

    def has_expired(self, now: float) -> bool:
        return self.expires is not None and parse_timestamp(self.expires) <= now

    def is_accepted(self, now: float) -> bool:
        """``now`` is epoch seconds."""
        return not self.revoked and not self.has_expired(now)


class Keys(Protocol):
    """The store of API keys. Each method raises StorageUnavailable or Throttled."""

    def get(self, key_id: str) -> ApiKey | None: ...
    def put(self, key: ApiKey) -> None: ...
    def get_all(self) -> list[ApiKey]: ...
    def mark_used(self, key_id: str, now: float, before: float) -> None:
        """Unless the key is gone, or was marked after ``before``. Both are epoch seconds."""


def digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


is_well_formed = re.compile(KEY_PATTERN).fullmatch


def parse_bearer(header: str) -> str | None:
    """The key of ``Authorization: Bearer KEY``; None for anything else."""
    scheme, _, key = header.partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


class Access(NamedTuple):
    """What a key opens: ``principal`` names it by its digest, ``routes`` is empty if it is not accepted.

    ``is_client``: only flags that are ``client_visible``. ``is_admin``: also backfills of events, and changes
    in the management API. ``is_public``: the key may stand in a URL.
    """

    principal: str
    routes: tuple[str, ...] = ()
    is_client: bool = False
    is_admin: bool = False
    is_public: bool = False
    label: str = ""

    def opens(self, route: str) -> bool:
        """``route`` as app.py writes it."""
        return route in self.routes or (route.startswith(_BELOW_ADMIN) and _MANAGEMENT[1] in self.routes)


def grant(principal: str, scopes: Collection[str], label: str = "") -> Access:
    routes = dict.fromkeys(route for scope in SCOPES if scope in scopes for route in SCOPES[scope])
    is_client = CLIENT_FLAGS in scopes and "flags" not in scopes
    return Access(principal, tuple(routes), is_client, ADMIN in scopes, PUBLIC.issuperset(scopes), label)
