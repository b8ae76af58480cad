"""The counters table: ``id`` scope, ``counter`` is `Counter.sort_key`, ``seq``, ``n00`` … ``r23``."""

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.domain.stream.counters import (
    Addition,
    CountedScope,
    Counter,
    CounterItem,
    format_day,
    parse_hours,
)
from chalicelib.stores.conditions import get_existing_item
from chalicelib.stores.counter_folding import DAY_PREFIX, Folding, read_folded_day, read_numbers
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients


SECONDS_TO_SETTLE = 60.0
"""After a day was folded, a reading may have seen its counts twice, or not at all. Clocks may differ."""


class CounterStore:
    """`Counters` in DynamoDB."""

    def __init__(self, clients: "Clients", table: str) -> None:
        self._clients = clients
        self._table = table

    @guarded
    def add(self, tally: Addition, counted: str | None) -> str | None:
        names, values, additions = {"#seq": "seq"}, {":seq": {"S": tally.last}}, []
        for name, number in tally.increments().items():
            values[f":{name}"] = {"N": str(number)}
            additions.append(f"{name} :{name}")
        if counted is None:
            condition = "attribute_not_exists(#seq) OR #seq < :first"
            values[":first"] = {"S": tally.first}
        else:
            condition = "#seq = :counted"
            values[":counted"] = {"S": counted}
        try:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                Key={"id": {"S": tally.counter.scope}, "counter": {"S": tally.counter.sort_key}},
                UpdateExpression=f"SET #seq = :seq ADD {', '.join(additions)}",
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            return str(get_existing_item(error)["seq"]["S"])
        return None

    def read(self, scope: str) -> Iterable[CounterItem]:
        return self.read_positions(scope).items

    def read_positions(self, scope: str) -> CountedScope:
        """Counters first, then folded days. If a day has just been folded, it reads until nothing moves."""
        revisions: dict[str, str] = {}
        while True:
            started = time.time()
            items = list(self._query(scope, "#day < :day", DAY_PREFIX))
            days = list(self._query(scope, "begins_with(#day, :day)", DAY_PREFIX))
            latest = max((float(day["folded_at"]["N"]) for day in days), default=0.0)
            read = {day["counter"]["S"]: day["revision"]["N"] for day in days}
            if latest < started - SECONDS_TO_SETTLE or read == revisions:
                folded = [item for day in days for item in read_folded_day(day)]
                counters = list(filter(None, map(_parse_item, items)))
                return CountedScope(
                    [*counters, *folded], {_parse_key(item): item["seq"]["S"] for item in items}
                )
            revisions = read

    @guarded
    def fold(self, scope: str, before: int, now: float) -> int:
        items = list(self._query(scope, "#day < :day", format_day(before)))
        return Folding(self._clients.dynamodb, self._table, scope, now).fold(items)

    def _query(self, scope: str, condition: str, day: str) -> Iterator[Any]:
        start: dict[str, Any] = {}
        while True:
            items, start = self._read_page(scope, condition, day, start)
            yield from items
            if not start:
                return

    @guarded
    def _read_page(
        self, scope: str, condition: str, day: str, start: dict[str, Any]
    ) -> tuple[list[Any], dict[str, Any]]:
        request: Any = {"ExclusiveStartKey": start} if start else {}
        answer: Any = self._clients.dynamodb.query(
            TableName=self._table,
            KeyConditionExpression=f"id = :id AND {condition}",
            ExpressionAttributeValues={":id": {"S": scope}, ":day": {"S": day}},
            ExpressionAttributeNames={"#day": "counter"},
            ConsistentRead=True,
            **request,
        )
        return answer["Items"], answer.get("LastEvaluatedKey", {})


def _parse_item(item: Any) -> CounterItem | None:
    """None if its counts have moved to the item of their day."""
    hours = parse_hours(read_numbers(item))
    return CounterItem(_parse_key(item), hours) if hours else None


def _parse_key(item: Any) -> Counter:
    return Counter.parse(item["id"]["S"], item["counter"]["S"])
