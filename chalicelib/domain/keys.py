"""API keys: the store has only their SHA-256. A key opens the routes of its scopes."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

SCOPES: dict[str, tuple[str, ...]] = {
    "assign": ("/assign", "/assign/batch"),
    "flags": (
        "/flags/evaluate",
        "/flags/evaluate/batch",
        "/ofrep/v1/evaluate/flags",
        "/ofrep/v1/evaluate/flags/*",
    ),
    "events": ("/events",),
    "results": ("/experiments/*",),
}
"""Scope → the routes it opens; ``*`` is any text."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored key; ``id`` is its SHA-256 in hex, times are ISO 8601, ``revoked`` is None for a valid key."""

    id: str
    label: str
    scopes: tuple[str, ...]
    created: str
    revoked: str | None = None


class Keys(Protocol):
    """The store of API keys. Each method raises StorageUnavailable or Throttled."""

    def get(self, key_id: str) -> ApiKey | None: ...
    def put(self, key: ApiKey) -> None: ...
    def get_all(self) -> list[ApiKey]: ...


def digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def parse_bearer(header: str) -> str | None:
    """The key of ``Authorization: Bearer KEY``; None for anything else."""
    scheme, _, key = header.partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def select_routes(scopes: Collection[str]) -> list[str]:
    return [route for scope, routes in SCOPES.items() if scope in scopes for route in routes]
