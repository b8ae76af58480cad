"""Where the archive is: the environment's bucket, another one, or a folder."""

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from realtime.analysis.archive.bucket import BucketArchive
from realtime.analysis.archive.folder import FolderArchive
from realtime.analysis.archive.layout import RAW
from realtime.analysis.model import ArchiveError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

COPIES = Path(".realtime") / "archive"
"""Copies of buckets. They hold users, so `forget` deletes them."""


def open_archive(
    text: str | None, s3: "S3Client", bucket: str, copies: Path = COPIES
) -> BucketArchive | FolderArchive:
    """``text`` is that of ``--archive``: nothing (``bucket``), ``s3://BUCKET[/PREFIX]`` or a folder.

    Raises ArchiveError.
    """
    if text is None:
        text = f"s3://{bucket}"
    if "://" not in text:
        return FolderArchive(Path(text))
    parts = urlsplit(text)
    if parts.scheme != "s3" or not parts.netloc:
        raise ArchiveError(f"--archive: {text!r} must be a folder, or s3://BUCKET or s3://BUCKET/PREFIX")
    prefix = parts.path.strip("/") + "/"
    if f"/{prefix}".endswith(f"/{RAW}"):
        prefix = prefix[: -len(RAW)]
    prefix = prefix.lstrip("/")
    return BucketArchive(s3, parts.netloc, prefix, find_copies(parts.netloc, prefix, copies))


def find_copies(bucket: str, prefix: str = "", copies: Path = COPIES) -> Path:
    """Of a bucket on the AWS that the environment names."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "aws")
    return (
        copies / quote(f"{endpoint}-{bucket}", safe="") / (quote(prefix.strip("/"), safe="") or "-")
    ).absolute()
