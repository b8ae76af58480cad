"""Rows of the history in a line."""

import uuid
from datetime import UTC
from typing import Any

from chalicelib.domain.stream.assignment_history import HistoryRow
from tests.support.postgres import Postgres


def row(number: int = 1, *, at: int = 0, since: int | None = None, **fields: Any) -> HistoryRow:
    """``number`` tells its id and user; ``at`` and ``since`` are seconds of one minute."""
    defaults = {
        "id": str(uuid.UUID(int=number)),
        "experiment_id": "checkout",
        "variant_id": "control",
        "user_id": f"u{number}",
        "created_at": second(at if since is None else since),
        "updated_at": second(at),
    }
    return HistoryRow(**defaults | fields)


def second(number: int) -> str:
    return f"2026-11-22T10:30:{number:02d}.000Z"


def stored(database: Postgres) -> dict[str, HistoryRow]:
    rows = database.run(
        "SELECT id, experiment_id, variant_id, user_id, created_at, updated_at FROM assignments"
    )
    return {
        str(columns[0]): HistoryRow(str(columns[0]), *columns[1:4], *map(_iso, columns[4:]))
        for columns in rows
    }


def _iso(timestamp: Any) -> str:
    text: str = timestamp.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
