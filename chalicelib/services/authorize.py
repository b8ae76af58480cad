"""Which routes a key opens. Answers are remembered, bad ones too: no caller can hammer the table."""

from collections.abc import Callable
from threading import Lock
from typing import Protocol

from cachetools import TTLCache, cached

from chalicelib.domain.keys import SCOPES, ApiKey, bearer, digest, routes


class Keys(Protocol):
    def get(self, key_id: str) -> ApiKey | None: ...


class Authorizer:
    """``demo_key`` opens everything; settings leave it empty outside the local stack."""

    def __init__(self, keys: Keys, demo_key: str, ttl: float, timer: Callable[[], float]) -> None:
        self._demo_id = digest(demo_key) if demo_key else None
        self._look_up = cached(TTLCache(10_000, ttl, timer), lock=Lock())(keys.get)

    def routes(self, header: str) -> tuple[str, list[str]]:
        """The key's public name (a part of its digest) and its routes; none if the key is not accepted.

        Raises StorageUnavailable, which is never remembered.
        """
        key = bearer(header)
        if key is None:
            return "none", []
        key_id = digest(key)
        if key_id == self._demo_id:
            return "demo", routes(SCOPES)
        found = self._look_up(key_id)
        return key_id[:12], routes(found.scopes) if found and not found.revoked else []
