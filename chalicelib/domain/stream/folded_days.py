"""A closed day of a scope as one item: the sums of all its counters, without shards and positions. Pure."""

import json
import zlib
from collections.abc import Iterable
from functools import cache, partial
from typing import Any, NamedTuple

from chalicelib.domain.stream.counters import Counter, CounterItem, FoldedHours, Sums, sum_hours

FOLDED = "folded"
"""Stands in place of a shard."""
POSITION_SECONDS = 8 * 86_400.0
"""How long a position stays after its counts were moved: a day more than a stream keeps a record."""

CounterName = tuple[str, str, str]
"""Variant, event type, currency."""


def add_items(folded: Iterable[CounterItem], items: Iterable[CounterItem]) -> list[CounterItem]:
    """The items of one day of one scope, with all that have the same name added up."""
    by_name: dict[CounterName, dict[int, Sums]] = {}
    first: Counter | None = None
    for item in (*folded, *items):
        first = first or item.counter
        counter = item.counter
        hours = by_name.setdefault((counter.variant, counter.event_type, counter.currency), {})
        for hour, sums in item.hours.items():
            hours[hour] = hours.get(hour, Sums()).plus(sums)
    if first is None:
        return []
    return [
        CounterItem(Counter(first.scope, variant, event_type, first.day, FOLDED, currency), hours)
        for (variant, event_type, currency), hours in sorted(by_name.items())
    ]


class PackedDay(NamedTuple):
    """The sums of whole days, and those of the hours apart: of a year hardly any hours are looked at."""

    sums: bytes
    hours: bytes


def pack_day(items: Iterable[CounterItem]) -> PackedDay:
    """Of `add_items`. JSON, since the integers may have more than 64 bits."""
    sums, all_hours = [], []
    for counter, hours in items:
        name = counter.variant, counter.event_type, counter.currency
        sums.append([*name, *_list_numbers(sum_hours(hours))])
        all_hours.append({str(hour): _list_numbers(each) for hour, each in sorted(hours.items())})
    return PackedDay(_write(sums), _write(all_hours))


def unpack_day(scope: str, day: int, packed: PackedDay) -> list[CounterItem]:
    @cache
    def read_all_hours() -> list[dict[str, list[int]]]:
        hours: list[dict[str, list[int]]] = _read(packed.hours)
        return hours

    def read_hours(index: int) -> dict[str, list[int]]:
        return read_all_hours()[index]

    return [
        CounterItem(
            Counter(scope, variant, event_type, day, FOLDED, currency),
            FoldedHours(Sums(*numbers), partial(read_hours, index)),
        )
        for index, (variant, event_type, currency, *numbers) in enumerate(_read(packed.sums))
    ]


def _list_numbers(sums: Sums) -> list[int]:
    return [sums.count, sums.total, sums.squares]


def _write(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode())


def _read(packed: bytes) -> Any:
    return json.loads(zlib.decompress(packed).decode())
