"""Changes of the assignments table → rows of the history in PostgreSQL. Pure.

Rows of one id are merged. Whatever their order, and however often they come, the result is the same: the
first time, and the variant of the latest row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple, Protocol

import orjson

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


class RefusedRow(NamedTuple):
    """A row that PostgreSQL refuses for good, and the SQLSTATE that says why."""

    row: HistoryRow
    state: str

    @property
    def code(self) -> str:
        return f"postgres_{self.state}"


class History(Protocol):
    def upsert(self, rows: Sequence[HistoryRow]) -> list[RefusedRow]:
        """Write ``rows``, of distinct ids; those that PostgreSQL refuses for good.

        Raises StorageUnavailable or Throttled if the rows may be written later.
        """


class RowChange(NamedTuple):
    """A record of the table's stream with its new row."""

    position: str
    sequence_number: str
    arrived_at: float  # epoch seconds
    row: HistoryRow


def read_changes(records: Iterable[Mapping[str, Any]]) -> list[RowChange]:
    """The records that have a new row. Expired rows stay in the history."""
    rows = ((record, read_row(record["dynamodb"].get("NewImage") or {})) for record in records)
    return [_build_change(record, row) for record, row in rows if row]


def _build_change(record: Mapping[str, Any], row: HistoryRow) -> RowChange:
    number = read_sequence_number(record)
    arrived_at = float(record["dynamodb"].get("ApproximateCreationDateTime", 0))
    return RowChange(format_position(number), number, arrived_at, row)


def merge_rows(rows: Iterable[HistoryRow]) -> Sequence[HistoryRow]:
    """One row for each id: an upsert cannot change a row twice."""
    by_id: dict[str, HistoryRow] = {}
    for row in rows:
        by_id[row.id] = by_id[row.id].merge(row) if row.id in by_id else row
    return list(by_id.values())


def write_payload(row: HistoryRow) -> bytes:
    """``row`` as JSON, in quarantine and in statements."""
    return orjson.dumps(asdict(row))


def read_payload(payload: bytes) -> HistoryRow:
    """What `write_payload` wrote. Raises ValueError if somebody changed it to something else."""
    fields = orjson.loads(payload)
    try:
        row = HistoryRow(**fields)
    except TypeError:
        raise ValueError(f"a row has the fields {', '.join(HistoryRow.__slots__)}") from None
    if not all(isinstance(value, str) for value in fields.values()):
        raise ValueError("the fields of a row are texts")
    created_at, updated_at = map(_format_time, (row.created_at, row.updated_at))
    return replace(row, created_at=created_at, updated_at=updated_at)


def read_row(image: Mapping[str, Any]) -> HistoryRow | None:
    """None if the row is not one of our assignments."""
    try:
        timestamp = _format_time(image["timestamp"]["S"])
        is_copied = "linked_at" in image and "person" not in image  # from an anonymous id, at that time
        updated_at = max(timestamp, _format_time(image["linked_at"]["S"])) if is_copied else timestamp
        return HistoryRow(
            id=image["assignment_id"]["S"],
            experiment_id=image["experiment_id"]["S"],
            variant_id=image["variant"]["S"],
            user_id=image["user_id"]["S"],
            created_at=timestamp,
            updated_at=updated_at,
        )
    except (KeyError, ValueError):
        return None


def _format_time(text: str) -> str:
    return format_timestamp(parse_timestamp(text))
