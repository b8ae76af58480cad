"""Snapshots of all definitions in S3: ``definitions/SHA256.json.gz``. ``current.json`` names the newest."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.domain.definitions.snapshot import (
    Pointer,
    Snapshot,
    compute_sha256,
    decode_pointer,
    decode_snapshot,
    encode_pointer,
    encode_snapshot,
)
from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.stores.resilience import guarded
from chalicelib.stores.snapshot_folder import ATTEMPTS, SnapshotFolder

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

FOLDER = "definitions/"
POINTER = f"{FOLDER}current.json"
_log = logging.getLogger("realtime")


class SnapshotStore:
    def __init__(self, clients: "Clients", bucket: str) -> None:
        self._folder = SnapshotFolder(clients, bucket, FOLDER)

    @guarded
    def read_pointer(self) -> Pointer | None:
        """None if there is no snapshot. Raises StorageUnavailable or Throttled."""
        return self._read_pointer()[0]

    @guarded
    def read(self, at_least: int) -> Snapshot | None:
        """The newest snapshot; None if there is none, or none of the version ``at_least``.

        Raises StorageUnavailable or Throttled; the first also for one that is damaged.
        """
        for _ in range(2):  # between the two reads another publisher may have replaced it
            pointer, _etag = self._read_pointer()
            if pointer is None or pointer.version < at_least:
                return None
            found = self._folder.get(_name(pointer.sha256))
            if found is not None:
                return _decode(found.data, pointer)
        return None

    @guarded
    def write(self, take: Callable[[], Snapshot], now: float) -> Pointer:
        """Writes what ``take`` reads from the tables, unless that is what the pointer says already.

        The pointer is read before the tables. So one that names a later version than the tables have is of
        other tables, which had the name before, and is replaced. Raises StorageUnavailable or Throttled.
        """
        for _ in range(ATTEMPTS):
            current, etag = self._read_pointer()
            snapshot = take()
            data = encode_snapshot(snapshot)
            sha256 = compute_sha256(data)
            if current is not None and (current.version, current.sha256) == (snapshot.version, sha256):
                return current
            pointer = Pointer(snapshot.version, sha256, len(data), format_timestamp(now))
            self._folder.put(_name(sha256), data, "application/gzip")
            if self._folder.replace(POINTER, encode_pointer(pointer), etag):
                self._folder.delete_old((_name(sha256), POINTER), now)
                return pointer
        raise StorageUnavailable("Others publish all the time; their snapshot has what this one would have.")

    def _read_pointer(self) -> tuple[Pointer | None, str | None]:
        """And its ETag; a damaged one counts as none, and is replaced."""
        found = self._folder.get(POINTER)
        if found is None:
            return None, None
        try:
            return decode_pointer(found.data), found.etag
        except ValueError as error:
            _log.error("the snapshot's pointer is damaged, publish anything to replace it: %s", error)
            return None, found.etag


def _name(sha256: str) -> str:
    return f"{FOLDER}{sha256}.json.gz"


def _decode(data: bytes, pointer: Pointer) -> Snapshot:
    try:
        return decode_snapshot(data, pointer)
    except (ValueError, OSError, EOFError, KeyError, TypeError) as error:
        _log.error("the snapshot is damaged, publish anything to replace it: %s", error)
        raise StorageUnavailable from error
