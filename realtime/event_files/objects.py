"""Objects of S3: fetched one by one, each into a file that is deleted again."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from realtime.event_files.rows import FileError

Fetch = Callable[[], AbstractContextManager[Path]]


def find_objects(url: str) -> Iterator[tuple[str, str, str, Fetch]]:
    """Name, folder, key of the content and how to fetch it, of every object that begins with ``url``."""
    parts = urlsplit(url)
    bucket, prefix = parts.netloc, url.partition(f"s3://{parts.netloc}")[2].lstrip("/")
    base = len(prefix.rpartition("/")[0])
    client, count = connect(), 0
    for key, etag in _list_objects(client, bucket, prefix, url):
        count += 1
        digest = hashlib.sha256(f"s3://{bucket}/{key} {etag}".encode()).hexdigest()[:12]
        yield key[base:].lstrip("/"), key.rpartition("/")[0], digest, _make_fetch(client, bucket, key)
    if not count:
        raise FileError(f"{url}: no object begins with this")


def connect() -> Any:
    """A client for the AWS that the environment names; an endpoint of its own is no virtual host."""
    import boto3
    from botocore.config import Config

    style: Literal["path", "auto"] = "path" if "AWS_ENDPOINT_URL" in os.environ else "auto"
    return boto3.client("s3", config=Config(s3={"addressing_style": style}, retries={"mode": "standard"}))


def _list_objects(client: Any, bucket: str, prefix: str, url: str) -> Iterator[tuple[str, str]]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                name = item["Key"].rpartition("/")[2]
                if item["Size"] and not name.startswith((".", "_")):
                    yield item["Key"], item["ETag"]
    except (BotoCoreError, ClientError) as error:
        raise FileError(f"{url}: {error}") from None


def _make_fetch(client: Any, bucket: str, key: str) -> Fetch:
    from botocore.exceptions import BotoCoreError, ClientError

    @contextmanager
    def fetch() -> Iterator[Path]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "object"
            try:
                client.download_file(bucket, key, str(path))
            except (BotoCoreError, ClientError) as error:
                raise FileError(f"s3://{bucket}/{key}: {error}") from None
            yield path

    return fetch
