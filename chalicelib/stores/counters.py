"""The counters table: ``id`` scope, ``counter`` is `Counter.sort_key`, ``seq``, ``n00`` … ``r23``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.domain.stream.counters import Counter, CounterItem, Tally, parse_hours
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
    numbers = {name: int(attribute["N"]) for name, attribute in item.items() if "N" in attribute}
    return CounterItem(Counter.parse(item["id"]["S"], item["counter"]["S"]), parse_hours(numbers))
