"""BatchGetItem until all is read: it answers 200 though it has read a part only."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import StorageUnavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEYS = 100
"""As many as one call takes."""


def batch_get(
    client: "DynamoDBClient", table: str, keys: Iterable[Any], *, consistent: bool
) -> Iterator[Any]:
    """The items that exist, in any order; raises StorageUnavailable when a retry brings none of the rest."""
    remaining = iter(keys)
    while some := list(islice(remaining, KEYS)):
        yield from _batch(client, table, some, consistent)


def _batch(client: "DynamoDBClient", table: str, keys: list[Any], consistent: bool) -> Iterator[Any]:
    request: Any = {table: {"Keys": keys, "ConsistentRead": consistent}}
    left = len(keys) + 1
    while request:
        if len(request[table]["Keys"]) >= left:
            raise StorageUnavailable("The store answers only in part; try again.")
        left = len(request[table]["Keys"])
        answer = client.batch_get_item(RequestItems=request)
        yield from answer["Responses"].get(table, [])
        request = answer.get("UnprocessedKeys")
