"""From ``timed`` to ``capped``: a user a row, with the numbers of each slot."""

from collections.abc import Sequence
from decimal import Decimal

from chalicelib.domain.definitions.analysis_schema import MeasureDocument
from realtime.analysis.engines.caps import join_caps, write_caps
from realtime.analysis.engines.conditions import write_condition
from realtime.analysis.engines.literals import quote, quote_all
from realtime.analysis.engines.selection import Selection
from realtime.analysis.engines.slots import AMOUNT_SCALE, Money, Slot, list_money

_ONE_PERSON = "is_left_out = 0 and first_variant is not null"


def write_capped(selection: Selection, slots: Sequence[Slot], *, keeps_tables: bool = False) -> list[str]:
    """Table expressions. An engine that ``keeps_tables`` may read ``timed`` twice, and adds up users once."""
    if keeps_tables:
        people = [_write_totals(selection, slots), _write_mains(slots), _write_people(selection, slots)]
        return [*people, _write_scored(slots), *join_caps(slots)]
    people = [
        _write_by_currency(selection, slots),
        _write_main_currencies(slots),
        _add_up_currencies(slots),
    ]
    return [*people, _write_scored(slots), *write_caps(slots)]


def _write_totals(selection: Selection, slots: Sequence[Slot]) -> str:
    """Events with an amount, by currency."""
    columns = "".join(f",\n    {column}" for column in _count_money(selection, slots))
    return f"totals as (\n  select currency{columns}\n  from {_take_part(selection)} group by currency)"


def _write_mains(slots: Sequence[Slot]) -> str:
    """``main0``: of amounts without a named currency, the one that most events have."""
    indexes = _list_main_currencies(slots)
    if not indexes:
        return "mains as (select 1 as none)"
    ranks = ", ".join(
        f"row_number() over (order by money{index} desc, currency) as rank{index}" for index in indexes
    )
    mains = ", ".join(f"max(case when rank{index} = 1 then currency end) as main{index}" for index in indexes)
    return f"mains as (select {mains} from (select currency, {ranks} from totals))"


def _write_people(selection: Selection, slots: Sequence[Slot]) -> str:
    money = list_money(slots)
    columns = ",\n    ".join(
        _write_number(
            selection, slot, measure, is_before=is_before, main=_find_main(slot, name, measure, money)
        )
        + f" as {name}{number}"
        for number, slot in enumerate(slots)
        for name, measure, is_before in slot.list_numbers()
    )
    return f"""people as (
  select unit, min(first_variant) as variant, min(anchored) as anchored, min(segment) as segment,
    {columns}
  from (select * from {_take_part(selection)}) cross join mains group by unit)"""


def _take_part(selection: Selection) -> str:
    return f"timed where {_ONE_PERSON} and first_variant in {quote_all(selection.design.shares)}"


def _count_money(selection: Selection, slots: Sequence[Slot]) -> list[str]:
    return [
        f"sum(case when {_write_event(selection, each.slot, each.measure)} and value is not null"
        f" then 1 else 0 end) as money{index}"
        for index, each in enumerate(list_money(slots))
    ]


def _write_by_currency(selection: Selection, slots: Sequence[Slot]) -> str:
    columns = [
        f"{_write_number(selection, slot, measure, is_before=is_before)} as {name}{number}"
        for number, slot in enumerate(slots)
        for name, measure, is_before in slot.list_numbers()
    ]
    listed = ",\n    ".join([*columns, *_count_money(selection, slots)])
    return f"""by_currency as (
  select unit, currency, min(first_variant) as variant, min(anchored) as anchored, min(segment) as segment,
    {listed}
  from {_take_part(selection)} group by unit, currency)"""


def _write_number(
    selection: Selection, slot: Slot, measure: MeasureDocument, *, is_before: bool, main: str = ""
) -> str:
    event = _write_event(selection, slot, measure, is_before=is_before)
    if measure.aggregate == "conversion":
        return f"max(case when {event} then 1 else 0 end)"
    if measure.aggregate == "count":
        return f"sum(case when {event} then 1 else 0 end)"
    if main:
        event += f" and currency = {main}"
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
    if measure.currency is None:
        return "coalesce(amount, 0)"
    cases = [f"when {quote(measure.currency)} then amount"]
    for currency, rate in measure.rates.items():
        if currency.upper() != measure.currency:
            factor = f"{Decimal(rate) * AMOUNT_SCALE:f}"
            converted = f"cast(round(try_cast(value as decimal(38, 10)) * {factor}) as bigint)"
            cases.append(f"when {quote(currency.upper())} then {converted}")
    return f"coalesce(case currency {' '.join(cases)} end, 0)"


def _list_main_currencies(slots: Sequence[Slot]) -> list[int]:
    return [index for index, each in enumerate(list_money(slots)) if each.has_main_currency]


def _write_main_currencies(slots: Sequence[Slot]) -> str:
    indexes = _list_main_currencies(slots)
    if not indexes:
        return "with_main as (select * from by_currency)"
    totals = "".join(f", sum(money{index}) over (partition by currency) as total{index}" for index in indexes)
    mains = "".join(
        f", first_value(currency) over (order by total{index} desc, currency) as main{index}"
        for index in indexes
    )
    return f"with_main as (select *{mains} from (select *{totals} from by_currency))"


def _add_up_currencies(slots: Sequence[Slot]) -> str:
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
    main = _find_main(slot, name, measure, money)
    return f"sum(case when currency = {main} then {column} else 0 end)" if main else f"sum({column})"


def _find_main(slot: Slot, name: str, measure: MeasureDocument, money: Sequence[Money]) -> str:
    """The column with the only currency that is added up, if none is named."""
    if measure.aggregate != "sum" or measure.currency is not None:
        return ""
    of = name.translate(str.maketrans("xz", "yd"))
    wanted = slot.metric.key, of
    return next(f"main{i}" for i, each in enumerate(money) if (each.slot.metric.key, each.name) == wanted)


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
