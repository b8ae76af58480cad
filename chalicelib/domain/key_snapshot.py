"""A snapshot of API keys, by which a container knows them while their table does not answer.

It has what the table has of each key: its SHA-256, never the key itself. It is named by its own SHA-256, and
a pointer, which is written last, says which one is in force. A confirmation says when the table was last
seen to have the same, so it is as old as that, and not as the last change of a key.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.keys import ApiKey

FORMAT = "realtime-keys-1"
MAX_KEYS = 20_000


@dataclass(frozen=True, slots=True)
class KeySnapshot:
    """``in_force_at``: when it was last known to be what the table has, in epoch seconds."""

    keys: Mapping[str, ApiKey]
    in_force_at: float


@dataclass(frozen=True, slots=True)
class KeyPointer:
    """A snapshot, and when the table was seen to have the same, as ISO 8601."""

    sha256: str
    in_force_at: str


class KeySnapshots(Protocol):
    """Their store. Each method raises StorageUnavailable or Throttled."""

    def read(self) -> KeySnapshot | None: ...
    def write(self, take: Callable[[], Iterable[ApiKey]], now: float) -> bool:
        """Whether it is new. Also raises InvalidInput."""

    def revoke(self, key_id: str, revoked: str, now: float) -> bool:
        """False if it does not have the key."""


def encode_keys(keys: Iterable[ApiKey]) -> bytes:
    """The same bytes for the same keys, as realtime/heartbeat.py compares them. Raises InvalidInput.

    Without the last use, which changes every hour.
    """
    rows = [[key.id, key.label, sorted(key.scopes), key.created, key.revoked, key.expires] for key in keys]
    if len(rows) > MAX_KEYS:
        message = f"There are {len(rows)} keys, and a snapshot has at most {MAX_KEYS}:"
        raise InvalidInput("too_many_keys", f"{message} delete revoked ones from the table.")
    return json.dumps([FORMAT, sorted(rows, key=lambda row: str(row[0]))]).encode()


def decode_keys(data: bytes, sha256: str) -> dict[str, ApiKey]:
    """By id. Raises ValueError if ``data`` has another SHA-256, or is of another format."""
    if compute_sha256(data) != sha256:
        raise ValueError("the snapshot of keys has another SHA-256 than its name")
    form, rows = json.loads(data)
    if form != FORMAT:
        raise ValueError("the snapshot of keys has another format")
    return {
        id_: ApiKey(id_, label, tuple(scopes), created, revoked, expires)
        for id_, label, scopes, created, revoked, expires in rows
    }


def compute_sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def encode_pointer(pointer: KeyPointer) -> bytes:
    return json.dumps({"format": FORMAT, **asdict(pointer)}).encode()


def decode_pointer(data: bytes) -> KeyPointer:
    """Of a pointer or a confirmation. Raises ValueError for anything else."""
    try:
        document: dict[str, Any] = json.loads(data)
        if document.pop("format") != FORMAT or not all(isinstance(text, str) for text in document.values()):
            raise ValueError("the pointer of the keys has another format")
        return KeyPointer(**document)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"the pointer of the keys cannot be read: {error}") from None
