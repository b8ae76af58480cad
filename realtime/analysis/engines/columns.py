"""Lines of the archive as a table of DuckDB: the fields as they are, and flat columns made of them.

`compact` writes both, so that no analysis parses times, amounts and attributions again. Raw objects get the
flat columns while they are read.
"""

import glob
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from string import ascii_letters, digits

from realtime.analysis.engines.literals import quote, quote_all

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
AMOUNT = "cast(round(try_cast(value as decimal(38, 18)) * 10000) as bigint)"
"""In ten-thousandths of the currency. A value is rounded once."""
_PLAIN = frozenset(ascii_letters + digits)
ENTRY, FIELD = "chr(30)", "chr(31)"
_ATTRIBUTED = (
    f"array_to_string(list_transform(realtime.experiments, lambda part: concat({ENTRY}, part.id, {FIELD},"
    f" part.iteration, {FIELD}, part.variant, {FIELD}, part.counted_as, {FIELD})), '')"
)
FLAT: Mapping[str, str] = {
    "place": "realtime.place",
    "person": "realtime.person",
    "moment": "coalesce(epoch_us(try_cast(realtime.occurred_at as timestamptz)),"
    ' epoch_us(try_cast("timestamp" as timestamptz)))',
    "amount": AMOUNT,
    "is_duplicate": "coalesce(realtime.duplicate, false)",
    "attributions": "coalesce(len(realtime.experiments), 0)",
    "attributed": f"case when len(realtime.experiments) > 0 then {_ATTRIBUTED} end",
    "fingerprint": "case when realtime.place is not null then md5_number_lower(concat_ws(chr(0), user_id,"
    " event_type, coalesce(event_id, realtime.place))) end",
}
"""``moment`` in microseconds. ``attributed``: experiment id, iteration, variant and other type of each entry,
as text that Parquet stores once. ``fingerprint``: the same for all lines of one user, type and event id; null
for what is no line of an event."""
MAX_LINE = 1_048_576
"""Bytes. DuckDB's default of 16 MB takes as much memory for each thread."""


READ = (
    *("event_id", "event_type", "user_id", "value", "currency", "experiment_key", "properties"),
    *FLAT,
)
"""What an analysis reads."""


def write_raw(files: Sequence[Path], event_types: Collection[str] = ()) -> str:
    """Raw objects with the flat columns; with ``event_types`` only lines that matter to an analysis."""
    if not files:
        nulls = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in COLUMNS.items())
        return _add_flat(f"select {nulls} where false")
    columns = "{" + ", ".join(f'"{name}": {quote(kind)}' for name, kind in COLUMNS.items()) + "}"
    where = ""
    if event_types:
        where = f" where realtime.place is not null and event_type in {quote_all(sorted(event_types))}"
    return _add_flat(
        f"select * from read_json({list_files(files)}, format = 'newline_delimited',"
        f" compression = 'gzip', maximum_object_size = {MAX_LINE}, columns = {columns},"
        f" hive_partitioning = false){where}"
    )


def write_compacted(files: Sequence[Path]) -> str:
    return f"select {', '.join(READ)} from read_parquet({list_files(files)}, hive_partitioning = false)"


def write_attributed(experiment_id: str, iteration: int) -> tuple[str, str]:
    """The variant that an event was attributed to, and the same only if it counts by its own type.

    DuckDB runs a regular expression once for each text that a column holds, not for each row.
    """
    letters = (
        each if each.isalnum() and each.isascii() else rf"\x{{{ord(each):x}}}" for each in experiment_id
    )
    entry = rf"\x1e{''.join(letters)}\x1f{int(iteration)}\x1f([^\x1f]*)\x1f"
    variant, counted = (
        f"nullif(regexp_extract(attributed, {quote(text)}, 1), '')" for text in (entry, rf"{entry}\x1f")
    )
    return variant, counted


def list_files(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(quote(glob.escape(str(path))) for path in paths) + "]"


def _add_flat(table: str) -> str:
    flat = ",\n  ".join(f"{text} as {name}" for name, text in FLAT.items())
    return f"select *,\n  {flat}\nfrom ({table})"
