"""Users and their numbers as files, for a team's own notebook. What counts is what an analysis counts."""

from dataclasses import replace
from pathlib import Path
from typing import Literal

from chalicelib.domain.definitions.analysis_schema import ASSIGNMENT_ANCHOR
from chalicelib.domain.event_types import EXPOSURE
from realtime.analysis.engines.capped import write_capped
from realtime.analysis.engines.duckdb_connection import explain
from realtime.analysis.engines.duckdb_engine import DuckDatabase
from realtime.analysis.engines.literals import quote
from realtime.analysis.engines.selection import select
from realtime.analysis.engines.slots import Slot, create_slot
from realtime.analysis.model import ArchiveError, Design

Format = Literal["parquet", "csv"]
_NAMES = {"y": "", "d": "_denominator", "x": "_before", "z": "_denominator_before"}


def export(database: DuckDatabase, design: Design, folder: Path, file_format: Format) -> dict[str, int]:
    """Rows by file name. ``folder`` is new or empty. Raises ArchiveError."""
    if folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise ArchiveError(f"--out: {folder} exists already: name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    counts = {}
    for name, sql in _write_statements(database, design).items():
        file = folder / f"{name}.{file_format}"
        counts[file.name] = _copy(database, sql, file, file_format)
    return counts


def _write_statements(database: DuckDatabase, design: Design) -> dict[str, str]:
    return {
        "assignments": _write_anchors(database, design, ASSIGNMENT_ANCHOR),
        "exposures": _write_anchors(database, design, EXPOSURE),
        "users": _write_users(database, design),
    }


def _write_anchors(database: DuckDatabase, design: Design, anchor: str) -> str:
    selection = select(replace(design, anchor=anchor, metrics=()), [])
    return f"""with {", ".join(database.open(selection))}
select name as user_id, anchor as variant, make_timestamp(moment) as occurred_at
from timed join units on units.unit = timed.unit
where anchor is not null order by moment, name"""


def _write_users(database: DuckDatabase, design: Design) -> str:
    metrics = [planned.metric for planned in design.metrics]
    selection = select(design, metrics)
    slots = [create_slot(design, metric) for metric in metrics]
    tables = database.open(selection)
    if slots:
        tables += write_capped(selection, slots, keeps_tables=True)
    else:
        tables.append("capped as (select unit, first_variant as variant, anchored from units)")
    columns = [text for number, slot in enumerate(slots) for text in _write_columns(number, slot)]
    listed = "".join(f",\n  {column}" for column in columns)
    return f"""with {", ".join(tables)}
select name as user_id, variant, make_timestamp(capped.anchored) as anchored_at{listed}
from capped join units on units.unit = capped.unit and units.is_left_out = 0
order by capped.anchored, name"""


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


def _copy(database: DuckDatabase, sql: str, file: Path, file_format: Format) -> int:
    import duckdb

    options = "format parquet, compression zstd" if file_format == "parquet" else "format csv, header true"
    try:
        cursor = database.connection.execute(f"copy ({sql}) to {quote(str(file))} ({options})")
        rows: int = cursor.fetchone()[0]
    except duckdb.Error as error:
        raise ArchiveError(explain(error)) from error
    return rows
