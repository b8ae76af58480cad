"""BatchGetItem until all is read: it answers 200 though it has read a part only, as when throttled."""

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
"""As many as one call takes."""
FRUITLESS = 4
"""Calls in a row that read nothing, after which it is given up."""
PAUSE = 0.05
"""Seconds, at most, before the first repetition; doubled with each that was fruitless."""


def batch_get(
    client: "DynamoDBClient", table: str, keys: Iterable[Any], *, consistent: bool
) -> Iterator[Any]:
    """The items that exist, in any order; raises Throttled if some stay unread."""
    remaining = iter(keys)
    while some := list(islice(remaining, KEYS)):
        yield from _batch(client, table, some, consistent)


def _batch(client: "DynamoDBClient", table: str, keys: list[Any], consistent: bool) -> Iterator[Any]:
    request: Any = {table: {"Keys": keys, "ConsistentRead": consistent}}
    fruitless = 0
    while True:
        answer = client.batch_get_item(RequestItems=request)
        found = answer["Responses"].get(table, [])
        yield from found
        request = answer.get("UnprocessedKeys")
        if not request:
            return
        fruitless = 0 if found else fruitless + 1
        pause = random.uniform(0, PAUSE * 2**fruitless)  # noqa: S311 - jitter
        if fruitless == FRUITLESS or deadline.remaining() < 2 * pause:
            raise Throttled
        time.sleep(pause)
