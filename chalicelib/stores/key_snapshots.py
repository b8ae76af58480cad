"""Snapshots of API keys in S3: ``keys/SHA256.json``.

``keys/current.json`` names the one in force. The heartbeat writes ``keys/confirmed.json``, which says when
the table last had the same.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.key_snapshot import (
    KeyPointer,
    KeySnapshot,
    compute_sha256,
    decode_keys,
    decode_pointer,
    encode_keys,
    encode_pointer,
)
from chalicelib.domain.keys import ApiKey
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp
from chalicelib.stores.resilience import guarded
from chalicelib.stores.snapshot_folder import ATTEMPTS, Found, SnapshotFolder

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

FOLDER = "keys/"
POINTER = f"{FOLDER}current.json"
CONFIRMATION = f"{FOLDER}confirmed.json"
REMEDY = "`python -m realtime snapshot` replaces it"
_log = logging.getLogger("realtime")


class _Seen(NamedTuple):
    """What a pointer or a confirmation says; ``at`` is in epoch seconds."""

    sha256: str
    at: float


class KeySnapshotStore:
    """Its methods raise StorageUnavailable or Throttled; the first also for a snapshot that is damaged."""

    def __init__(self, clients: "Clients", bucket: str) -> None:
        self._folder = SnapshotFolder(clients, bucket, FOLDER)
        self._newest: tuple[str, dict[str, ApiKey]] = ("", {})

    @guarded
    def read(self) -> KeySnapshot | None:
        """The one in force; None if there is none."""
        for _ in range(2):  # between two reads somebody may have replaced it
            pointer = _read(self._folder.get(POINTER))
            if pointer is None:
                return None
            keys = self._read_keys(pointer.sha256)
            if keys is not None:
                return KeySnapshot(keys, self._find_age(pointer))
        return None

    @guarded
    def read_in_force_at(self) -> float | None:
        """When the one in force was last known to be what the table has; None without one."""
        pointer = _read(self._folder.get(POINTER))
        return self._find_age(pointer) if pointer else None

    @guarded
    def write(self, take: Callable[[], Iterable[ApiKey]], now: float) -> bool:
        """Writes what ``take`` reads from the table; whether that is new. Also raises InvalidInput.

        The pointer is read before the table, and written unless somebody else has done so since. So it never
        has a key whose revocation was written before.
        """
        for _ in range(ATTEMPTS):
            current = self._folder.get(POINTER)
            data = encode_keys(take())
            if self._put(data, format_timestamp(now), current, now):
                before = _read(current)
                return before is None or before.sha256 != compute_sha256(data)
        raise StorageUnavailable("Others change keys all the time; run it again.")

    @guarded
    def revoke(self, key_id: str, revoked: str, now: float) -> bool:
        """While the table is away. It gets no younger by that. False if it does not have the key."""
        for _ in range(ATTEMPTS):
            current = self._folder.get(POINTER)
            pointer = _read(current)
            keys = self._read_keys(pointer.sha256) if pointer else None
            if pointer is None or keys is None or key_id not in keys:
                return False
            changed = keys | {key_id: replace(keys[key_id], revoked=revoked)}
            in_force_at = format_timestamp(self._find_age(pointer))
            if self._put(encode_keys(changed.values()), in_force_at, current, now):
                return True
        raise StorageUnavailable("Others change keys all the time; run it again.")

    def _put(self, data: bytes, in_force_at: str, current: Found | None, now: float) -> bool:
        sha256 = compute_sha256(data)
        self._folder.put(_name(sha256), data, "application/json")
        pointer = encode_pointer(KeyPointer(sha256, in_force_at))
        if not self._folder.replace(POINTER, pointer, current.etag if current else None):
            return False
        self._folder.delete_old((_name(sha256), POINTER, CONFIRMATION), now)
        return True

    def _read_keys(self, sha256: str) -> dict[str, ApiKey] | None:
        if self._newest[0] == sha256:
            return self._newest[1]
        found = self._folder.get(_name(sha256))
        if found is None:
            return None
        try:
            keys = decode_keys(found.data, sha256)
        except (ValueError, TypeError) as error:
            _log.error("the snapshot of keys is damaged, %s: %s", REMEDY, error)
            raise StorageUnavailable from error
        self._newest = sha256, keys
        return keys

    def _find_age(self, pointer: _Seen) -> float:
        confirmed = _read(self._folder.get(CONFIRMATION))
        is_same = confirmed is not None and confirmed.sha256 == pointer.sha256
        return max(pointer.at, confirmed.at) if confirmed and is_same else pointer.at


def _read(found: Found | None) -> _Seen | None:
    """A damaged one counts as none. No clock of a writer makes a snapshot younger than S3 says."""
    if found is None:
        return None
    try:
        pointer = decode_pointer(found.data)
        return _Seen(pointer.sha256, min(parse_timestamp(pointer.in_force_at), found.written_at))
    except ValueError as error:
        _log.error("the pointer of the keys is damaged, %s: %s", REMEDY, error)
        return None


def _name(sha256: str) -> str:
    return f"{FOLDER}{sha256}.json"
