"""DuckDB: the embedded engine. It reads files of this machine, within a bounded memory."""

import glob
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from realtime.analysis.archive.files import Archive, Days, Files, Tell
from realtime.analysis.engines.answers import Row
from realtime.analysis.engines.literals import MICROSECONDS, quote
from realtime.analysis.engines.selection import Selection
from realtime.analysis.engines.sources import TABLE, write_duckdb_source
from realtime.analysis.engines.sql_engine import SqlEngine
from realtime.analysis.model import ArchiveError

MEMORY = "2GB"
"""DuckDB writes to disk what is more; its process takes about half a GB besides."""
COLUMNS: Mapping[str, str] = {
    "event_id": "varchar",
    "event_type": "varchar",
    "user_id": "varchar",
    "timestamp": "varchar",
    "value": "varchar",  # a double is not exact
    "currency": "varchar",
    "experiment_key": "varchar",
    "flag_key": "varchar",
    "properties": "json",
    "realtime": "struct(place varchar, occurred_at varchar, arrived_at double, received_at double,"
    " duplicate boolean, backfill boolean, person varchar,"
    ' experiments struct("key" varchar, id varchar, iteration bigint, variant varchar, rule varchar,'
    " counted_as varchar, assigned_at double, seconds_since_assignment double)[])",
}
"""Of a line. With names and types given, other fields cannot disturb a query."""
RAW_TABLE = f"{TABLE}_raw"
MAX_LOADED = 32_000_000
"""Bytes of raw objects, half a million events, up to which they are read once for all statements."""
MAX_LINE = 1_048_576
"""Bytes. DuckDB's default of 16 MB takes as much memory for each thread."""


class DuckDatabase:
    name = "duckdb"
    keeps_tables = True

    def __init__(self, archive: Archive, tell: Tell = lambda _: None, memory: str = MEMORY) -> None:
        self._archive = archive
        self._tell = tell
        self.memory = memory
        self._loaded: _Loaded | None = None
        self.notes: list[str] = []

    def write_source(self, selection: Selection) -> str:
        return write_duckdb_source(selection)

    def describe(self, selection: Selection) -> list[str]:
        return [f"create or replace view {TABLE} as\n{write_table(self.fetch(selection))}"]

    def fetch(self, selection: Selection) -> Files:
        days = find_days(selection)
        files = self._archive.fetch(days, self._tell)
        self.notes += [note for note in files.notes if note not in self.notes]
        return files

    def run(self, selection: Selection, sql: str) -> Iterable[Row]:
        files = self.fetch(selection)
        if sum(path.stat().st_size for path in files.raw) <= MAX_LOADED:
            if self._loaded is None or self._loaded.files != files:
                self._loaded = _Loaded(files, self.memory)
            return self._loaded.run(sql)
        with tempfile.TemporaryDirectory(prefix="realtime-") as folder:
            return run_sql(files, sql, self.memory, folder)


class _Loaded:
    """Raw objects in a table: opening each again takes longer than all statements, as most are small."""

    def __init__(self, files: Files, memory: str) -> None:
        self.files = files
        self._folder = tempfile.TemporaryDirectory(prefix="realtime-")
        self._connection = connect(memory, self._folder.name)
        tables = []
        if files.raw or not files.compacted:
            execute(self._connection, f"create temp table {RAW_TABLE} as {write_table(Files(files.raw))}")
            tables.append(f"select * from {RAW_TABLE}")
        if files.compacted:
            tables.append(write_table(Files([], files.compacted)))
        execute(self._connection, f"create temp view {TABLE} as {' union all '.join(tables)}")

    def run(self, sql: str) -> list[Row]:
        return execute(self._connection, sql)


def create_duckdb_engine(archive: Archive, tell: Tell = lambda _: None) -> SqlEngine:
    return SqlEngine(DuckDatabase(archive, tell))


def find_days(selection: Selection) -> Days:
    return Days(
        None if selection.since is None else _find_day(selection.since),
        None if selection.until is None else _find_day(selection.until - 1),
    )


def _find_day(moment: int) -> Any:
    return datetime.fromtimestamp(moment // MICROSECONDS, UTC).date()


def run_sql(files: Files, sql: str, memory: str, folder: str) -> list[Row]:
    """``folder`` takes what does not fit into memory. Raises ArchiveError."""
    with connect(memory, folder) as connection:
        execute(connection, f"create view {TABLE} as {write_table(files)}")
        return execute(connection, sql)


def execute(connection: Any, sql: str) -> list[Row]:
    """Raises ArchiveError."""
    import duckdb

    try:
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except duckdb.Error as error:
        raise ArchiveError(explain(error)) from error


def connect(memory: str, folder: str) -> Any:
    import duckdb

    settings: dict[str, Any] = {
        "memory_limit": memory,
        "temp_directory": folder,
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,  # of time zones: text without one would be local time
    }
    return duckdb.connect(config=settings)


def explain(error: Exception) -> str:
    """One line of DuckDB's message, which names the file if one cannot be read."""
    first = str(error).split("\n")[0]
    return f"the archive cannot be read: {first}"


def write_table(files: Files) -> str:
    parts = []
    columns = "{" + ", ".join(f'"{name}": {quote(kind)}' for name, kind in COLUMNS.items()) + "}"
    if files.raw:
        parts.append(
            f"select * from read_json({_list(files.raw)}, format = 'newline_delimited',"
            f" compression = 'gzip', maximum_object_size = {MAX_LINE}, columns = {columns})"
        )
    if files.compacted:
        parts.append(f"select * from read_parquet({_list(files.compacted)})")
    if not parts:
        nulls = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in COLUMNS.items())
        return f"select {nulls} where false"
    return " union all ".join(parts)


def _list(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(quote(glob.escape(str(path))) for path in paths) + "]"
