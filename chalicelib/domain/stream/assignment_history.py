"""Changes of the assignments table → rows of the history in PostgreSQL. Pure.

Rows of one id are merged. Whatever their order, and however often they come, the result is the same: the
first time, and the variant of the latest row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from chalicelib.domain.stream.assignment_changes import read_sequence_number
from chalicelib.domain.stream.counters import format_position
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """The platform's columns. Times are ISO 8601 in UTC with milliseconds, so they order as text."""

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


def read_rows(records: Iterable[Mapping[str, Any]]) -> list[tuple[str, HistoryRow]]:
    """The position and the new row of each record that has one. Expired rows stay in the history."""
    rows = ((record, _read_row(record["dynamodb"].get("NewImage") or {})) for record in records)
    return [(format_position(read_sequence_number(record)), row) for record, row in rows if row]


def merge_rows(rows: Iterable[HistoryRow]) -> Sequence[HistoryRow]:
    """One row for each id: an upsert cannot change a row twice."""
    by_id: dict[str, HistoryRow] = {}
    for row in rows:
        by_id[row.id] = by_id[row.id].merge(row) if row.id in by_id else row
    return list(by_id.values())


def _read_row(image: Mapping[str, Any]) -> HistoryRow | None:
    """None if the row is not one of our assignments."""
    try:
        timestamp = format_timestamp(parse_timestamp(image["timestamp"]["S"]))
        return HistoryRow(
            id=image["assignment_id"]["S"],
            experiment_id=image["experiment_id"]["S"],
            variant_id=image["variant"]["S"],
            user_id=image["user_id"]["S"],
            created_at=timestamp,
            updated_at=timestamp,
        )
    except (KeyError, ValueError):
        return None
