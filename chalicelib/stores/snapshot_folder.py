"""A folder of the bucket with snapshots, which are named by their SHA-256, and the pointer that names one."""

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

ATTEMPTS = 5
"""To replace a pointer that others replace, too."""
KEPT_SECONDS = 3600.0
"""Another writer may be about to name a snapshot that is younger."""
_MISSING = frozenset(("NoSuchKey", "NoSuchBucket", "AccessDenied"))
"""S3 denies who may not list a bucket what is not there, too."""
_CHANGED = frozenset(("PreconditionFailed", "ConditionalRequestConflict"))
_log = logging.getLogger("realtime")


class Found(NamedTuple):
    """``written_at`` is in epoch seconds, by the clock of S3."""

    data: bytes
    etag: str
    written_at: float


class SnapshotFolder:
    """Its methods raise botocore's errors."""

    def __init__(self, clients: "Clients", bucket: str, prefix: str) -> None:
        self._clients = clients
        self._bucket = bucket
        self._prefix = prefix

    def get(self, key: str) -> Found | None:
        try:
            answer = self._clients.s3.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        return Found(answer["Body"].read(), answer["ETag"], answer["LastModified"].timestamp())

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self._clients.s3.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)

    def replace(self, pointer: str, data: bytes, etag: str | None) -> bool:
        """False if somebody else has written it since it had ``etag``; None: since it was not there."""
        condition: Any = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        try:
            self._clients.s3.put_object(
                Bucket=self._bucket, Key=pointer, Body=data, ContentType="application/json", **condition
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _CHANGED:
                return False
            raise
        return True

    def delete_old(self, kept: Collection[str], now: float) -> None:
        """Not by a rule of the bucket, which would delete the newest one when it is old."""
        try:
            listed = self._clients.s3.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix)
            for item in listed.get("Contents", ()):
                is_old = item["LastModified"].timestamp() < now - KEPT_SECONDS
                if is_old and item["Key"] not in kept:
                    self._clients.s3.delete_object(Bucket=self._bucket, Key=item["Key"])
        except ClientError as error:  # such as a publisher who may not
            _log.warning("old snapshots were not deleted: %s", error)
