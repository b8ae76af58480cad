"""The counters table: ``id`` scope, ``counter`` day#variant#event_type#shard, ``seq``, ``n00`` … ``q23``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.domain.stream.counters import Counter, CounterItem, Sums, Tally, parse_day
from chalicelib.stores.conditions import get_existing_item
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients


class CounterStore:
    """`Counters` in DynamoDB."""

    def __init__(self, clients: "Clients", table: str) -> None:
        self._clients = clients
        self._table = table

    @guarded
    def add(self, tally: Tally, counted: str | None) -> str | None:
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

    def read(self, scope: str) -> Iterator[CounterItem]:
        start: dict[str, Any] = {}
        while True:
            items, start = self._page(scope, start)
            yield from (_parse_item(item) for item in items)
            if not start:
                return

    @guarded
    def _page(self, scope: str, start: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        request: Any = {"ExclusiveStartKey": start} if start else {}
        answer: Any = self._clients.dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues={":id": {"S": scope}},
            ConsistentRead=True,
            **request,
        )
        return answer["Items"], answer.get("LastEvaluatedKey", {})


def _parse_item(item: Any) -> CounterItem:
    day, variant, event_type, shard = item["counter"]["S"].split("#", 3)

    def number(name: str) -> int:
        return int(item[name]["N"]) if name in item else 0

    hours = {
        hour: Sums(number(f"n{hour:02d}"), number(f"s{hour:02d}"), number(f"q{hour:02d}"))
        for hour in range(24)
        if f"n{hour:02d}" in item
    }
    return CounterItem(Counter(item["id"]["S"], variant, event_type, parse_day(day), shard), hours)
