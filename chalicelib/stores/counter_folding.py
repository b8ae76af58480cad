"""Fold the counters of closed days: one transaction moves the counts of up to 99 items into the day's item.

An item whose counts have moved keeps its position, so that a record that is delivered again is still known.
Once no record of that time can be delivered any more, the item is deleted.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from chalicelib.domain.stream.counters import Counter, CounterItem, parse_day, parse_hours
from chalicelib.domain.stream.folded_days import POSITION_SECONDS, PackedDay, add_items, pack_day, unpack_day

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

DAY_PREFIX = "day#"
"""Of the sort key of a folded day. It sorts after all keys of counters, which begin with a digit."""
_OWN = ("folded_at", "revision")
"""Numbers of an item that are no sums."""
ITEMS_A_TRANSACTION = 99
MAX_PACKED_BYTES = 350_000
"""An item has at most 400 KB. A day that needs more stays as it is."""


def read_numbers(item: Any) -> dict[str, int]:
    """The sums of a counter's item; empty after they have moved."""
    return {name: int(value["N"]) for name, value in item.items() if "N" in value and name not in _OWN}


def read_folded_day(item: Any) -> list[CounterItem]:
    scope, day = item["id"]["S"], item["counter"]["S"].removeprefix(DAY_PREFIX)
    return unpack_day(scope, parse_day(day), PackedDay(item["sums"]["B"], item["hours"]["B"]))


class Folding:
    """Of one scope; ``items`` are those of days before ``before``, in the order of their keys."""

    def __init__(self, client: "DynamoDBClient", table: str, scope: str, now: float) -> None:
        self._client = client
        self._table = table
        self._scope = scope
        self._now = now

    def fold(self, items: Sequence[Any]) -> int:
        moved = 0
        for day, of_day in groupby(items, key=lambda item: item["counter"]["S"].partition("#")[0]):
            with_counts = []
            for item in of_day:
                if read_numbers(item):
                    with_counts.append(item)
                elif float(item["folded_at"]["N"]) < self._now - POSITION_SECONDS:
                    self._delete(item)
            for start in range(0, len(with_counts), ITEMS_A_TRANSACTION):
                moved += self._move(day, with_counts[start : start + ITEMS_A_TRANSACTION])
        return moved

    def _move(self, day: str, items: Sequence[Any]) -> int:
        """How many items were moved: none if another container was first, or an item has changed."""
        key: Any = {"id": {"S": self._scope}, "counter": {"S": f"{DAY_PREFIX}{day}"}}
        stored = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        counted = [
            CounterItem(Counter.parse(self._scope, item["counter"]["S"]), parse_hours(read_numbers(item)))
            for item in items
        ]
        packed = pack_day(add_items(read_folded_day(stored) if stored else (), counted))
        if sum(map(len, packed)) > MAX_PACKED_BYTES:
            return 0
        revision = int(stored["revision"]["N"]) if stored else 0
        put: Any = {
            "TableName": self._table,
            "Item": {
                **key,
                "sums": {"B": packed.sums},
                "hours": {"B": packed.hours},
                "revision": {"N": str(revision + 1)},
                "folded_at": {"N": str(self._now)},
            },
            "ConditionExpression": "attribute_not_exists(id)" if not revision else "revision = :revision",
        }
        if revision:
            put["ExpressionAttributeValues"] = {":revision": {"N": str(revision)}}
        updates = [{"Update": self._take_counts(item)} for item in items]
        try:
            self._client.transact_write_items(TransactItems=[{"Put": put}, *updates])  # type: ignore[list-item]  # each is one of the kinds
        except self._client.exceptions.TransactionCanceledException:
            return 0
        return len(items)

    def _take_counts(self, item: Any) -> dict[str, Any]:
        """Only if its counts are still there: another container may have moved them since they were read."""
        names = {f"#{name}": name for name in read_numbers(item)}
        return {
            "TableName": self._table,
            "Key": {"id": item["id"], "counter": item["counter"]},
            "UpdateExpression": f"SET folded_at = :now REMOVE {', '.join(names)}",
            "ConditionExpression": f"#seq = :seq AND attribute_exists({min(names)})",
            "ExpressionAttributeNames": names | {"#seq": "seq"},
            "ExpressionAttributeValues": {":seq": item["seq"], ":now": {"N": str(self._now)}},
        }

    def _delete(self, item: Any) -> None:
        """Unless something was counted in between."""
        try:
            self._client.delete_item(
                TableName=self._table,
                Key={"id": item["id"], "counter": item["counter"]},
                ConditionExpression="#seq = :seq",
                ExpressionAttributeNames={"#seq": "seq"},
                ExpressionAttributeValues={":seq": item["seq"]},
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return
