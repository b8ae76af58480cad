"""The table of recent contexts: ``id`` (the slot), ``text`` (the decision as JSON) and ``ttl``."""

import json
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from chalicelib.domain.recent_contexts import RecentContext
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

MAX_ROWS = 25
"""That one call of BatchWriteItem takes."""


class RecentContextStore:
    def __init__(self, clients: "Clients", table: str) -> None:
        self._clients = clients
        self._table = table

    @guarded
    def put(self, by_slot: Mapping[int, RecentContext], expires_at: float) -> None:
        """In one call, which is not tried again for what it leaves out: it is a sample."""
        requests: Any = [
            {
                "PutRequest": {
                    "Item": {
                        "id": {"S": str(slot)},
                        "text": {"S": json.dumps(recent._asdict(), separators=(",", ":"))},
                        "ttl": {"N": str(int(expires_at))},
                    }
                }
            }
            for slot, recent in islice(by_slot.items(), MAX_ROWS)
        ]
        self._clients.dynamodb.batch_write_item(RequestItems={self._table: requests})

    @guarded
    def get_all(self, now: float) -> Sequence[RecentContext]:
        pages = self._clients.dynamodb.get_paginator("scan").paginate(TableName=self._table)
        return [
            _read(item["text"]["S"])
            for page in pages
            for item in page["Items"]
            if now < float(item["ttl"]["N"])  # DynamoDB deletes late
        ]


def _read(text: str) -> RecentContext:
    fields = json.loads(text)
    return RecentContext(**fields | {"keys": fields["keys"] and tuple(fields["keys"])})
