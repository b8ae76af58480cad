"""The platform's overrides table, when embedded: who is forced into which variant of what."""

from math import inf
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients


class Metrics(Protocol):
    def record(self, name: str) -> None: ...


class OverrideStore:
    """Rows: ``target_id`` (of an experiment), ``user_id``, ``variant``, ``ttl`` (epoch seconds, optional)."""

    def __init__(self, clients: "Clients", table: str, metrics: Metrics) -> None:
        self._clients = clients
        self._table = table
        self._metrics = metrics

    @guarded
    def get_all(self, now: float) -> dict[str, dict[str, str]]:
        """Target id → user id → variant, without what has expired: DynamoDB deletes that late.

        The whole table at once: it holds testers, not users. Rows that lack an attribute are not ours; one of
        another shape is skipped and counted as ``InvalidDefinition``.
        """
        found: dict[str, dict[str, str]] = {}
        for page in self._clients.dynamodb.get_paginator("scan").paginate(TableName=self._table):
            for item in page["Items"]:
                if not item.keys() >= {"target_id", "user_id", "variant"}:
                    continue
                try:
                    target, user, variant, ends = _read(item)
                except (KeyError, ValueError):
                    self._metrics.record("InvalidDefinition")
                    continue
                if now < ends:
                    found.setdefault(target, {})[user] = variant
        return found


def _read(item: Any) -> tuple[str, str, str, float]:
    ends = float(item["ttl"]["N"]) if "ttl" in item else inf
    return item["target_id"]["S"], item["user_id"]["S"], item["variant"]["S"], ends
