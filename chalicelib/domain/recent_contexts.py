"""A recent decision whose user nobody can name: what it was made of, for the effect of the next publish."""

import hashlib
import hmac
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from chalicelib.domain.definitions.model import DefinitionKind

MAX_BYTES = 4096
"""Of a kept context, as JSON in ASCII. A larger one is not kept."""
MAX_KEYS = 50
"""Of a kept decision; one that asked for more definitions is not kept."""
_DIGITS = 32


class RecentContext(NamedTuple):
    """``keys`` are the definitions that were asked for; None is all. ``at`` is epoch seconds.

    ``unit`` and the attribute ``user_id`` are the same hash.
    """

    kind: DefinitionKind
    keys: tuple[str, ...] | None
    unit: str
    context: Mapping[str, Any]
    at: float

    def is_about(self, kind: str, key: str) -> bool:
        return self.kind == kind and (self.keys is None or key in self.keys)


class RecentContexts(Protocol):
    """The store of recent contexts. Each method raises StorageUnavailable or Throttled."""

    def put(self, by_slot: Mapping[int, RecentContext], expires_at: float) -> None:
        """Replaces what the slots hold. Some may be left out."""

    def get_all(self, now: float) -> Sequence[RecentContext]:
        """Those that have not expired at ``now`` (epoch seconds)."""


def hash_unit(unit: object, salt: bytes) -> str:
    return hmac.new(salt, _write(unit).encode(), hashlib.sha256).hexdigest()[:_DIGITS]


def hide_user(
    context: Mapping[str, Any], user_id: str, units: Collection[tuple[str, ...]], salt: bytes
) -> dict[str, Any] | None:
    """A copy of ``context`` with hashes in place of the user's id and of the attributes at ``units``.

    None if the id stands within a longer text too, or if the copy is too large.
    """
    hidden: dict[str, Any] = {**_replace(context, user_id, salt), "user_id": hash_unit(user_id, salt)}
    for path in units:
        hidden = _hash_at(hidden, path, user_id, salt)
    text = _write(hidden)
    written_id = _write(user_id)[1:-1]
    return None if len(text) > MAX_BYTES or written_id in text else hidden


def find_slot(unit: str, slots: int) -> int:
    """``unit`` is a hash."""
    return int(unit, 16) % slots


def _replace(value: Any, user_id: str, salt: bytes) -> Any:
    if isinstance(value, dict):
        return {_replace(name, user_id, salt): _replace(part, user_id, salt) for name, part in value.items()}
    if isinstance(value, list):
        return [_replace(part, user_id, salt) for part in value]
    return hash_unit(value, salt) if value == user_id else value


def _hash_at(context: dict[str, Any], path: Sequence[str], user_id: str, salt: bytes) -> dict[str, Any]:
    """A hash, or an attribute that is missing, stays as it is."""
    step, *rest = path
    inner = context.get(step)
    if inner is None:
        return context
    if rest:
        return {**context, step: _hash_at(inner, rest, user_id, salt)} if isinstance(inner, dict) else context
    return context if inner == hash_unit(user_id, salt) else {**context, step: hash_unit(inner, salt)}


def _write(value: object) -> str:
    """Also lone surrogates and large integers."""
    return json.dumps(value, separators=(",", ":"))
