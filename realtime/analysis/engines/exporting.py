"""Users and their numbers as files, for a team's own notebook. What counts is what an analysis counts."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

from chalicelib.domain.definitions.analysis_schema import ASSIGNMENT_ANCHOR
from chalicelib.domain.event_types import EXPOSURE
from realtime.analysis.engines.duckdb_engine import DuckDatabase, connect, explain, write_table
from realtime.analysis.engines.lines import write_lines
from realtime.analysis.engines.literals import quote
from realtime.analysis.engines.selection import Selection, select
from realtime.analysis.engines.slots import Slot, create_slot
from realtime.analysis.engines.sources import TABLE
from realtime.analysis.engines.statements import write_capped
from realtime.analysis.model import ArchiveError, Design

Format = Literal["parquet", "csv"]
_NAMES = {"y": "", "d": "_denominator", "x": "_before", "z": "_denominator_before"}


def export(database: DuckDatabase, design: Design, folder: Path, file_format: Format) -> dict[str, int]:
    """Rows by file name. ``folder`` is new or empty. Raises ArchiveError."""
    if folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise ArchiveError(f"--out: {folder} exists already: name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for name, (selection, sql) in _write_statements(database, design).items():
        file = folder / f"{name}.{file_format}"
        counts[file.name] = _copy(database, selection, sql, file, file_format)
    return counts


def _write_statements(database: DuckDatabase, design: Design) -> dict[str, tuple[Selection, str]]:
    return {
        "assignments": _write_anchors(database, design, ASSIGNMENT_ANCHOR),
        "exposures": _write_anchors(database, design, EXPOSURE),
        "users": _write_users(database, design),
    }


def _write_anchors(database: DuckDatabase, design: Design, anchor: str) -> tuple[Selection, str]:
    selection = select(replace(design, anchor=anchor), [])
    tables = [database.write_source(selection), *write_lines(selection, is_split=True)]
    statement = """select unit as user_id, anchor as variant, make_timestamp(moment) as occurred_at
from timed where anchor is not null order by moment, place"""
    return selection, "with " + ",\n".join(tables) + "\n" + statement


def _write_users(database: DuckDatabase, design: Design) -> tuple[Selection, str]:
    metrics = [planned.metric for planned in design.metrics]
    selection = select(design, metrics)
    slots = [create_slot(design, metric) for metric in metrics]
    tables = [database.write_source(selection), *write_lines(selection, is_split=True)]
    if slots:
        tables += write_capped(selection, slots)
    columns = [text for number, slot in enumerate(slots) for text in _write_columns(number, slot)]
    users = "capped" if slots else "(select distinct unit, first_variant as variant, anchored from timed"
    if not slots:
        users += " where first_variant is not null and is_left_out = 0)"
    listed = "".join(f",\n  {column}" for column in columns)
    statement = f"""select unit as user_id, variant, make_timestamp(anchored) as anchored_at{listed}
from {users} order by anchored, unit"""
    return selection, "with " + ",\n".join(tables) + "\n" + statement


def _write_columns(number: int, slot: Slot) -> list[str]:
    """Of users whose window is not over, the numbers are empty. Amounts are in units of the currency."""
    columns = []
    for name, _, _ in slot.list_numbers():
        title = f'"{slot.metric.key}{_NAMES[name]}"'
        value = f"{name}{number}"
        if slot.get_scale(name) != 1:
            value = f"cast({value} / {slot.get_scale(name)} as decimal(38, 4))"
        columns.append(f"{value} as {title}")
    return columns


def _copy(database: DuckDatabase, selection: Selection, sql: str, file: Path, file_format: Format) -> int:
    import duckdb

    options = "format parquet, compression zstd" if file_format == "parquet" else "format csv, header true"
    with (
        tempfile.TemporaryDirectory(prefix="realtime-") as spill,
        connect(database.memory, spill) as connection,
    ):
        try:
            connection.execute(f"create view {TABLE} as {write_table(database.fetch(selection))}")
            cursor = connection.execute(f"copy ({sql}) to {quote(str(file))} ({options})")
            rows: int = cursor.fetchone()[0]
        except duckdb.Error as error:
            raise ArchiveError(explain(error)) from error
    return rows
