"""A team's users with what their clients send, from CSV or JSON Lines, one at a time."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from realtime.event_files.csv_rows import CsvTable
from realtime.event_files.options import ReadOptions
from realtime.event_files.text import decode, read_lines
from realtime.event_files.unpack import Part, refuse_unreadable, unpack
from realtime.safe_reading.strict_json import parse_json

USER_COLUMNS = ("user", "user_id")
CONTEXT = "context"
"""The column that may have all attributes, as one JSON object."""
_OF_ONE_LINE = re.compile(r"^line \d+[,:] ")
_DOT = re.compile(r"(?<!\\)\.")


class User(NamedTuple):
    """``place`` is the line in the file. ``id`` may be None: nobody is logged in."""

    place: str
    id: str | None
    context: dict[str, Any]


class Cells(NamedTuple):
    """How cells of CSV are read. Objects and lists are JSON always.

    ``are_typed``: numbers, true, false and null are JSON, too, but for the columns ``texts``.
    ``user``: the column with the ids; empty: the first of `USER_COLUMNS`.
    """

    user: str = ""
    are_typed: bool = False
    texts: Sequence[str] = ()


def read_users(path: Path, cells: Cells) -> Iterator[User]:
    """Raises ValueError with the line of what is no user, and OSError."""
    with refuse_unreadable(str(path)):
        for part in unpack(path, str(path)):
            if part.path is not None:
                raise ValueError(f"{part.name}: is Parquet; export it as CSV or JSON Lines")
            yield from _read_part(part, cells)


def _read_part(part: Part, cells: Cells) -> Iterator[User]:
    lines = read_lines("", decode(part.content), part.name)
    head = []
    for line in lines:
        head.append(line)
        if line.strip():
            break
    whole = chain(head, lines)
    if head and head[-1].lstrip().startswith(("{", "[")):
        yield from _read_json_lines(whole, part.name)
    else:
        yield from _Table(CsvTable(whole, part.name, ReadOptions()), part.name, cells).read()


def _read_json_lines(lines: Iterable[str], name: str) -> Iterator[User]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = parse_json(line)
        except ValueError as error:
            raise ValueError(f"{name}: line {number}: {_OF_ONE_LINE.sub('', str(error))}") from None
        if not isinstance(value, dict) or not value.keys() & {*USER_COLUMNS}:
            raise ValueError(f'{name}: line {number}: must be {{"user": "…", "context": {{…}}}}')
        user = value.get("user", value.get("user_id"))
        if not isinstance(user, str | None):
            raise ValueError(f"{name}: line {number}: user: must be text or null")  # noqa: TRY004  a mistake in a file
        yield User(f"line {number}", user, _require_object(value.get(CONTEXT, {}), f"{name}: line {number}"))


class _Table:
    """``paths``: of each column with an attribute, the steps that lead to it in a context."""

    def __init__(self, table: CsvTable, name: str, cells: Cells) -> None:
        self._table, self._name, self._cells = table, name, cells
        self._user = self._find_user_column()
        self._paths = {
            column: tuple(step.replace("\\.", ".") for step in _DOT.split(column))
            for column in table.columns
            if column not in (self._user, CONTEXT)
        }
        self._check_columns()

    def read(self) -> Iterator[User]:
        texts = frozenset(self._cells.texts)
        flat = {column: path[0] for column, path in self._paths.items() if len(path) == 1}
        deep = {column: path for column, path in self._paths.items() if len(path) > 1}
        readers = {
            column: _read_typed if self._cells.are_typed and column not in texts else _read_container
            for column in self._paths
        }
        for row in self._table.read_rows():
            if row.problem:
                raise ValueError(f"{self._name}: {row.place}: {row.problem}")
            data = row.data
            context: dict[str, Any] = {}
            if data.get(CONTEXT):
                place = f"{self._name}: {row.place}"
                context = _require_object(_read_container(data[CONTEXT]), place)
            for column, name in flat.items():
                if data[column]:
                    context[name] = readers[column](data[column])
            for column, path in deep.items():
                if data[column]:
                    _set_inner(context, path, readers[column](data[column]))
            yield User(row.place, data[self._user] or None, context)

    def _find_user_column(self) -> str:
        columns, wanted = self._table.columns, self._cells.user
        found = [name for name in ((wanted,) if wanted else USER_COLUMNS) if name in columns]
        if not found:
            names = wanted or " or ".join(USER_COLUMNS)
            shown = ", ".join(columns[:20])
            raise ValueError(
                f"{self._name}: has no column {names}; it has {shown}. Name it with --user-column"
            )
        return found[0]

    def _check_columns(self) -> None:
        for name in self._cells.texts:
            if name not in self._paths:
                raise ValueError(f"{self._name}: has no column {name}, which --text names")
        paths = {path: column for column, path in self._paths.items()}
        for path, column in paths.items():
            for size in range(1, len(path)):
                if path[:size] in paths:
                    raise ValueError(
                        f"{self._name}: the columns {paths[path[:size]]} and {column} are one attribute; "
                        "name one of them, or write a dot in a name as \\."
                    )


def _require_object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{place}: context: must be a JSON object")  # noqa: TRY004  a mistake in a file
    return value


def _set_inner(context: dict[str, Any], path: Sequence[str], value: Any) -> None:
    inner: Any = context
    for step in path[:-1]:
        found = inner.get(step)
        if not isinstance(found, dict):
            found = inner[step] = {}
        inner = found
    inner[path[-1]] = value


def _read_container(text: str) -> Any:
    """An object or a list, or the text itself."""
    return _read_json(text) if text[0] in "{[" else text


def _read_typed(text: str) -> Any:
    """A JSON value, or the text itself."""
    if text[0] in "{[":
        return _read_json(text)
    return _read_scalar(text) if text[0] in '-0123456789tfn"' else text


@lru_cache(10_000)
def _read_scalar(text: str) -> Any:
    return _read_json(text)


def _read_json(text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        return text
