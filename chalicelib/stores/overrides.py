"""The platform's overrides table, where it exists: testers who are forced into a variant."""

from math import inf
from typing import TYPE_CHECKING, Any

from chalicelib.metrics import MetricsRecorder
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients


class OverrideStore:
    """Rows: ``target_id`` (of an experiment), ``user_id``, ``variant``, ``ttl`` (epoch seconds, optional)."""

    def __init__(self, clients: "Clients", table: str, metrics: MetricsRecorder) -> None:
        self._clients = clients
        self._table = table
        self._metrics = metrics

    @guarded
    def get_all(self, now: float) -> dict[str, dict[str, str]]:
        """Target id → user id → variant, without expired rows, which DynamoDB deletes late.

        It reads the whole table, which has testers, not users. Rows that lack an attribute are of another
        kind; a row with an attribute of another type is skipped and counted as ``InvalidDefinition``.
        """
        overrides: dict[str, dict[str, str]] = {}
        for page in self._clients.dynamodb.get_paginator("scan").paginate(TableName=self._table):
            for item in page["Items"]:
                if not item.keys() >= {"target_id", "user_id", "variant"}:
                    continue
                try:
                    target_id, user_id, variant, expires_at = _read(item)
                except (KeyError, ValueError):
                    self._metrics.record("InvalidDefinition")
                    continue
                if now < expires_at:
                    overrides.setdefault(target_id, {})[user_id] = variant
        return overrides


def _read(item: Any) -> tuple[str, str, str, float]:
    expires_at = float(item["ttl"]["N"]) if "ttl" in item else inf
    return item["target_id"]["S"], item["user_id"]["S"], item["variant"]["S"], expires_at
