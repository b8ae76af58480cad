"""The view ``source`` of the archive: the only text that differs between engines. Both are written by hand.

A line becomes a row with its place, unit, type and time (``moment``, microseconds), what it was attributed to
in the experiment, and two columns for each property that is asked for: ``p0`` its text, ``t0`` the first
character of its JSON. ``counted`` is the variant under which the counters have the event by its own type.
"""

from collections.abc import Callable

from realtime.analysis.engines.columns import AMOUNT, write_attributed
from realtime.analysis.engines.literals import quote, quote_all, write_path, write_pointer
from realtime.analysis.engines.selection import Selection

TABLE = "archive_lines"
"""In DuckDB: a view of the objects."""
USER = ("user_id",)


def write_duckdb_source(selection: Selection) -> str:
    design = selection.design
    variant, counted = write_attributed(design.experiment_id, design.iteration)
    unit = _write_unit(selection, "coalesce(person, user_id)", lambda path: _read_text(write_pointer(*path)))
    return f"""source as (
  select place, user_id, {unit} as unit, event_type, coalesce(event_id, place) as event_id, experiment_key,
    value, amount, upper(currency) as currency, is_duplicate, attributions, fingerprint, moment,
    case when event_type = {quote(design.anchor)} then {variant} end as variant,
    {counted} as counted{_write_properties(selection, write_duckdb_property)}
  from {TABLE} where event_type in {quote_all(selection.event_types)} and fingerprint is not null
    and {_write_bounds(selection)})"""


def write_athena_source(selection: Selection, table: str, partitions: str) -> str:
    """``partitions``: a plain condition on the partition columns, by which Athena prunes.

    ``from_iso8601_timestamp`` keeps milliseconds, so the microseconds of ``occurred_at`` are read as text.
    """
    design = selection.design
    mine = f"part -> part.id = {quote(design.experiment_id)} and part.iteration = {int(design.iteration)}"
    part = f"element_at(filter(realtime.experiments, {mine}), 1)"
    occurred = "try(to_unixtime(from_iso8601_timestamp(substr(realtime.occurred_at, 1, 19) || 'Z')))"
    unit = _write_unit(
        selection,
        "coalesce(realtime.person, user_id)",
        lambda path: f"json_extract_scalar(properties, {write_path(*path)})",
    )
    return f"""source as (
  select * from (
    select realtime.place as place, user_id, {unit} as unit, event_type,
      coalesce(event_id, realtime.place) as event_id, experiment_key, value, {AMOUNT} as amount,
      upper(currency) as currency, coalesce(realtime.duplicate, false) as is_duplicate,
      coalesce(cardinality(realtime.experiments), 0) as attributions,
      coalesce(cast({occurred} as bigint) * 1000000
          + coalesce(try_cast(substr(realtime.occurred_at, 21, 6) as bigint), 0),
        cast(round(try(to_unixtime(from_iso8601_timestamp("timestamp"))) * 1000000) as bigint)) as moment,
      {part}.variant as variant,
      case when {part}.counted_as is null
        then {part}.variant end as counted{_write_properties(selection, write_athena_property)}
    from {table} where {partitions} and event_type in {quote_all(selection.event_types)}
      and realtime.place is not null)
  where {_write_bounds(selection)})"""


def write_duckdb_property(name: str) -> tuple[str, str]:
    """Its text, and the first character of its JSON."""
    pointer = write_pointer(name)
    return _read_text(pointer), f"substr(cast(json_extract(properties, {pointer}) as varchar), 1, 1)"


def write_athena_property(name: str) -> tuple[str, str]:
    path = write_path(name)
    text = f"json_extract_scalar(properties, {path})"
    return text, f"substr(json_format(json_extract(properties, {path})), 1, 1)"


def _read_text(pointer: str) -> str:
    return f"json_extract_string(properties, {pointer})"


def _write_properties(selection: Selection, write: Callable[[str], tuple[str, str]]) -> str:
    """Only of events of the types that need them: JSON is slow to read."""
    columns = ""
    for index, name in enumerate(selection.properties):
        types = selection.types_of_properties[name]
        for column, text in zip("pt", write(name), strict=True):
            columns += f",\n    case when event_type in {quote_all(types)} then {text} end as {column}{index}"
    return columns


def _write_unit(selection: Selection, user: str, read: Callable[[tuple[str, ...]], str]) -> str:
    """An empty text is no unit."""
    paths = [tuple(path) for path in selection.design.unit]
    if not paths:
        return user
    texts = [user if path == USER else f"nullif({read(path)}, '')" for path in paths]
    return texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})"


def _write_bounds(selection: Selection) -> str:
    """Lines whose time cannot be read stay, to be counted."""
    bounds = []
    if selection.since is not None:
        bounds.append(f"moment >= {selection.since}")
    if selection.until is not None:
        bounds.append(f"moment < {selection.until}")
    return f"(moment is null or ({' and '.join(bounds)}))" if bounds else "true"
