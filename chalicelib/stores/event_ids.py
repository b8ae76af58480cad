"""Which place in the stream owns an ``event_id``: the table behind ``EVENT_DEDUPE=table``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

ATTEMPTS = 5


class EventIdStore:
    """Rows: ``id`` the event id, ``place`` where it was first seen, ``ttl`` in epoch seconds."""

    def __init__(self, clients: "Clients", table: str) -> None:
        self._clients = clients
        self._table = table

    @guarded
    def claim(self, claims: Sequence[tuple[str, str]], expires_at: float) -> set[str]:
        """One transaction writes all claims or says which ids other places own; the rest is tried again."""
        duplicates: set[str] = set()
        rest = list(claims)
        for _ in range(ATTEMPTS):
            if not rest:
                return duplicates
            owned = self._write(rest, expires_at)
            if owned is None:
                return duplicates
            duplicates |= owned
            rest = [claim for claim in rest if claim[0] not in owned]
        raise StorageUnavailable

    def _write(self, claims: list[tuple[str, str]], expires_at: float) -> set[str] | None:
        """None if all are written; else the ids that others own, which may be none after a mere conflict."""
        client = self._clients.dynamodb
        items: Any = [
            {
                "Put": {
                    "TableName": self._table,
                    "Item": {
                        "id": {"S": event_id},
                        "place": {"S": place},
                        "ttl": {"N": str(int(expires_at))},
                    },
                    "ConditionExpression": "attribute_not_exists(id) OR place = :place",
                    "ExpressionAttributeValues": {":place": {"S": place}},
                }
            }
            for event_id, place in claims
        ]
        try:
            client.transact_write_items(TransactItems=items)
        except client.exceptions.TransactionCanceledException as error:
            reasons: Any = error.response.get("CancellationReasons", [])
            return {
                event_id
                for (event_id, _), reason in zip(claims, reasons, strict=True)
                if reason.get("Code") == "ConditionalCheckFailed"
            }
        return None
