"""The statements: census, moments, distribution. One text for both engines, after their view ``source``."""

from collections.abc import Sequence
from itertools import combinations_with_replacement

from realtime.analysis.engines.capped import write_capped
from realtime.analysis.engines.literals import quote_all
from realtime.analysis.engines.selection import Selection
from realtime.analysis.engines.slots import DAY, Slot, list_money

_DAY = f"cast(floor(cast(anchored as double) / {DAY}) as bigint)"
_PEOPLE = (
    "count(*) as users, sum(moved) as moved, min(anchored) as first_anchor, max(anchored) as last_anchor"
)


def write_census(event_types: Sequence[str], *, keeps_tables: bool = False) -> list[str]:
    """Tables, and the statement as the last: a row for each variant and day, and one for everybody else.

    With ``keeps_tables`` there is the table ``units`` of all who have an anchor.
    """
    earlier = f"event_type in {quote_all(event_types)}" if event_types else "false"
    earlier = f"sum(case when {earlier} and moment < anchored then 1 else 0 end) as earlier"
    flaws = "".join(f", sum({name}) as {name}" for name in ("unassigned", "late", "unreadable", "nameless"))
    lines = ", count(*) as lines"
    if keeps_tables:
        return [
            f"""found as (
  select first_variant as variant, is_left_out as left_out, {_DAY} as day, {earlier}{flaws}{lines}
  from timed group by 1, 2, 3)""",
            f"""people as (
  select first_variant as variant, is_left_out as left_out, {_DAY} as day, {_PEOPLE}
  from units group by 1, 2, 3)""",
            """select found.*, users, moved, first_anchor, last_anchor
from found left join people using (variant, left_out, day) order by variant, left_out, day""",
        ]
    return [
        f"""people as (
  select unit, min(first_variant) as variant, min(anchored) as anchored, max(is_left_out) as left_out,
    max(case when anchor <> first_variant then 1 else 0 end) as moved, {earlier}{flaws}{lines}
  from timed group by unit)""",
        f"""select variant, left_out, {_DAY} as day, {_PEOPLE}, sum(earlier) as earlier{flaws},
  sum(lines) as lines
from people group by 1, 2, 3 order by 1, 2, 3""",
    ]


def write_counts() -> list[str]:
    """Events that count by their own type, also before their unit's anchor: what the counters have too."""
    return [
        """select line_type, counted as variant, count(*) as events
from timed where counted is not null group by 1, 2 order by 1, 2"""
    ]


def write_moments(selection: Selection, slots: Sequence[Slot], *, keeps_tables: bool = False) -> list[str]:
    """Tables, and the statement as the last: rows for variants and segments, and for currencies."""
    money = list_money(slots)
    sums = [text for number, slot in enumerate(slots) for text in _write_sums(number, slot)]
    statement = (
        "select 'users' as part, variant as name, segment,\n  "
        + ",\n  ".join(sums)
        + "".join(f",\n  cast(null as bigint) as money{index}" for index in range(len(money)))
        + "\nfrom capped group by variant, segment"
    )
    if money:
        nulls = "".join(f", cast(null as {kind})" for slot in slots for _, kind in _list_columns(slot))
        counts = "".join(f", sum(money{index})" for index in range(len(money)))
        statement += (
            f"\nunion all\nselect 'currency', currency, cast(null as varchar){nulls}{counts}"
            f"\nfrom {'totals' if keeps_tables else 'by_currency'} group by currency"
        )
    return [*write_capped(selection, slots, keeps_tables=keeps_tables), statement]


def write_distribution(
    selection: Selection, slot: Slot, bins: int, *, keeps_tables: bool = False
) -> list[str]:
    return [
        *write_capped(selection, [slot], keeps_tables=keeps_tables),
        f"""bounded as (
  select variant, y0, min(y0) over () as lowest,
    cast(floor(cast(max(y0) over () - min(y0) over () as double) / {int(bins)}) as bigint) + 1 as width
  from capped where included0 = 1)""",
        """select variant, cast(floor(cast(y0 - lowest as double) / width) as bigint) as bin,
  min(lowest) as lowest, min(width) as width, count(*) as users
from bounded group by 1, 2 order by 1, 2""",
    ]


def _write_sums(number: int, slot: Slot) -> list[str]:
    names = [name for name, _, _ in slot.list_numbers()]
    sums = [f"sum(included{number}) as users{number}", f"sum(waiting{number}) as waiting{number}"]
    sums += [f"sum({name}{number}) as total_{name}{number}" for name in names]
    sums += [
        f"sum({a}{number} * {b}{number}) as total_{a}{b}{number}"
        for a, b in combinations_with_replacement(names, 2)
    ]
    sums += [
        f"sum(case when y{number} > 0 then 1 else 0 end) as converted{number}",
        f"max(y{number}) as largest{number}",
    ]
    if slot.cap is not None:
        sums.append(f"min(cap_y{number}) as cap{number}")
        if slot.before is not None:
            sums.append(f"min(cap_x{number}) as pre_cap{number}")
    return sums


def _list_columns(slot: Slot) -> list[tuple[str, str]]:
    """Those of `_write_sums` with their types."""
    names = [text.rsplit(" as ", 1)[1] for text in _write_sums(0, slot)]
    whole = ("users", "waiting", "converted")
    return [(name, "bigint" if name.startswith(whole) else "decimal(38, 0)") for name in names]
