"""An assignments table and a PostgreSQL that the toolkit fills and compares."""

import uuid
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients
from chalicelib.wiring import Plane
from realtime.postgres import assignment_table
from tests.support.postgres import Postgres

DAY = 86_400.0


class Assignments:
    """Rows in DynamoDB, as the service writes them, and what PostgreSQL should have of them."""

    def __init__(self, plane: Plane) -> None:
        self._dynamodb = plane.clients.dynamodb
        self._table = plane.settings.assignments_table
        self.ids: dict[str, str] = {}  # assignment ids by user

    def put(self, users: Iterable[str], variant: str = "control", **fields: Any) -> None:
        items = [self._build(user, variant) | fields for user in users]
        for start in range(0, len(items), 25):
            requests: Any = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            self._dynamodb.batch_write_item(RequestItems={self._table: requests})

    @staticmethod
    def identify(user: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, user))

    def delete(self, user: str) -> None:
        self._dynamodb.delete_item(TableName=self._table, Key={"id": {"S": f"checkout#{user}"}})

    def _build(self, user: str, variant: str) -> dict[str, Any]:
        self.ids[user] = self.identify(user)
        return {
            "id": {"S": f"checkout#{user}"},
            "user_id": {"S": user},
            "experiment_id": {"S": "checkout"},
            "variant": {"S": variant},
            "assignment_id": {"S": self.ids[user]},
            "timestamp": {"S": "2026-11-22T10:30:00.000Z"},
        }


@pytest.fixture
def plane(
    aws_settings: Settings,
    service_clients: Clients,
    database: Postgres,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Plane:
    monkeypatch.chdir(tmp_path)  # positions are kept there
    monkeypatch.setattr(assignment_table, "PAGE_ROWS", 20)
    monkeypatch.setattr(assignment_table, "PAUSES", (0.01, 0.01))
    return Plane(replace(aws_settings, postgres_url=database.url), clients=service_clients)


@pytest.fixture
def assignments(plane: Plane) -> Assignments:
    return Assignments(plane)
