"""Which routes a key opens. Unknown keys are cached too, so that guessing cannot flood the table."""

from collections.abc import Callable
from threading import Lock

from cachetools import TTLCache, cached

from chalicelib.domain.heartbeat import find_access
from chalicelib.domain.keys import SCOPES, Access, Keys, digest, grant, parse_bearer


class Authorizer:
    """``demo_key`` opens everything; it is empty outside the local stack."""

    def __init__(self, keys: Keys, demo_key: str, ttl: float, timer: Callable[[], float]) -> None:
        self._demo_id = digest(demo_key) if demo_key else None
        self._demo_access = grant("demo", SCOPES)
        self._keys = keys
        self._look_up = cached(TTLCache(10_000, ttl, timer), lock=Lock())(self._get_access)

    def authorize(self, header: str) -> Access:
        """By ``Authorization``. Raises StorageUnavailable, which it does not cache."""
        key = parse_bearer(header)
        return Access("none") if key is None else self.authorize_key(key)

    def authorize_key(self, key: str) -> Access:
        """Raises StorageUnavailable, which it does not cache."""
        key_id = digest(key)
        return self._demo_access if key_id == self._demo_id else self._look_up(key_id)

    def _get_access(self, key_id: str) -> Access:
        api_key = self._keys.get(key_id)
        is_accepted = api_key is not None and not api_key.revoked
        return find_access(key_id) or grant(key_id[:12], api_key.scopes if api_key and is_accepted else ())
