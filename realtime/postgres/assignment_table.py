"""The assignments table in DynamoDB, read as a whole: page by page, or by many keys."""

import time
from collections.abc import Callable, Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from chalicelib.domain.errors import Misconfigured, StorageUnavailable, Throttled
from chalicelib.stores.batches import batch_get
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

R = TypeVar("R")
Item = Mapping[str, Any]

PAGE_ROWS = 1000
KEYS_A_CALL = 100
MAX_KEY_BYTES = 2048
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0)
"""Seconds between attempts: a table that is throttled, or a database that restarts, is back by then."""


class Page(NamedTuple):
    items: list[Item]
    last_id: str | None
    """Where the next page begins; None at the end."""


class AssignmentTable:
    def __init__(self, dynamodb: "DynamoDBClient", table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    @guarded
    def estimate(self) -> int:
        """The number of rows, some hours ago."""
        return int(self._dynamodb.describe_table(TableName=self._table)["Table"]["ItemCount"])

    @guarded
    def scan(self, segment: int, segments: int, after: str | None) -> Page:
        """A page of one of ``segments`` parts of the table."""
        start: Any = {"ExclusiveStartKey": {"id": {"S": after}}} if after else {}
        answer = self._dynamodb.scan(
            TableName=self._table,
            Segment=segment,
            TotalSegments=segments,
            Limit=PAGE_ROWS,
            ConsistentRead=True,
            **start,
        )
        last: Any = answer.get("LastEvaluatedKey")
        return Page(list(answer["Items"]), last["id"]["S"] if last else None)

    @guarded
    def get_many(self, ids: Iterable[str]) -> dict[str, Item]:
        """By id, the rows that exist; at most 100 ids."""
        keys = [{"id": {"S": row_id}} for row_id in ids if 0 < len(row_id.encode()) <= MAX_KEY_BYTES]
        if not keys:
            return {}
        items = batch_get(self._dynamodb, self._table, keys, consistent=True)
        return {item["id"]["S"]: item for item in items}


class Pace:
    """At most ``rate`` rows a second, over all threads; 0: as fast as it goes."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._next = time.monotonic()
        self._lock = Lock()

    def wait(self, rows: int) -> None:
        if not self._rate:
            return
        with self._lock:
            begin = max(time.monotonic(), self._next)
            self._next = begin + rows / self._rate
        time.sleep(max(0.0, begin - time.monotonic()))


def persist(call: Callable[[], R]) -> R:
    """The result of ``call``, which is repeated while its store cannot be reached or is throttled."""
    for pause in PAUSES:
        try:
            return call()
        except Misconfigured:
            raise  # waiting does not mend it
        except (StorageUnavailable, Throttled):
            time.sleep(pause)
    return call()
