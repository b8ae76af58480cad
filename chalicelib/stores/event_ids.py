"""Which place in the stream owns an ``event_id``: the durable memory behind ``EVENT_DEDUPE=table``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

BATCH = 100
ATTEMPTS = 5


class EventIdStore:
    """Rows: ``id`` event id, ``place`` where it was first seen, ``ttl`` epoch seconds."""

    def __init__(self, clients: "Clients", table: str) -> None:
        self._clients = clients
        self._table = table

    @guarded
    def claim(self, claims: Sequence[tuple[str, str]], expires_at: float) -> set[str]:
        """At most 100 (event id, place), distinct ids; the ids that another place owns.

        A place that claims again owns what it owned, so that a retry after a crash counts the event. One
        transaction writes all of them or says, for each, who stands in the way.
        """
        duplicates: set[str] = set()
        rest = list(claims)
        for _ in range(ATTEMPTS):
            if not rest:
                return duplicates
            refused = self._write(rest, expires_at)
            if refused is None:
                return duplicates
            duplicates |= refused
            rest = [claim for claim in rest if claim[0] not in refused]
        raise StorageUnavailable

    def _write(self, claims: list[tuple[str, str]], expires_at: float) -> set[str] | None:
        """None once all are written; else the ids of others, none if it was only a conflict."""
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
