"""The way to ``timed`` for an engine that keeps tables: each step reads the archive for what it needs only.

Lines whose fingerprint is there twice may be repeats, so only those are sorted. Units are numbered and their
first anchors joined, since to sort all events by unit would take longer. What is left of an event is narrow.
"""

from collections.abc import Sequence
from dataclasses import replace

from realtime.analysis.engines.lines import write_anchors, write_copies, write_placed
from realtime.analysis.engines.literals import quote, quote_all
from realtime.analysis.engines.selection import Selection
from realtime.analysis.engines.sources import write_duckdb_source


def write_prepared(selection: Selection, number: int) -> list[str]:
    """Statements that make the tables ``timed_N`` and ``units_N``."""
    source = write_duckdb_source(selection)
    return [
        f"create temp table repeated_{number} as\nwith {source}\n"
        "select fingerprint from source group by fingerprint having count(*) > 1",
        f"create temp table copies_{number} as\nwith {source},\n{write_placed(_find_repeated(number))},\n"
        f"{write_copies('placed')}\nselect * from copies",
        f"create temp table anchors_{number} as\nwith {_join(_write_anchors(selection, number))}\n"
        "select unit, moment, place, anchor, own_segment, left_out from anchors where anchor is not null",
        f"create temp table units_{number} as\n{_write_units(number)}",
        *_write_types(selection, number),
        f"create temp table timed_{number} as\nwith {_join(_write_copies(selection, number))}\n"
        f"{_write_timed(selection, number)}",
    ]


def _write_types(selection: Selection, number: int) -> list[str]:
    """A text of which there are few takes one byte, and is compared as a number."""
    variants = f"select unnest([{', '.join(map(quote, selection.design.shares))}]) union"
    return [
        f"create type kinds_{number} as enum {quote_all(selection.event_types)}",
        f"create type variants_{number} as enum ({variants} select anchor from anchors_{number})",
        f"create type segments_{number} as enum (select '' union select segment from units_{number})",
        f"""alter table units_{number} alter first_variant type variants_{number}""",
        f"""alter table units_{number} alter segment type segments_{number}""",
    ]


def drop_prepared(number: int) -> list[str]:
    """What only the steps needed."""
    return [f"drop table {name}_{number}" for name in ("repeated", "copies", "anchors")]


def write_kept(number: int) -> list[str]:
    """Table expressions with which a statement begins."""
    return [f"{name} as (select * from {name}_{number})" for name in ("timed", "units")]


def _write_anchors(selection: Selection, number: int) -> list[str]:
    """Of the events that may be anchors."""
    alone = replace(selection, event_types=[selection.design.anchor])
    return _write_copies(alone, number)


def _write_copies(selection: Selection, number: int) -> list[str]:
    types = quote_all(selection.event_types)
    return [
        write_duckdb_source(selection),
        f"""copies as (
  select * from copies_{number} where event_type in {types}
  union all
  select *, 1 as line_number, 1 as copy from source
  where fingerprint not in (select fingerprint from repeated_{number}) and not is_duplicate)""",
        *write_anchors(selection),
    ]


def _write_units(number: int) -> str:
    """Those who were always in one variant need no order."""
    return f"""with ranges as (
  select unit, min(moment) as anchored, min(anchor) as first_variant, max(anchor) as last_variant,
    min(own_segment) as segment, max(own_segment) as last_segment, max(left_out) as is_left_out
  from anchors_{number} group by unit),
ordered as (
  select unit, anchor, own_segment, row_number() over (partition by unit order by moment, place) as step
  from anchors_{number} where unit in (
    select unit from ranges where first_variant <> last_variant or segment <> last_segment)),
first_steps as (select * from ordered where step = 1)
select ranges.unit as name, cast(row_number() over () as integer) as unit, anchored,
  coalesce(anchor, first_variant) as first_variant, coalesce(own_segment, segment) as segment,
  cast(is_left_out as tinyint) as is_left_out,
  case when first_variant <> last_variant then 1 else 0 end as moved
from ranges left join first_steps on first_steps.unit = ranges.unit"""


def _write_timed(selection: Selection, number: int) -> str:
    """Of units without an anchor, only what is counted for everybody."""
    kinds, variants = f"kinds_{number}", f"variants_{number}"
    columns = [
        "units.unit as unit",
        "moment",
        *(f"cast({name} as {kinds}) as {name}" for name in ("event_type", "line_type")),
        *(f"cast({name} as {variants}) as {name}" for name in ("anchor", "counted")),
        "amount",
        "currency",
        *(["value"] if selection.has_rates else ["case when value is not null then '' end as value"]),
        *(f"{name}{selection.properties.index(each)}" for each in selection.measured for name in "pt"),
        *(f"cast({name} as tinyint) as {name}" for name in ("unassigned", "late", "unreadable", "nameless")),
        "anchored",
        "first_variant",
        "segment",
        "coalesce(is_left_out, 0) as is_left_out",
    ]
    return (
        f"select {', '.join(columns)}\n"
        f"from anchors left join units_{number} as units on units.name = anchors.unit\n"
        "where units.unit is not null or unassigned = 1 or late = 1 or unreadable = 1 or nameless = 1"
        " or counted is not null"
    )


def _find_repeated(number: int) -> str:
    return f"source where fingerprint in (select fingerprint from repeated_{number})"


def _join(tables: Sequence[str]) -> str:
    return ",\n".join(tables)
