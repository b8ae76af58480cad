"""The view ``source`` of the archive: the only text that differs between engines. Both are written by hand.

A line becomes a row with its place, user, type and time (``moment``, microseconds), what it was attributed to
in the experiment, and two columns for each property that is asked for: ``p0`` its text, ``t0`` the first
character of its JSON. ``fingerprint`` is the same for lines with the same user, type and event id.
"""

from collections.abc import Callable

from realtime.analysis.engines.literals import quote, quote_all, write_path, write_pointer
from realtime.analysis.engines.selection import Selection

TABLE = "archive_lines"
"""In DuckDB: a view of the objects."""


def write_duckdb_source(selection: Selection) -> str:
    design = selection.design
    properties = _write_properties(selection, write_duckdb_property)
    mine = (
        f"lambda part: part.id = {quote(design.experiment_id)} and part.iteration = {int(design.iteration)}"
    )
    return f"""source as (
  select *, hash(user_id, event_type, event_id) as fingerprint from (
    select realtime.place as place, user_id, coalesce(realtime.person, user_id) as unit, event_type,
      coalesce(event_id, realtime.place) as event_id, experiment_key, value, upper(currency) as currency,
      coalesce(realtime.duplicate, false) as is_duplicate,
      coalesce(len(realtime.experiments), 0) as attributions,
      case when event_type = {quote(design.anchor)}
        then list_filter(realtime.experiments, {mine})[1].variant end as variant,
      coalesce(epoch_us(try_cast(realtime.occurred_at as timestamptz)),
        epoch_us(try_cast("timestamp" as timestamptz))) as moment{properties}
    from {TABLE} where event_type in {quote_all(selection.event_types)} and realtime.place is not null)
  where {_write_bounds(selection)})"""


def write_athena_source(selection: Selection, table: str, partitions: str) -> str:
    """``partitions``: a plain condition on the partition columns, by which Athena prunes.

    ``from_iso8601_timestamp`` keeps milliseconds, so the microseconds of ``occurred_at`` are read as text.
    """
    design = selection.design
    mine = f"part -> part.id = {quote(design.experiment_id)} and part.iteration = {int(design.iteration)}"
    occurred = "try(to_unixtime(from_iso8601_timestamp(substr(realtime.occurred_at, 1, 19) || 'Z')))"
    return f"""source as (
  select *, 0 as fingerprint from (
    select realtime.place as place, user_id, coalesce(realtime.person, user_id) as unit, event_type,
      coalesce(event_id, realtime.place) as event_id, experiment_key, value, upper(currency) as currency,
      coalesce(realtime.duplicate, false) as is_duplicate,
      coalesce(cardinality(realtime.experiments), 0) as attributions,
      element_at(filter(realtime.experiments, {mine}), 1).variant as variant,
      coalesce(cast({occurred} as bigint) * 1000000
          + coalesce(try_cast(substr(realtime.occurred_at, 21, 6) as bigint), 0),
        cast(round(try(to_unixtime(from_iso8601_timestamp("timestamp"))) * 1000000) as bigint))
        as moment{_write_properties(selection, write_athena_property)}
    from {table} where {partitions} and event_type in {quote_all(selection.event_types)}
      and realtime.place is not null)
  where {_write_bounds(selection)})"""


def _write_properties(selection: Selection, write: Callable[[str, int], str]) -> str:
    return "".join(f",\n      {write(name, index)}" for index, name in enumerate(selection.properties))


def write_duckdb_property(name: str, index: int) -> str:
    pointer = write_pointer(name)
    return (
        f"json_extract_string(properties, {pointer}) as p{index},"
        f" substr(cast(json_extract(properties, {pointer}) as varchar), 1, 1) as t{index}"
    )


def write_athena_property(name: str, index: int) -> str:
    path = write_path(name)
    return (
        f"json_extract_scalar(properties, {path}) as p{index},"
        f" substr(json_format(json_extract(properties, {path})), 1, 1) as t{index}"
    )


def _write_bounds(selection: Selection) -> str:
    """Lines whose time cannot be read stay, to be counted."""
    bounds = []
    if selection.since is not None:
        bounds.append(f"moment >= {selection.since}")
    if selection.until is not None:
        bounds.append(f"moment < {selection.until}")
    return f"(moment is null or ({' and '.join(bounds)}))" if bounds else "true"
