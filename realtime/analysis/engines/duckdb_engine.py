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
MAX_LINE = 1_048_576
"""Bytes. DuckDB's default of 16 MB takes as much memory for each thread."""


class DuckDatabase:
    name = "duckdb"
    keeps_tables = True

    def __init__(self, archive: Archive, tell: Tell = lambda _: None, memory: str = MEMORY) -> None:
        self._archive = archive
        self._tell = tell
        self.memory = memory
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
        with tempfile.TemporaryDirectory(prefix="realtime-") as folder:
            return run_sql(files, sql, self.memory, folder)


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
    import duckdb

    with connect(memory, folder) as connection:
        try:
            connection.execute(f"create view {TABLE} as {write_table(files)}")
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
