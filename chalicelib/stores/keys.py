"""The table of API keys: ``id`` (SHA-256 of the key) and the fields of `ApiKey`; None is left out."""

from typing import TYPE_CHECKING, Any

from chalicelib.domain.keys import ApiKey
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients


OPTIONAL = ("revoked", "expires", "last_used")


class KeyStore:
    def __init__(self, clients: "Clients", table: str) -> None:
        self._clients = clients
        self._table = table

    @guarded
    def get(self, key_id: str) -> ApiKey | None:
        """The key with this SHA-256."""
        item = self._clients.dynamodb.get_item(TableName=self._table, Key={"id": {"S": key_id}}).get("Item")
        return _read_key(item) if item else None

    @guarded
    def put(self, key: ApiKey) -> None:
        item: dict[str, Any] = {
            "id": {"S": key.id},
            "label": {"S": key.label},
            "scopes": {"SS": list(key.scopes)},
            "created": {"S": key.created},
        }
        for name in OPTIONAL:
            if value := getattr(key, name):
                item[name] = {"S": value}
        self._clients.dynamodb.put_item(TableName=self._table, Item=item)

    @guarded
    def get_all(self) -> list[ApiKey]:
        """Strongly consistent: a snapshot of them must not miss a revocation."""
        scan = self._clients.dynamodb.get_paginator("scan")
        pages = scan.paginate(TableName=self._table, ConsistentRead=True)
        return [_read_key(item) for page in pages for item in page["Items"]]

    @guarded
    def mark_used(self, key_id: str, now: float, before: float) -> None:
        """Writes nothing but ``last_used``: the roles of functions allow no other attribute."""
        try:
            self._clients.dynamodb.update_item(
                TableName=self._table,
                Key={"id": {"S": key_id}},
                UpdateExpression="SET last_used = :now",
                ConditionExpression="attribute_exists(id)"
                " AND (attribute_not_exists(last_used) OR last_used < :before)",
                ExpressionAttributeValues={
                    ":now": {"S": format_timestamp(now, "seconds")},
                    ":before": {"S": format_timestamp(before, "seconds")},
                },
            )
        except self._clients.dynamodb.exceptions.ConditionalCheckFailedException:
            return


def _read_key(item: Any) -> ApiKey:
    return ApiKey(
        id=item["id"]["S"],
        label=item["label"]["S"],
        scopes=tuple(sorted(item["scopes"]["SS"])),
        created=item["created"]["S"],
        **{name: item[name]["S"] for name in OPTIONAL if name in item},
    )
