"""BatchGetItem until everything is read: when throttled, it answers 200 with a part of the items."""

import random
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from chalicelib import deadline
from chalicelib.domain.errors import Throttled

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEYS = 100
"""That one call takes."""
MAX_EMPTY = 4
"""Calls in a row that read nothing, after which it raises Throttled."""
PAUSE = 0.05
"""Seconds, at most, before the second call; doubled with each call that read nothing."""


def batch_get(
    client: "DynamoDBClient", table: str, keys: Iterable[Any], *, consistent: bool
) -> Iterator[Any]:
    """The items that exist, in any order; raises Throttled if some stay unread."""
    remaining = iter(keys)
    while batch := list(islice(remaining, KEYS)):
        yield from _get_batch(client, table, batch, consistent)


def _get_batch(client: "DynamoDBClient", table: str, keys: list[Any], consistent: bool) -> Iterator[Any]:
    request: Any = {table: {"Keys": keys, "ConsistentRead": consistent}}
    empty = 0
    while True:
        answer = client.batch_get_item(RequestItems=request)
        items = answer["Responses"].get(table, [])
        yield from items
        request = answer.get("UnprocessedKeys")
        if not request:
            return
        empty = 0 if items else empty + 1
        pause = random.uniform(0, PAUSE * 2**empty)  # noqa: S311 - jitter
        if empty == MAX_EMPTY or deadline.get_remaining() < 2 * pause:
            raise Throttled
        time.sleep(pause)
