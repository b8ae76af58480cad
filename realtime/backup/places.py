"""Where a backup is: a file on this machine, or an object in S3 (`s3://bucket/key`)."""

import os
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.stores.clients import Clients
from realtime.safe_reading.regular_files import read_regular

MAX_BYTES = 256_000_000
"""Of a backup, packed."""


class Place(Protocol):
    def read(self) -> bytes:
        """Raises OSError or ValueError, which name the place."""

    def write(self, data: bytes) -> None:
        """All of it or nothing. Raises ValueError if something is there already."""


class LocalFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> bytes:
        return read_regular(self._path, MAX_BYTES, "no backup is as large")

    def write(self, data: bytes) -> None:
        """Only its owner may read it: segments name users."""
        partial = self._path.with_name(f".{self._path.name}.{os.getpid()}.new")
        try:
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.link(partial, self._path)  # unlike a rename, it replaces nothing
        except FileExistsError:
            raise ValueError(f"{self._path} exists already: choose another name") from None
        finally:
            partial.unlink(missing_ok=True)


class S3Object:
    def __init__(self, clients: Clients, bucket: str, key: str) -> None:
        self._clients = clients
        self._object: Any = {"Bucket": bucket, "Key": key}
        self._url = f"s3://{bucket}/{key}"

    def read(self) -> bytes:
        try:
            data: bytes = self._clients.s3.get_object(**self._object)["Body"].read(MAX_BYTES + 1)
        except (BotoCoreError, ClientError) as error:
            raise ValueError(f"{self._url} cannot be read: {error}") from None
        if len(data) > MAX_BYTES:
            raise ValueError(f"{self._url} has over {MAX_BYTES // 1_000_000} MB; no backup is as large")
        return data

    def write(self, data: bytes) -> None:
        try:
            self._clients.s3.put_object(
                **self._object, Body=data, ContentType="application/gzip", IfNoneMatch="*"
            )
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
            if code == "PreconditionFailed":
                raise ValueError(f"{self._url} exists already: choose another name") from None
            raise ValueError(f"{self._url} cannot be written: {error}") from None


def find_place(text: str, clients: Clients) -> Place:
    """Raises ValueError for a URL that is not ``s3://bucket/key``."""
    parts = urlsplit(text)
    if "://" not in text:
        return LocalFile(Path(text))
    key = parts.path.lstrip("/")
    if parts.scheme != "s3" or not parts.netloc or not key or key.endswith("/"):
        raise ValueError(f"{text!r} must be a file, or s3://BUCKET/KEY")
    return S3Object(clients, parts.netloc, key)
