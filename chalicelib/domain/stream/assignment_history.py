"""Changes of the assignments table → rows of the history in PostgreSQL. Pure.

Rows of one id merge, and in whatever order they come, however often, the outcome is the same: the first
time, and the variant of the latest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from chalicelib.domain.stream.assignment_changes import sequence_number
from chalicelib.domain.stream.counters import format_position
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """The platform's columns; times as ISO 8601 in UTC with milliseconds, which order as text."""

    id: str
    experiment_id: str
    variant_id: str
    user_id: str
    created_at: str
    updated_at: str

    def merge(self, other: "HistoryRow") -> "HistoryRow":
        latest = other if other.updated_at > self.updated_at else self
        return replace(latest, created_at=min(self.created_at, other.created_at))


class History(Protocol):
    def upsert(self, rows: Sequence[HistoryRow]) -> list[str]:
        """Write ``rows``, of distinct ids; the SQLSTATE of each row that PostgreSQL refuses for good.

        Raises StorageUnavailable or Throttled if the rows may be written later.
        """
        ...


def read_rows(records: Iterable[Mapping[str, Any]]) -> list[tuple[str, HistoryRow]]:
    """The position and the new row of each record that has one; what expires stays in the history."""
    found = ((record, _row(record["dynamodb"].get("NewImage") or {})) for record in records)
    return [(format_position(sequence_number(record)), row) for record, row in found if row]


def merge_rows(rows: Iterable[HistoryRow]) -> Sequence[HistoryRow]:
    """One row for each id: a statement can meet a row only once."""
    by_id: dict[str, HistoryRow] = {}
    for row in rows:
        by_id[row.id] = by_id[row.id].merge(row) if row.id in by_id else row
    return list(by_id.values())


def _row(image: Mapping[str, Any]) -> HistoryRow | None:
    """None for what something else has written."""
    try:
        at = format_timestamp(parse_timestamp(image["timestamp"]["S"]))
        return HistoryRow(
            id=image["assignment_id"]["S"],
            experiment_id=image["experiment_id"]["S"],
            variant_id=image["variant"]["S"],
            user_id=image["user_id"]["S"],
            created_at=at,
            updated_at=at,
        )
    except (KeyError, ValueError):
        return None
