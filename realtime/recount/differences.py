"""Compares what counters hold with what they should, and writes what is missing as a correction. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from chalicelib.domain.event_types import ASSIGNED
from chalicelib.domain.stream.counters import (
    COARSE,
    Counter,
    CounterItem,
    Sums,
    format_position,
    sum_hours,
)
from realtime.recount.expected import Expected, Hours, Place

CORRECTION = "recount"
"""Stands in place of a shard: a correction is a counter of its own, which is added up with the others."""


@dataclass(frozen=True, slots=True)
class Difference:
    """``missing``: what to add to the counters so that they hold what the archive has; may be negative."""

    place: Place
    counted: Sums
    archived: Sums
    missing: Hours


class CountedBack(NamedTuple):
    """Events of a type that counted as another one, before a definition named the type."""

    event_type: str
    counted_as: str
    events: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """``not_archived``: days of which counters have events and the archive not a single line."""

    places: int
    differences: list[Difference]
    could_move: list[CountedBack]
    not_archived: list[int]


def sum_items(items: Iterable[CounterItem]) -> dict[Place, Hours]:
    """Without the shards, and without assigned users: those are counted from their table's own stream."""
    places: dict[Place, Hours] = {}
    for counter, hours in items:
        if counter.event_type == ASSIGNED:
            continue
        place = Place(counter.scope, counter.variant, counter.event_type, counter.currency, counter.day)
        _add_hours(places.setdefault(place, {}), hours)
    return places


def compare(counters: Mapping[Place, Hours], expected: Expected, types: Collection[str] = ()) -> Comparison:
    """``types`` shall count under their own names also where they counted as another type.

    What was counted back before stays counted back.
    """
    wanted = {place: dict(hours) for place, hours in expected.counted.items()}
    back: dict[tuple[str, str], int] = {}
    for place, hours in expected.moved.items():
        base = wanted.get(place, {})
        both = dict(base)
        _add_hours(both, hours)
        is_back = _drop_empty(counters.get(place, {})) == _drop_empty(both)
        if is_back or place.event_type in types:
            wanted[place] = both
            other = place._replace(event_type=expected.moved_from[place], currency="")
            _add_hours(wanted[other], {hour: Sums(-sums.count) for hour, sums in hours.items()})
        else:
            name = place.event_type, expected.moved_from[place]
            back[name] = back.get(name, 0) + sum_hours(hours).count
    places = sorted({*wanted, *(place for place in counters if place.day in expected.days)})
    absent = {place.day for place in counters if place.day not in expected.days}
    differences = filter(None, (_compare(place, counters, wanted) for place in places))
    could_move = [CountedBack(*name, events) for name, events in sorted(back.items())]
    return Comparison(len(places), list(differences), could_move, sorted(absent))


def make_corrections(
    differences: Iterable[Difference], positions: Mapping[Counter, str]
) -> Iterator[tuple["Correction", str | None]]:
    """Each with the position at which its counter must stand, so that nothing is corrected twice."""
    for difference in differences:
        place = difference.place
        counter = Counter(place.scope, place.variant, place.event_type, place.day, CORRECTION, place.currency)
        before = positions.get(counter)
        revision = 1 if before is None else int(before[3:]) + 1
        yield Correction(counter, difference.missing, format_position(str(revision))), before


class Correction(NamedTuple):
    """An `Addition` of sums in place of events. ``position`` is the number of the correction."""

    counter: Counter
    missing: Hours
    position: str

    @property
    def first(self) -> str:
        return self.position

    @property
    def last(self) -> str:
        return self.position

    def increments(self) -> dict[str, int]:
        """In the form of `Tally.increments`; a count may be 0."""
        numbers = {}
        for hour, sums in self.missing.items():
            numbers[f"n{hour:02d}"] = sums.count
            numbers[f"s{hour:02d}"], numbers[f"t{hour:02d}"] = divmod(sums.total, COARSE)
            numbers[f"q{hour:02d}"], numbers[f"r{hour:02d}"] = divmod(sums.squares, COARSE**2)
        return numbers


def _compare(
    place: Place, counters: Mapping[Place, Hours], wanted: Mapping[Place, Hours]
) -> Difference | None:
    counted, archived = counters.get(place, {}), wanted.get(place, {})
    missing: Hours = {}
    for hour in sorted({*counted, *archived}):
        has, should = counted.get(hour, Sums()), archived.get(hour, Sums())
        if has != should:
            missing[hour] = Sums(
                should.count - has.count, should.total - has.total, should.squares - has.squares
            )
    return Difference(place, sum_hours(counted), sum_hours(archived), missing) if missing else None


def _add_hours(hours: Hours, added: Mapping[int, Sums]) -> None:
    for hour, sums in added.items():
        hours[hour] = hours.get(hour, Sums()).plus(sums)


def _drop_empty(hours: Mapping[int, Sums]) -> Hours:
    return {hour: sums for hour, sums in hours.items() if sums != Sums()}
