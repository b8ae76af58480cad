"""Snapshots of all definitions in S3: ``definitions/SHA256.json.gz``. ``current.json`` names the newest."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

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

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

FOLDER = "definitions/"
POINTER = f"{FOLDER}current.json"
ATTEMPTS = 5
KEPT_SECONDS = 3600.0
"""Another publisher may be about to name a snapshot that is younger."""
_MISSING = frozenset(("NoSuchKey", "NoSuchBucket", "AccessDenied"))
"""S3 denies who may not list a bucket what is not there, too."""
_CHANGED = frozenset(("PreconditionFailed", "ConditionalRequestConflict"))
_log = logging.getLogger("realtime")


class SnapshotStore:
    def __init__(self, clients: "Clients", bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket

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
            data = self._get(_name(pointer.sha256))
            if data is not None:
                return _decode(data[0], pointer)
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
            self._clients.s3.put_object(
                Bucket=self._bucket, Key=_name(sha256), Body=data, ContentType="application/gzip"
            )
            if self._put_pointer(pointer, etag):
                self._delete_old(_name(sha256), now)
                return pointer
        raise StorageUnavailable("Others publish all the time; their snapshot has what this one would have.")

    def _put_pointer(self, pointer: Pointer, etag: str | None) -> bool:
        """False if somebody else has written one since."""
        condition: Any = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            self._clients.s3.put_object(
                Bucket=self._bucket,
                Key=POINTER,
                Body=encode_pointer(pointer),
                ContentType="application/json",
                **condition,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _CHANGED:
                return False
            raise
        return True

    def _delete_old(self, newest: str, now: float) -> None:
        """Not by a rule of the bucket, which would delete the newest one when it is old."""
        try:
            listed = self._clients.s3.list_objects_v2(Bucket=self._bucket, Prefix=FOLDER)
            for item in listed.get("Contents", ()):
                is_old = item["LastModified"].timestamp() < now - KEPT_SECONDS
                if is_old and item["Key"] not in (newest, POINTER):
                    self._clients.s3.delete_object(Bucket=self._bucket, Key=item["Key"])
        except ClientError as error:  # such as a publisher who may not
            _log.warning("old snapshots were not deleted: %s", error)

    def _read_pointer(self) -> tuple[Pointer | None, str | None]:
        """And its ETag; a damaged one counts as none, and is replaced."""
        found = self._get(POINTER)
        if found is None:
            return None, None
        data, etag = found
        try:
            return decode_pointer(data), etag
        except ValueError as error:
            _log.error("the snapshot's pointer is damaged, publish anything to replace it: %s", error)
            return None, etag

    def _get(self, key: str) -> tuple[bytes, str] | None:
        try:
            answer = self._clients.s3.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        return answer["Body"].read(), answer["ETag"]


def _name(sha256: str) -> str:
    return f"{FOLDER}{sha256}.json.gz"


def _decode(data: bytes, pointer: Pointer) -> Snapshot:
    try:
        return decode_snapshot(data, pointer)
    except (ValueError, OSError, EOFError, KeyError, TypeError) as error:
        _log.error("the snapshot is damaged, publish anything to replace it: %s", error)
        raise StorageUnavailable from error
