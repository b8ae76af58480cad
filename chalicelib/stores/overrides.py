"""The platform's overrides table, when embedded: who is forced into which variant of what."""

from typing import TYPE_CHECKING

from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients


class OverrideStore:
    """Rows: ``target_id`` (of an experiment), ``user_id``, ``variant``, ``ttl`` (epoch seconds, optional)."""

    def __init__(self, clients: "Clients", table: str) -> None:
        self._clients = clients
        self._table = table

    @guarded
    def all(self, now: float) -> dict[str, dict[str, str]]:
        """Target id → user id → variant, without what has expired: DynamoDB deletes that late.

        The whole table at once: it holds testers, not users. Rows that lack an attribute are not ours.
        """
        found: dict[str, dict[str, str]] = {}
        for page in self._clients.dynamodb.get_paginator("scan").paginate(TableName=self._table):
            for item in page["Items"]:
                if {"target_id", "user_id", "variant"} <= item.keys() and _lives(item.get("ttl"), now):
                    users = found.setdefault(item["target_id"]["S"], {})
                    users[item["user_id"]["S"]] = item["variant"]["S"]
        return found


def _lives(ttl: object, now: float) -> bool:
    return not isinstance(ttl, dict) or now < float(ttl["N"])
