"""What lies in the archive."""

import gzip
from typing import Any

import orjson

from chalicelib.stores.clients import Clients


def archived(clients: Clients, bucket: str) -> dict[str, bytes]:
    """Key → bytes of every object of events."""
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="raw/events/")
    keys = [stored["Key"] for page in pages for stored in page.get("Contents", [])]
    return {key: clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def archived_lines(clients: Clients, bucket: str) -> list[dict[str, Any]]:
    bodies = archived(clients, bucket).values()
    return [orjson.loads(line) for body in bodies for line in gzip.decompress(body).splitlines()]
