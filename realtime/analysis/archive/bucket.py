"""An archive in S3: what is missing is copied to this machine, and stays there for the next time."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from realtime.analysis.archive.contents import Contents, Manifest, Stamp, decode_manifest, write_manifest_key
from realtime.analysis.archive.files import Days, Files, Tell
from realtime.analysis.archive.layout import COMPACTED, MANIFEST, RAW, read_compacted_key, write_folder
from realtime.analysis.model import ArchiveError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

WORKERS = 16
ATTEMPTS = 3
_CHANGED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404"})


class Listed(NamedTuple):
    """``modified``: epoch seconds."""

    stamp: Stamp
    modified: float


class BucketArchive:
    """``folder`` keeps the copies. ``prefix`` is empty or ends with a slash."""

    def __init__(self, s3: "S3Client", bucket: str, prefix: str, folder: Path) -> None:
        self.name = f"s3://{bucket}/{prefix}".rstrip("/")
        self._s3 = s3
        self._bucket = bucket
        self._prefix = prefix
        self._folder = folder

    def fetch(self, days: Days, tell: Tell) -> Files:
        tell("listing the archive")
        contents, listed = self._read_contents(days)
        contents.check(self.name)
        raw, compacted = contents.list_keys()
        self._remove_others(listed, days)
        self._copy({key: listed[key] for key in (*raw, *compacted) if key in listed}, tell)
        return Files(
            [self._folder / key for key in raw],
            [self._folder / key for key in compacted],
            contents.list_notes(),
        )

    def read_contents(self, days: Days) -> Contents:
        return self._read_contents(days)[0]

    def fetch_raw(self, day: date, names: Iterable[str]) -> list[Path]:
        wanted = [f"{RAW}{write_folder(day)}{name}" for name in names]
        listed = dict(self._list(f"{RAW}{write_folder(day)}", None))
        self._copy({key: listed[key] for key in wanted if key in listed}, lambda _: None)
        return [self._folder / key for key in wanted]

    def store_part(self, day: date, name: str, file: Path) -> None:
        key = f"{self._prefix}{COMPACTED}{write_folder(day)}{name}"
        with file.open("rb") as body:
            self._call("put_object", Key=key, Body=body, ContentType="application/vnd.apache.parquet")

    def replace_manifest(self, day: date, manifest: Manifest, before: Manifest | None) -> bool:
        """False if another process was faster."""
        key = write_manifest_key(day)
        condition: dict[str, str] = {"IfNoneMatch": "*"}
        found = self._read_manifest(key)
        if found is not None:
            etag, stored = found
            if stored != before:
                return False
            condition = {"IfMatch": etag}
        try:
            self._call(
                "put_object",
                Key=f"{self._prefix}{key}",
                Body=manifest.encode(),
                ContentType="application/json",
                **condition,
            )
        except _Changed:
            return False
        return True

    def delete_parts(self, day: date, names: Iterable[str]) -> None:
        for name in names:
            self._call("delete_object", Key=f"{self._prefix}{COMPACTED}{write_folder(day)}{name}")

    def _read_contents(self, days: Days) -> tuple[Contents, dict[str, Listed]]:
        contents = Contents()
        listed = dict(self._list(RAW, days.first))
        for key, (stamp, _) in listed.items():
            contents.add(key, stamp, days)
        if not contents.has_events:
            contents.has_events = next(self._list(RAW, None), None) is not None
        for key, item in self._list(COMPACTED, days.first):
            listed[key] = item
            day = read_compacted_key(key)
            if day not in contents.days:
                continue
            if key.endswith(MANIFEST):
                found = self._read_manifest(key)
                contents.days[day].manifest = found[1] if found else None
            else:
                contents.days[day].parts.add(key.rpartition("/")[2])
        return contents, listed

    def _read_manifest(self, key: str) -> tuple[str, Manifest | None] | None:
        """With its ETag; None if there is none."""
        try:
            answer = self._call("get_object", Key=f"{self._prefix}{key}")
        except _Changed:
            return None
        return answer["ETag"], decode_manifest(answer["Body"].read())

    def _list(self, prefix: str, first: date | None) -> Iterator[tuple[str, Listed]]:
        """Keys in order, from the day before ``first`` on: what is filed by delivery may be early."""
        full = self._prefix + prefix
        request: dict[str, Any] = {"Bucket": self._bucket, "Prefix": full}
        if first is not None and first > date.min:
            request["StartAfter"] = full + write_folder(date.fromordinal(first.toordinal() - 1))
        try:
            for page in self._s3.get_paginator("list_objects_v2").paginate(**request):
                for item in page.get("Contents", []):
                    key = item["Key"][len(self._prefix) :]
                    stamp = Stamp(item["Size"], item["ETag"].strip('"'))
                    if not key.endswith("/"):  # a console's folder
                        yield key, Listed(stamp, item["LastModified"].timestamp())
        except (BotoCoreError, ClientError) as error:
            raise ArchiveError(f"{self.name} cannot be listed: {error}") from error

    def _copy(self, wanted: Mapping[str, Listed], tell: Tell) -> None:
        missing = [(key, listed) for key, listed in wanted.items() if not self._has(key, listed)]
        if not missing:
            return
        size = sum(listed.stamp.size for _, listed in missing)
        tell(f"copying {len(missing):,} objects, {size / 1e6:,.1f} MB")
        with ThreadPoolExecutor(WORKERS) as pool:
            futures = [pool.submit(self._download, key) for key, _ in missing]
            try:
                for done, future in enumerate(futures, 1):
                    future.result()
                    tell(f"copied {done:,} of {len(missing):,} objects, {size / 1e6:,.1f} MB in all")
            finally:
                for future in futures:
                    future.cancel()

    def _has(self, key: str, listed: Listed) -> bool:
        """A copy has the size and the time of its object, and its name only when it is complete."""
        try:
            found = (self._folder / key).stat()
        except OSError:
            return False
        return found.st_size == listed.stamp.size and int(found.st_mtime) == int(listed.modified)

    def _download(self, key: str) -> None:
        target = self._folder / key
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = target.with_name(f".{target.name}.{os.getpid()}.{get_ident()}.part")
        try:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    answer = self._call("get_object", Key=f"{self._prefix}{key}")
                    with partial.open("wb") as file, closing(answer["Body"]) as body:
                        shutil.copyfileobj(body, file, 1 << 20)
                    break
                except (HTTPClientError, OSError) as error:  # the connection broke
                    if attempt == ATTEMPTS or isinstance(error, FileNotFoundError | PermissionError):
                        raise ArchiveError(f"{self.name}/{key} could not be copied: {error}") from error
            modified = answer["LastModified"].timestamp()
            os.utime(partial, (modified, modified))
            partial.replace(target)
        except _Changed:
            raise ArchiveError(f"{self.name}/{key} has gone meanwhile: run the command again") from None
        finally:
            partial.unlink(missing_ok=True)

    def _remove_others(self, listed: Mapping[str, Listed], days: Days) -> None:
        """Copies of objects that are no longer there: they expired, or a user was forgotten."""
        if days != Days():
            return
        for path in list(self._folder.rglob("*")):
            if path.is_file() and path.relative_to(self._folder).as_posix() not in listed:
                path.unlink(missing_ok=True)

    def _call(self, operation: str, **request: Any) -> Any:
        try:
            return getattr(self._s3, operation)(Bucket=self._bucket, **request)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _CHANGED:
                raise _Changed from None
            if code == "InvalidObjectState":
                raise ArchiveError(
                    f"{self.name}/{request['Key']} is in cold storage: restore it, then run the command again"
                ) from None
            raise ArchiveError(f"{self.name}/{request['Key']}: {error}") from error
        except HTTPClientError:
            raise
        except BotoCoreError as error:
            raise ArchiveError(f"{self.name} cannot be reached: {error}") from error


class _Changed(Exception):
    """The object is not as it was expected."""
