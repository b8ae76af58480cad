"""Which event types are counted apart: items of the counters table, ``id`` = ``$types``/scope, by day."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.stream.counters import format_day
from chalicelib.stores.conditions import get_existing_item
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

ATTEMPTS = 5


class EventTypeStore:
    def __init__(self, clients: "Clients", table: str) -> None:
        self._clients = clients
        self._table = table

    @guarded
    def claim(self, scope: str, day: int, names: frozenset[str], limit: int) -> frozenset[str]:
        """Adds all. Without room for all, the refusal says what is there, and it adds as many as fit."""
        new = sorted(names)[:limit]
        for _ in range(ATTEMPTS):
            try:
                answer: Any = self._clients.dynamodb.update_item(
                    TableName=self._table,
                    Key={"id": {"S": f"$types/{scope}"}, "counter": {"S": format_day(day)}},
                    UpdateExpression="ADD #types :new",
                    ConditionExpression="attribute_not_exists(#types) OR size(#types) <= :most",
                    ExpressionAttributeNames={"#types": "types"},
                    ExpressionAttributeValues={":new": {"SS": new}, ":most": {"N": str(limit - len(new))}},
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
                return frozenset(answer["Attributes"]["types"]["SS"])
            except ClientError as error:
                counted = frozenset(get_existing_item(error)["types"]["SS"])
            new = sorted(names - counted)[: limit - len(counted)]
            if not new:
                return counted
        raise StorageUnavailable
