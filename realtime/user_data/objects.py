"""Objects of the bucket that may hold a user: each version is read, and rewritten or deleted.

A bucket with versions keeps what was overwritten, so all versions are searched: an old one that holds a user
is deleted, the latest is rewritten under its key. A write is conditional on the version that was read: the
processor may write the same object again.
"""

import gzip
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from botocore.exceptions import ClientError
from isal import isal_zlib

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.stream.archive import GZIP_LEVEL
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

WORKERS = 16
WAITING = 8
"""Keys that wait for each worker, at most."""
ATTEMPTS = 5
UNVERSIONED = "null"
"""The id of what was written without versioning; the next such write overwrites it."""
_GZIP = b"\x1f\x8b"
_KEPT = ("ContentType", "ContentEncoding", "Metadata", "StorageClass")
_MISSING = frozenset({"NoSuchKey", "NoSuchVersion", "404"})
_CHANGED = _MISSING | {"PreconditionFailed", "ConditionalRequestConflict"}

T = TypeVar("T")
R = TypeVar("R")


class Version(NamedTuple):
    """One version of an object. In a bucket without versions there is one, whose id is ``null``."""

    key: str
    id: str
    etag: str
    is_latest: bool


class Content(NamedTuple):
    """``body`` is unpacked; None if it cannot be read: packed in another way, or in cold storage."""

    body: bytes | None
    is_packed: bool
    attributes: dict[str, Any]


class ObjectStore:
    """``bucket`` with all its versions."""

    def __init__(self, clients: "Clients", bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket

    def list_versions(self, prefix: str, after: str = "") -> Iterator[tuple[str, list[Version]]]:
        """By key, in the order of the keys, behind the key ``after``; of each the newest version first."""
        versions = (version for page in self._list_pages(prefix, after) for version in page)
        for key, group in groupby(versions, key=lambda version: version.key):
            yield key, list(group)

    def read_versions(self, key: str) -> list[Version]:
        versions = [version for page in self._list_pages(key, "") for version in page]
        return [version for version in versions if version.key == key]

    def _list_pages(self, prefix: str, after: str) -> Iterator[list[Version]]:
        marker: dict[str, Any] = {"KeyMarker": after} if after else {}
        while True:
            page = self._list_page(prefix, marker)
            yield [
                Version(item["Key"], item["VersionId"], item["ETag"], item["IsLatest"])
                for item in page.get("Versions", [])
            ]
            if not page.get("IsTruncated"):
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    @guarded
    def _list_page(self, prefix: str, marker: dict[str, Any]) -> Any:
        return self._clients.s3.list_object_versions(Bucket=self._bucket, Prefix=prefix, **marker)

    @guarded
    def read(self, version: Version) -> Content | None:
        """None if it has gone meanwhile."""
        try:
            answer: Any = self._clients.s3.get_object(
                Bucket=self._bucket, Key=version.key, VersionId=version.id
            )
            data = answer["Body"].read()
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _MISSING:
                return None
            if code == "InvalidObjectState":  # in cold storage, and not restored
                return Content(None, False, {})
            raise
        attributes = {name: answer[name] for name in _KEPT if answer.get(name)}
        is_packed = data.startswith(_GZIP)
        return Content(_unpack(data) if is_packed else data, is_packed, attributes)

    @guarded
    def write(self, version: Version, content: Content, body: bytes) -> bool:
        """``body`` in place of ``version``, which goes for good; False if another is the latest now."""
        data = isal_zlib.compress(body, GZIP_LEVEL, 31) if content.is_packed else body
        try:
            answer = self._clients.s3.put_object(
                Bucket=self._bucket, Key=version.key, Body=data, IfMatch=version.etag, **content.attributes
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in (
                "PreconditionFailed",
                "ConditionalRequestConflict",
                *_MISSING,
            ):
                return False
            raise
        is_overwritten = version.id == UNVERSIONED and answer.get("VersionId") in (None, UNVERSIONED)
        if not is_overwritten:
            self.delete(version)
        return True

    @guarded
    def delete(self, version: Version) -> None:
        """For good: no marker takes its place."""
        self._clients.s3.delete_object(Bucket=self._bucket, Key=version.key, VersionId=version.id)


def map_in_order(work: Callable[[T], R], items: Iterable[T], workers: int = WORKERS) -> Iterator[R]:
    """The results of ``work`` in the order of ``items``, with a bounded number of items under way."""
    waiting: deque[Future[R]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= workers * WAITING:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _unpack(data: bytes) -> bytes | None:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return None


class Busy(StorageUnavailable):
    def __init__(self) -> None:
        super().__init__("An object is written again and again meanwhile; run the command again.")
