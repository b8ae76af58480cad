"""The statements: census, moments, distribution. One text for both engines, after their view ``source``."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import combinations_with_replacement

from chalicelib.domain.definitions.analysis_schema import MeasureDocument
from realtime.analysis.engines.conditions import write_condition
from realtime.analysis.engines.literals import quote, quote_all
from realtime.analysis.engines.selection import Selection
from realtime.analysis.engines.slots import AMOUNT_SCALE, DAY, Money, Slot, list_money

_ONE_PERSON = "is_left_out = 0 and first_variant is not null"


def write_census(event_types: Sequence[str]) -> list[str]:
    """Tables, and the statement as the last: a row for each variant and day, and one for everybody else."""
    earlier = f"event_type in {quote_all(event_types)}" if event_types else "false"
    return [
        f"""people as (
  select unit, min(first_variant) as variant, min(anchored) as anchored, max(is_left_out) as left_out,
    max(case when anchor <> first_variant then 1 else 0 end) as moved,
    sum(case when {earlier} and moment < anchored then 1 else 0 end) as earlier,
    sum(unassigned) as unassigned, sum(late) as late, sum(unreadable) as unreadable
  from timed group by unit)""",
        f"""select variant, left_out, cast(floor(cast(anchored as double) / {DAY}) as bigint) as day,
  count(*) as users, sum(moved) as moved, sum(earlier) as earlier, sum(unassigned) as unassigned,
  sum(late) as late, sum(unreadable) as unreadable,
  min(anchored) as first_anchor, max(anchored) as last_anchor
from people group by 1, 2, 3 order by 1, 2, 3""",
    ]


def write_moments(selection: Selection, slots: Sequence[Slot]) -> list[str]:
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
            "\nfrom by_currency group by currency"
        )
    return [*write_capped(selection, slots), statement]


def write_distribution(selection: Selection, slot: Slot, bins: int) -> list[str]:
    return [
        *write_capped(selection, [slot]),
        f"""bounded as (
  select variant, y0, min(y0) over () as lowest,
    cast(floor(cast(max(y0) over () - min(y0) over () as double) / {int(bins)}) as bigint) + 1 as width
  from capped where included0 = 1)""",
        """select variant, cast(floor(cast(y0 - lowest as double) / width) as bigint) as bin,
  min(lowest) as lowest, min(width) as width, count(*) as users
from bounded group by 1, 2 order by 1, 2""",
    ]


def write_capped(selection: Selection, slots: Sequence[Slot]) -> list[str]:
    """Tables from ``timed`` to ``capped``: a user a row, with the numbers of each slot."""
    tables = [_write_by_currency(selection, slots), _write_main_currencies(slots), _write_people(slots)]
    tables.append(_write_scored(slots))
    tables += _write_caps(slots)
    return tables


def _write_by_currency(selection: Selection, slots: Sequence[Slot]) -> str:
    columns = [
        f"{_write_number(selection, slot, measure, is_before=is_before)} as {name}{number}"
        for number, slot in enumerate(slots)
        for name, measure, is_before in slot.list_numbers()
    ]
    columns += [
        f"sum(case when {_write_event(selection, each.slot, each.measure)} and value is not null"
        f" then 1 else 0 end) as money{index}"
        for index, each in enumerate(list_money(slots))
    ]
    variants = quote_all(selection.design.shares)
    listed = ",\n    ".join(columns)
    return f"""by_currency as (
  select unit, currency, min(first_variant) as variant, min(anchored) as anchored, min(segment) as segment,
    {listed}
  from timed where {_ONE_PERSON} and first_variant in {variants} group by unit, currency)"""


def _write_number(selection: Selection, slot: Slot, measure: MeasureDocument, *, is_before: bool) -> str:
    event = _write_event(selection, slot, measure, is_before=is_before)
    if measure.aggregate == "conversion":
        return f"max(case when {event} then 1 else 0 end)"
    if measure.aggregate == "count":
        return f"sum(case when {event} then 1 else 0 end)"
    return f"sum(case when {event} then {_write_amount(measure)} else 0 end)"


def _write_event(
    selection: Selection, slot: Slot, measure: MeasureDocument, *, is_before: bool = False
) -> str:
    conditions = [f"event_type = {quote(measure.event)}"]
    if measure.where:
        conditions.append(write_condition(measure.where, selection.properties))
    if is_before:
        conditions += [f"moment >= anchored - {slot.before}", "moment < anchored"]
    else:
        conditions.append(f"moment >= anchored + {slot.start}" if slot.start else "moment >= anchored")
        if slot.end is not None:
            conditions.append(f"moment < anchored + {slot.end}")
        if slot.until is not None:
            conditions.append(f"moment < {slot.until}")
    return " and ".join(conditions)


def _write_amount(measure: MeasureDocument) -> str:
    """In ten-thousandths. A value is rounded once; before it is converted, it is cut to ten decimals, so that
    no product overflows."""
    own = f"cast(round(try_cast(value as decimal(38, 18)) * {AMOUNT_SCALE}) as bigint)"
    if measure.currency is None:
        return f"coalesce({own}, 0)"
    cases = [f"when {quote(measure.currency)} then {own}"]
    for currency, rate in measure.rates.items():
        if currency.upper() != measure.currency:
            factor = f"{Decimal(rate) * AMOUNT_SCALE:f}"
            converted = f"cast(round(try_cast(value as decimal(38, 10)) * {factor}) as bigint)"
            cases.append(f"when {quote(currency.upper())} then {converted}")
    return f"coalesce(case currency {' '.join(cases)} end, 0)"


def _write_main_currencies(slots: Sequence[Slot]) -> str:
    """``main0``: of amounts without a named currency, the one that most events have."""
    indexes = [index for index, each in enumerate(list_money(slots)) if each.has_main_currency]
    if not indexes:
        return "with_main as (select * from by_currency)"
    totals = "".join(f", sum(money{index}) over (partition by currency) as total{index}" for index in indexes)
    mains = "".join(
        f", first_value(currency) over (order by total{index} desc, currency) as main{index}"
        for index in indexes
    )
    return f"with_main as (select *{mains} from (select *{totals} from by_currency))"


def _write_people(slots: Sequence[Slot]) -> str:
    money = list_money(slots)
    columns = [
        f"{_write_total(number, slot, name, measure, money)} as {name}{number}"
        for number, slot in enumerate(slots)
        for name, measure, _ in slot.list_numbers()
    ]
    listed = ",\n    ".join(columns)
    return f"""people as (
  select unit, min(variant) as variant, min(anchored) as anchored, min(segment) as segment,
    {listed}
  from with_main group by unit)"""


def _write_total(number: int, slot: Slot, name: str, measure: MeasureDocument, money: Sequence[Money]) -> str:
    column = f"{name}{number}"
    if measure.aggregate == "conversion":
        return f"max({column})"
    if measure.aggregate == "sum" and measure.currency is None:
        of = name.translate(str.maketrans("xz", "yd"))
        index = next(
            i for i, each in enumerate(money) if (each.slot.metric.key, each.name) == (slot.metric.key, of)
        )
        column = f"case when currency = main{index} then {column} else 0 end"
    return f"sum({column})"


def _write_scored(slots: Sequence[Slot]) -> str:
    columns = []
    for number, slot in enumerate(slots):
        begun, over = "true", "true"
        if slot.until is not None:
            begun = f"anchored < {slot.until}"
            if slot.complete_after is not None:
                over = f"anchored + {slot.complete_after} <= {slot.until}"
        columns.append(f"case when {begun} and {over} then 1 else 0 end as included{number}")
        columns.append(f"case when {begun} and not ({over}) then 1 else 0 end as waiting{number}")
        columns += [
            f"case when {begun} and {over} then cast({name}{number} as decimal(38, 0)) end as {name}{number}"
            for name, _, _ in slot.list_numbers()
        ]
    listed = ",\n    ".join(columns)
    return f"scored as (\n  select unit, variant, anchored, segment,\n    {listed}\n  from people)"


def _write_caps(slots: Sequence[Slot]) -> list[str]:
    """The value of rank ⌈cap · n⌉ over the users of all variants, also for the pre-period by itself."""
    capped = [
        (number, slot, name)
        for number, slot in enumerate(slots)
        for name in ("y", *(["x"] if slot.before is not None else []))
        if slot.cap is not None
    ]
    if not capped:
        return ["capped as (select * from scored)"]
    ranks, caps = [], []
    for number, slot, name in capped:
        column, limit = f"{name}{number}", Decimal(repr(slot.cap))
        digits = len(limit.as_tuple().digits)
        share = f"cast('{limit:f}' as decimal({digits + 1}, {digits}))"
        ranks += [
            f"row_number() over (partition by included{number} order by {column}) as rank_{column}",
            f"sum(included{number}) over () as n_{column}",
        ]
        is_cap = f"included{number} = 1 and rank_{column} = ceil({share} * n_{column})"
        caps.append(f"max(case when {is_cap} then {column} end) over () as cap_{column}")
    limited = [f"{name}{number}" for number, _, name in capped]
    plain = [
        f"{name}{number}"
        for number, slot in enumerate(slots)
        for name in ("included", "waiting", *(name for name, _, _ in slot.list_numbers()))
        if f"{name}{number}" not in limited
    ]
    chosen = [
        f"case when {column} > cap_{column} then cap_{column} else {column} end as {column}"
        for column in limited
    ]
    chosen += [*(f"cap_{column}" for column in limited), *plain]
    return [
        f"ranked as (\n  select *,\n    {_join(ranks)}\n  from scored)",
        f"with_caps as (\n  select *,\n    {_join(caps)}\n  from ranked)",
        f"capped as (\n  select unit, variant, anchored, segment,\n    {_join(chosen)}\n  from with_caps)",
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


def _join(columns: Sequence[str]) -> str:
    return ",\n    ".join(columns)
