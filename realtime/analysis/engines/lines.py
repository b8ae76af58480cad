"""From lines of the archive to each unit's events and first anchor: SQL that both engines understand.

The table ``source`` is the engine's own view of the archive (`sources.py`). ``timed`` is what it leads to: an
event a row, with its unit's first anchor. Here is the text of an engine that computes all in one statement,
so that it scans the archive once; `prepared.py` has that of one that keeps tables.
"""

from chalicelib.domain.stream.counters import UNASSIGNED
from realtime.analysis.engines.literals import quote, quote_all, write_moment
from realtime.analysis.engines.selection import Selection

NO_SEGMENT = "(none)"
"""The segment of units whose anchor does not have the property."""
_IS_FIRST = "copy = 1 and moment is not null"
_CURRENCY = "case when value is null then '' else coalesce(currency, '') end"
_IN_ORDER = "partition by unit order by case when anchor is null then 1 else 0 end, moment, place"


def write_lines(selection: Selection) -> list[str]:
    """Common table expressions after ``source``, without their commas."""
    return [
        write_placed("source"),
        write_copies("placed"),
        *write_anchors(selection),
        f"""timed as (
  select *, first_value(case when anchor is not null then moment end) over ({_IN_ORDER}) as anchored,
    first_value(anchor) over ({_IN_ORDER}) as first_variant,
    first_value(own_segment) over ({_IN_ORDER}) as segment,
    max(left_out) over (partition by unit) as is_left_out
  from anchors)""",
    ]


def write_placed(source: str) -> str:
    return f"""placed as (
  select *, row_number() over (partition by place order by attributions desc,
    case when is_duplicate then 0 else 1 end, unit, coalesce(variant, '')) as line_number
  from {source})"""


def write_copies(placed: str) -> str:
    return f"""copies as (
  select *, row_number() over (partition by user_id, event_type, event_id
    order by coalesce(moment, 0), place) as copy
  from (select * from {placed} where line_number = 1 and not is_duplicate))"""


def write_anchors(selection: Selection) -> list[str]:
    """From ``copies`` to ``anchors``: each event, and what it is as an anchor.

    ``event_type`` is null where an event does not count; ``line_type`` is always there.
    """
    columns = "".join(f", p{number}, t{number}" for number in range(len(selection.properties)))
    nameless = "case when unit is null then 1 else 0 end" if selection.design.unit else "0"
    variants = quote_all(selection.design.shares)
    return [
        f"""events as (
  select unit, user_id, place, moment, value, amount, {_CURRENCY} as currency{columns},
    event_type as line_type, case when counted in {variants} then counted end as counted,
    case when {_IS_FIRST}{_write_other_experiments(selection)} then event_type end as event_type,
    case when {_IS_FIRST}{_write_anchor_bounds(selection)} then {_write_variant(selection)} end as variant,
    case when copy > 1 then 1 else 0 end as late, case when moment is null then 1 else 0 end as unreadable,
    {nameless} as nameless
  from copies)""",
        f"""anchors as (
  select *, case when variant <> {quote(UNASSIGNED)} then variant end as anchor,
    case when variant = {quote(UNASSIGNED)} then 1 else 0 end as unassigned,
    {_write_left_out(selection)} as left_out, {_write_segment(selection)} as own_segment
  from events)""",
    ]


def _write_other_experiments(selection: Selection) -> str:
    """An event that names another experiment does not count."""
    if selection.design.is_baseline:
        return ""
    key = quote(selection.design.experiment_key)
    return f" and (experiment_key is null or experiment_key = {key})"


def _write_anchor_bounds(selection: Selection) -> str:
    design = selection.design
    text = f" and event_type = {quote(design.anchor)}"
    if design.unit:
        text += " and unit is not null"
    if design.since is not None:
        text += f" and moment >= {write_moment(design.since)}"
    if design.until is not None:
        text += f" and moment < {write_moment(design.until)}"
    return text


def _write_variant(selection: Selection) -> str:
    """Of an anchor. Assignments of before they had an iteration are of the first one."""
    design = selection.design
    if design.is_baseline:
        return quote(next(iter(design.shares)))
    if not selection.is_anchored_by_assignment:
        return "variant"
    id_, iteration, variant = (
        selection.properties.index(name) for name in ("experiment_id", "iteration", "variant")
    )
    return (
        f"case when t{id_} = '\"' and p{id_} = {quote(design.experiment_id)} and t{variant} = '\"'"
        f" and coalesce(try_cast(p{iteration} as bigint), 1) = {int(design.iteration)} then p{variant} end"
    )


def _write_left_out(selection: Selection) -> str:
    """By the anchors alone: the same users take part whatever events the metrics are of."""
    users = selection.design.left_out
    if not users:
        return "0"
    listed = quote_all(sorted(users))
    anchor = f"variant <> {quote(UNASSIGNED)}"
    return f"case when {anchor} and (unit in {listed} or user_id in {listed}) then 1 else 0 end"


def _write_segment(selection: Selection) -> str:
    if selection.by is None:
        return quote("")
    number = selection.properties.index(selection.by)
    none = quote(NO_SEGMENT)
    return f"case when t{number} in ('n', '{{', '[') then {none} else coalesce(p{number}, {none}) end"
