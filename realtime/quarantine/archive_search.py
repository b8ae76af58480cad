"""Which events of a batch are in the archive already."""

import gzip
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from chalicelib.domain.stream.archive import ArchiveLine, group_lines
from chalicelib.domain.stream.counters import format_position
from chalicelib.domain.stream.records import Batch

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SPAN = re.compile(r"(\d+)\.\d+-(\d+)\.\d+\.jsonl\.gz")


def find_archived(s3: "S3Client", bucket: str, batch: Batch) -> set[str]:
    """The sequence numbers of records with at least one event in the archive.

    It is searched where the events of this batch would be: by the hour of each, and by shard.
    """
    archived: set[str] = set()
    prefixes = {_find_prefix(received.event.hour, batch.shard) for received in batch.events}
    for prefix in sorted(prefixes):
        for key in _list_keys(s3, bucket, prefix, batch):
            body = gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            places = (json.loads(line)["realtime"]["place"] for line in body.splitlines())
            archived |= {place.split(":")[1] for place in places if place.startswith(f"{batch.shard}:")}
    return archived & set(batch.sequence_numbers)


def _list_keys(s3: "S3Client", bucket: str, prefix: str, batch: Batch) -> Iterator[str]:
    """Of the objects whose span overlaps the batch."""
    first, last = batch.positions[0], batch.positions[-1]
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            span = _SPAN.fullmatch(item["Key"][len(prefix) :])
            if span and format_position(span[1]) <= last and format_position(span[2]) >= first:
                yield item["Key"]


def _find_prefix(hour: int, shard: str) -> str:
    """Of the keys of this shard's objects."""
    [archived] = group_lines([ArchiveLine(0, 0, "0", hour, 1, {})], shard)
    return archived.key[: -len("0.0-0.0.jsonl.gz")]
