"""The table of API keys: ``id`` (SHA-256 of the key), ``label``, ``scopes``, ``created``, ``revoked``."""

from typing import TYPE_CHECKING, Any

from chalicelib.domain.keys import ApiKey
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients


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
        if key.revoked:
            item["revoked"] = {"S": key.revoked}
        self._clients.dynamodb.put_item(TableName=self._table, Item=item)

    @guarded
    def get_all(self) -> list[ApiKey]:
        pages = self._clients.dynamodb.get_paginator("scan").paginate(TableName=self._table)
        return [_read_key(item) for page in pages for item in page["Items"]]


def _read_key(item: Any) -> ApiKey:
    return ApiKey(
        id=item["id"]["S"],
        label=item["label"]["S"],
        scopes=tuple(sorted(item["scopes"]["SS"])),
        created=item["created"]["S"],
        revoked=item.get("revoked", {}).get("S"),
    )
