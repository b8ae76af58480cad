"""The rows of a file, and what a file's columns are called."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

Event: TypeAlias = dict[str, Any]
Data: TypeAlias = dict[str, Any]
"""One row: columns by name; in JSON a column may hold an object, with columns of its own."""


class FileError(ValueError):
    """The file as a whole cannot be read; the message names it and the remedy."""


class Row(NamedTuple):
    """``number`` makes the event's id. ``problem`` says why there is no data."""

    number: str
    place: str  # "row 3 (line 4)"
    data: Data
    problem: str = ""


class EventRow(NamedTuple):
    """A row as an event; without an event it cannot be sent, if there is a problem, or is a duplicate."""

    place: str
    event: Event | None
    problem: str = ""


def get_column(data: Mapping[str, Any], column: str) -> Any:
    """``a.b`` is the column of that name, or else ``b`` of the object ``a``. None if it is absent."""
    value = data.get(column)
    if value is not None or "." not in column:
        return value
    first, _, rest = column.partition(".")
    inner = data.get(first)
    return get_column(inner, rest) if isinstance(inner, dict) else None


def list_columns(rows: Iterable[Mapping[str, Any]], depth: int = 2) -> list[str]:
    """The names of all columns in the order of their first row; those inside objects come last."""
    columns: dict[str, int] = {}
    for row in rows:
        for column, level in _walk(row, "", depth):
            columns.setdefault(column, level)
    return sorted(columns, key=lambda column: -columns[column])


def _walk(row: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, int]]:
    for name, value in row.items():
        yield prefix + name, depth
        if isinstance(value, dict) and depth > 1:
            yield from _walk(value, f"{prefix}{name}.", depth - 1)
