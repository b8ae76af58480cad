"""Rows of an engine as values. A number comes as int, Decimal or text, exact in each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Any

from realtime.analysis.engines.literals import MICROSECONDS
from realtime.analysis.engines.slots import Money, Slot, list_money
from realtime.analysis.model import Bin, Census, DaySum, Design, Moments, Sums, Users

Row = Mapping[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALL_PRODUCTS = [a + b for a, b in combinations_with_replacement("ydxz", 2)]


def read_census(design: Design, rows: Iterable[Row]) -> Census:
    rows = list(rows)
    people = [row for row in rows if row["variant"] is not None and not _whole(row["left_out"])]
    found = sorted({str(row["variant"]) for row in people} - set(design.shares))
    moments = [_seconds(row[name]) for row in people for name in ("first_anchor", "last_anchor")]
    everybody = {
        name: sum(_whole(row[name]) for row in rows)
        for name in ("unassigned", "late", "unreadable", "nameless")
    }
    return Census(
        [_read_users(variant, people) for variant in (*design.shares, *found)],
        unassigned=everybody["unassigned"],
        left_out=sum(_whole(row["users"]) for row in rows if _whole(row["left_out"])),
        events_before_anchor=sum(_whole(row["earlier"]) for row in people),
        late_duplicates=everybody["late"],
        unreadable=everybody["unreadable"],
        nameless=everybody["nameless"],
        lines=everybody["nameless"] + sum(_whole(row["lines"]) for row in rows if row["variant"] is not None),
        first_anchor=min(moments, default=None),
        last_anchor=max(moments, default=None),
    )


def read_counts(rows: Iterable[Row]) -> dict[str, dict[str, int]]:
    """Events by type and variant."""
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        counts.setdefault(str(row["line_type"]), {})[str(row["variant"])] = _whole(row["events"])
    return counts


def _read_users(variant: str, people: Sequence[Row]) -> Users:
    rows = [row for row in people if row["variant"] == variant]
    by_day = {
        (_EPOCH + timedelta(days=_whole(row["day"]))).date().isoformat(): _whole(row["users"]) for row in rows
    }
    return Users(variant, sum(by_day.values()), sum(_whole(row["moved"]) for row in rows), by_day)


def read_moments(
    design: Design, slots: Sequence[Slot], rows: Iterable[Row]
) -> list[tuple[str, list[Moments]]]:
    """For each segment, in the order of its number of users, the moments of each slot."""
    rows = list(rows)
    money = list_money(slots)
    segments: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["part"] == "users":
            segments.setdefault(str(row["segment"]), {})[str(row["name"])] = row
    currencies = [_find_left_out(each, f"money{index}", rows) for index, each in enumerate(money)]
    by_metric: dict[str, dict[str, int]] = {}
    for each, counts in zip(money, currencies, strict=True):
        merged = by_metric.setdefault(each.slot.metric.key, {})
        for currency, count in counts.items():
            merged[currency] = merged.get(currency, 0) + count
    return [
        (
            segment,
            [
                _read_slot(design, number, slot, by_variant, by_metric.get(slot.metric.key, {}))
                for number, slot in enumerate(slots)
            ],
        )
        for segment, by_variant in sorted(segments.items(), key=lambda item: (-_count(item[1]), item[0]))
    ] or [("", [_read_slot(design, number, slot, {}, {}) for number, slot in enumerate(slots)])]


def _read_slot(
    design: Design, number: int, slot: Slot, by_variant: Mapping[str, Row], currencies: Mapping[str, int]
) -> Moments:
    caps = {
        name: next((row[name] for row in by_variant.values() if row.get(name) is not None), None)
        for name in (f"cap{number}", f"pre_cap{number}")
    }
    return Moments(
        slot.metric,
        [_read_sums(variant, number, slot, by_variant.get(variant, {})) for variant in design.shares],
        waiting=sum(_whole(row[f"waiting{number}"]) for row in by_variant.values()),
        cap=_scale(slot, caps[f"cap{number}"]),
        pre_cap=_scale(slot, caps[f"pre_cap{number}"]),
        currencies=currencies,
    )


def _read_sums(variant: str, number: int, slot: Slot, row: Row) -> Sums:
    return Sums(
        variant,
        _whole(row.get(f"users{number}")),
        {name: slot.scale(name, _whole(row.get(f"total_{name}{number}"))) for name in "ydxz"},
        {name: slot.scale(name, _whole(row.get(f"total_{name}{number}"))) for name in _ALL_PRODUCTS},
        converted=_whole(row.get(f"converted{number}")),
        largest=slot.scale("y", _whole(row.get(f"largest{number}"))),
    )


def _scale(slot: Slot, number: Any) -> Fraction | None:
    return None if number is None else slot.scale("y", _whole(number))


def _find_left_out(money: Money, column: str, rows: Iterable[Row]) -> dict[str, int]:
    """Currencies whose amounts were not added up, with their events."""
    counts = {
        str(row["name"] or ""): _whole(row[column])
        for row in rows
        if row["part"] == "currency" and _whole(row[column])
    }
    if money.has_main_currency:
        taken = set(sorted(counts, key=lambda currency: (-counts[currency], currency))[:1])
    else:
        taken = {money.measure.currency or "", *(currency.upper() for currency in money.measure.rates)}
    return {currency: count for currency, count in counts.items() if currency not in taken}


def read_bins(design: Design, slot: Slot, rows: Iterable[Row]) -> list[Bin]:
    """Also those without users, up to the last that has one."""
    rows = list(rows)
    if not rows:
        return []
    lowest, width = _whole(rows[0]["lowest"]), _whole(rows[0]["width"])
    users = {(row["variant"], _whole(row["bin"])): _whole(row["users"]) for row in rows}
    last = max(number for _, number in users)
    scale = slot.get_scale("y")
    return [
        Bin(
            variant,
            (lowest + number * width) / scale,
            (lowest + (number + 1) * width) / scale,
            users.get((variant, number), 0),
        )
        for variant in design.shares
        for number in range(last + 1)
    ]


def read_days(moments: Sequence[Moments]) -> Iterator[DaySum]:
    for day, each in enumerate(moments):
        for sums in each.sums:
            yield DaySum(sums.variant, day, sums.users, sums.totals["y"])


def _count(by_variant: Mapping[str, Row]) -> int:
    return sum(_whole(row["users0"]) for row in by_variant.values())


def _seconds(moment: Any) -> float:
    return _whole(moment) / MICROSECONDS


def _whole(number: Any) -> int:
    """An integer, however the engine writes it; nothing is 0."""
    if number is None or number == "":
        return 0
    whole, _, rest = str(number).partition(".")
    if rest.strip("0"):
        raise ValueError(f"{number} is no whole number")
    return int(whole)
