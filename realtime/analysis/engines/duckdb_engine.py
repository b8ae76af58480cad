"""DuckDB: the embedded engine. It reads files of this machine, within a bounded memory."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from chalicelib.domain.definitions.analysis_schema import ASSIGNMENT_ANCHOR
from realtime.analysis.archive.files import Archive, Days, Files, Tell
from realtime.analysis.engines.answers import Row
from realtime.analysis.engines.columns import READ, write_compacted, write_raw
from realtime.analysis.engines.duckdb_connection import MEMORY, connect, execute
from realtime.analysis.engines.literals import MICROSECONDS
from realtime.analysis.engines.packing import read_packed
from realtime.analysis.engines.prepared import drop_prepared, write_kept, write_prepared
from realtime.analysis.engines.selection import Selection
from realtime.analysis.engines.sources import TABLE
from realtime.analysis.engines.sql_engine import SqlEngine


class _Opened(NamedTuple):
    """A view of the archive, and of which events it has the raw objects."""

    days: Days
    event_types: frozenset[str]

    def has(self, wanted: "_Opened") -> bool:
        return self.days == wanted.days and self.event_types >= wanted.event_types


class DuckDatabase:
    """Raw objects are read once into a table, Parquet where it is. Tables go when the process ends."""

    name = "duckdb"
    keeps_tables = True

    def __init__(self, archive: Archive, tell: Tell = lambda _: None, memory: str = MEMORY) -> None:
        self._archive = archive
        self._tell = tell
        self._folder = tempfile.TemporaryDirectory(prefix="realtime-")
        self.connection = connect(memory, self._folder.name)
        self._opened: _Opened | None = None
        self._prepared: list[Selection] = []
        self._notes: list[str] = []

    @property
    def notes(self) -> list[str]:
        return self._notes

    def open(self, selection: Selection) -> list[str]:
        """Makes the tables ``timed`` and ``units`` of a selection, unless they are there."""
        if selection not in self._prepared:
            self._open_archive(selection)
            number = len(self._prepared)
            for statement in (*write_prepared(selection, number), *drop_prepared(number)):
                execute(self.connection, statement)
            self._prepared.append(selection)
        return write_kept(self._prepared.index(selection))

    def run(self, sql: str) -> list[Row]:
        return execute(self.connection, sql)

    def describe(self, selection: Selection) -> tuple[list[str], list[str]]:
        """The statements of `open`, and what `open` returns; nothing is read."""
        files = self._fetch(find_days(selection))
        raw = f"select {', '.join(READ)} from ({write_raw(files.raw)})"
        tables = [raw] if files.raw or not files.compacted else []
        tables += [write_compacted(files.compacted)] if files.compacted else []
        view = f"create temp view {TABLE} as\n" + "\nunion all\n".join(tables)
        return [view, *write_prepared(selection, 0)], write_kept(0)

    def _open_archive(self, selection: Selection) -> None:
        # Assignments are compared with the counters later.
        wanted = _Opened(find_days(selection), frozenset((*selection.event_types, ASSIGNMENT_ANCHOR)))
        if self._opened is not None and self._opened.has(wanted):
            return
        files = self._fetch(wanted.days)

        def read(raw: Sequence[Path]) -> None:
            lines = f"select {', '.join(READ)} from ({write_raw(raw, wanted.event_types)})"
            execute(self.connection, f"create or replace temp table {TABLE}_raw as {lines}")

        read_packed(files.raw, self._folder.name, read)
        view = f"select * from {TABLE}_raw"
        if files.compacted:
            view += f" union all {write_compacted(files.compacted)}"
        execute(self.connection, f"create or replace temp view {TABLE} as {view}")
        self._opened = wanted

    def _fetch(self, days: Days) -> Files:
        files = self._archive.fetch(days, self._tell)
        self._notes += [note for note in files.notes if note not in self._notes]
        return files


def create_duckdb_engine(archive: Archive, tell: Tell = lambda _: None) -> SqlEngine:
    return SqlEngine(DuckDatabase(archive, tell))


def find_days(selection: Selection) -> Days:
    return Days(
        None if selection.since is None else _find_day(selection.since),
        None if selection.until is None else _find_day(selection.until - 1),
    )


def _find_day(moment: int) -> date:
    return datetime.fromtimestamp(moment // MICROSECONDS, UTC).date()
