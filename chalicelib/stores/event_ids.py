"""Which place in the stream owns an event's name: the table behind ``REALTIME_EVENT_DEDUPE=table``.

An id is unique for one user and event type only, but nearly always in all. So the row of an id is keyed by
the id alone, and ``owner`` is a digest of user and type. The same id of another owner has a second row,
whose key has the digest too; then the first row is kept as long as the second, because it leads there.
Rows without an ``owner`` are of an older version: they stand for every owner until they expire, so no
repetition is missed while the versions change.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.stream.event_ids import Claim, EventName
from chalicelib.stores.batches import batch_get
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

ATTEMPTS = 5
SECOND_ROWS = 50
"""In a transaction of at most 100 items, as each updates the first row, too."""


class EventIdStore:
    """Rows: ``id``, ``owner``, ``place`` where the event was first seen, ``ttl`` in epoch seconds."""

    def __init__(self, clients: "Clients", table: str) -> None:
        self._clients = clients
        self._table = table

    @guarded
    def claim(self, claims: Sequence[Claim], expires_at: float) -> set[EventName]:
        """One transaction for the first rows; more only for ids of several owners."""
        first: dict[str, Claim] = {}
        for claim in claims:
            first.setdefault(claim.name.event_id, claim)
        rows = self._put(first, expires_at)
        duplicates: set[EventName] = set()
        others = []
        for claim in claims:
            row = rows.get(claim.name.event_id)
            if row is None and first[claim.name.event_id] is claim:
                continue
            if row is None or row.get("owner", {}).get("S") not in (None, _digest_owner(claim)):
                others.append(claim)
            elif row["place"]["S"] != claim.place:
                duplicates.add(claim.name)
        while others:
            # Two claims of one id would update the same row, which a transaction refuses.
            distinct = {claim.name.event_id: claim for claim in reversed(others)}
            batch = {_make_second_id(claim): claim for claim in list(distinct.values())[:SECOND_ROWS]}
            duplicates |= {batch[row_id].name for row_id in self._put(batch, expires_at, is_second=True)}
            others = [claim for claim in others if _make_second_id(claim) not in batch]
        return duplicates

    def _put(
        self, claims: Mapping[str, Claim], expires_at: float, *, is_second: bool = False
    ) -> dict[str, Any]:
        """Write a row for each id; returns the rows that other places own. The rest is tried again."""
        owned: dict[str, Any] = {}
        rest = dict(claims)
        for _ in range(ATTEMPTS):
            refused = self._try_to_put(rest, expires_at, is_second) if rest else None
            if refused is None:
                return owned
            keys = [{"id": {"S": row_id}} for row_id in refused]
            items = batch_get(self._clients.dynamodb, self._table, keys, consistent=True)
            owned |= {item["id"]["S"]: item for item in items}
            rest = {row_id: claim for row_id, claim in rest.items() if row_id not in owned}
        raise StorageUnavailable

    def _try_to_put(
        self, claims: Mapping[str, Claim], expires_at: float, is_second: bool
    ) -> list[str] | None:
        """None if all rows are written; else the ids that others own, which may be none after a conflict."""
        client, ttl = self._clients.dynamodb, {"N": str(int(expires_at))}
        puts: Any = [{"Put": self._make_put(row_id, claim, ttl)} for row_id, claim in claims.items()]
        updates: Any = [{"Update": self._extend_first(claim, ttl)} for claim in claims.values() if is_second]
        try:
            client.transact_write_items(TransactItems=puts + updates)
        except client.exceptions.TransactionCanceledException as error:
            reasons: Any = error.response.get("CancellationReasons", [])
            codes = [reason.get("Code") for reason in reasons][: len(claims)]
            refused = zip(claims, codes, strict=True)
            return [row_id for row_id, code in refused if code == "ConditionalCheckFailed"]
        return None

    def _make_put(self, row_id: str, claim: Claim, ttl: Any) -> dict[str, Any]:
        place, owner = {"S": claim.place}, {"S": _digest_owner(claim)}
        is_same = "place = :place AND (attribute_not_exists(#owner) OR #owner = :owner)"
        return {
            "TableName": self._table,
            "Item": {"id": {"S": row_id}, "owner": owner, "place": place, "ttl": ttl},
            "ConditionExpression": f"attribute_not_exists(id) OR ({is_same})",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":place": place, ":owner": owner},
        }

    def _extend_first(self, claim: Claim, ttl: Any) -> dict[str, Any]:
        """If the first row has just expired, the transaction fails, and the batch is tried again."""
        return {
            "TableName": self._table,
            "Key": {"id": {"S": claim.name.event_id}},
            "UpdateExpression": "SET #ttl = :ttl",
            "ConditionExpression": "attribute_exists(id)",
            "ExpressionAttributeNames": {"#ttl": "ttl"},
            "ExpressionAttributeValues": {":ttl": ttl},
        }


def _digest_owner(claim: Claim) -> str:
    """No event type holds a newline, so each owner has a text of its own."""
    owner = f"{claim.name.event_type}\n{claim.name.user_id}"
    return hashlib.sha256(owner.encode()).hexdigest()[:32]


def _make_second_id(claim: Claim) -> str:
    return f"{claim.name.event_id}#{_digest_owner(claim)}"
