"""Which alarms were told to webhooks: one item each in the counters table, ``id`` = ``$split``/scope."""

from typing import TYPE_CHECKING, Any

from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients


class AlarmMarkStore:
    def __init__(self, clients: "Clients", table: str) -> None:
        self._clients = clients
        self._table = table

    @guarded
    def add(self, scope: str) -> bool:
        condition = "attribute_not_exists(id)"
        try:
            self._clients.dynamodb.put_item(
                TableName=self._table, Item=_key(scope), ConditionExpression=condition
            )
        except self._clients.dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    @guarded
    def remove(self, scope: str) -> None:
        self._clients.dynamodb.delete_item(TableName=self._table, Key=_key(scope))


def _key(scope: str) -> Any:
    return {"id": {"S": f"$split/{scope}"}, "counter": {"S": "announced"}}
