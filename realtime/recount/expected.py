"""What counters should hold, by the lines of the archive. Pure. Memory grows with counters, not lines."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chalicelib.domain.event_types import OF_FLAGS
from chalicelib.domain.stream.amounts import scale_value
from chalicelib.domain.stream.attribution import NO_VARIANT
from chalicelib.domain.stream.counters import (
    Counter,
    Sums,
    experiment_scope,
    flag_scope,
    format_position,
)
from chalicelib.domain.stream.folded_days import POSITION_SECONDS
from chalicelib.domain.timestamps import parse_timestamp

IN_FLIGHT_SECONDS = 600.0
"""An event is archived before it is counted. After so long it is late."""


class Place(NamedTuple):
    """A counter without its shard. ``day`` in days since 1970."""

    scope: str
    variant: str
    event_type: str
    currency: str
    day: int


Flags = Mapping[str, Collection[str] | None]
"""The variants that each flag has had; None: any."""
Hours = dict[int, Sums]
"""By the hour 0–23; an hour without events may be absent."""


@dataclass(slots=True)
class Expected:
    """``counted``: as the service counted the events. ``moved``: those of a type that counted as another one,
    by the counter that they would have by their own type. ``late``: events of each scope that the counters do
    not have although they should.
    """

    counted: dict[Place, Hours] = field(default_factory=dict)
    moved: dict[Place, Hours] = field(default_factory=dict)
    moved_from: dict[Place, str] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    days: set[int] = field(default_factory=set)
    lines: int = 0


class Reader:
    """Adds up lines. ``positions``: up to where each counter has counted its shard, read before the lines.

    ``scopes``: only these.
    """

    def __init__(
        self,
        positions: Mapping[Counter, str],
        scopes: Collection[str],
        flags: Flags,
        now: float,
    ) -> None:
        self.expected = Expected()
        self._positions = positions
        self._scopes = scopes
        self._flags = flags
        self._now = now

    def add_lines(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """All lines that may repeat each other: one place counts once, with most attributions."""
        first: dict[str, Mapping[str, Any]] = {}
        for line in lines:
            place = line["realtime"]["place"]
            if place not in first or _rank(line) > _rank(first[place]):
                first[place] = line
        for line in first.values():
            self._add(line)

    def _add(self, line: Mapping[str, Any]) -> None:
        realtime = line["realtime"]
        hour_of_all = int(parse_timestamp(realtime.get("occurred_at") or line["timestamp"]) // 3600)
        day, hour = divmod(hour_of_all, 24)
        self.expected.lines += 1
        self.expected.days.add(day)
        amount, currency = _read_amount(line)
        for scope, variant, counted_as in self._list_attributions(line):
            own = Place(scope, variant, line["event_type"], currency, day)
            place = Place(scope, variant, counted_as, "", day) if counted_as else own
            if not self._is_counted(place, realtime):
                continue
            _add_one(self.expected.counted, place, hour, None if counted_as else amount)
            if counted_as:
                _add_one(self.expected.moved, own, hour, amount)
                self.expected.moved_from[own] = counted_as

    def _list_attributions(self, line: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
        """(scope, variant, the type that it counted as, or nothing)."""
        for part in line["realtime"]["experiments"]:
            scope = experiment_scope(part["id"], part["iteration"])
            if scope in self._scopes:
                yield scope, part["variant"], part.get("counted_as") or ""
        if line["event_type"] in OF_FLAGS and not line["realtime"]["duplicate"]:
            flag, variant = str(line.get("flag_key")), (line.get("properties") or {}).get("variant", "")
            variant = NO_VARIANT if variant is None else variant
            known = self._flags.get(flag, ())
            if flag_scope(flag) in self._scopes and (known is None or variant in known):
                yield flag_scope(flag), variant, ""

    def _is_counted(self, place: Place, realtime: Mapping[str, Any]) -> bool:
        """Whether the counters should have it by now.

        A position is kept until no record of before it can be delivered any more.
        """
        shard, number, _ = realtime["place"].rsplit(":", 2)
        counter = Counter(place.scope, place.variant, place.event_type, place.day, shard, place.currency)
        age = self._now - realtime["arrived_at"]
        if format_position(number) <= self._positions.get(counter, "") or age > POSITION_SECONDS:
            return True
        if age > IN_FLIGHT_SECONDS:
            self.expected.late[place.scope] = self.expected.late.get(place.scope, 0) + 1
        return False


def _rank(line: Mapping[str, Any]) -> tuple[int, bool]:
    return len(line["realtime"]["experiments"]), line["realtime"]["duplicate"]


def _read_amount(line: Mapping[str, Any]) -> tuple[int | None, str]:
    """As the service counts it (`chalicelib/domain/stream/event.py`)."""
    value = line.get("value")
    amount = None if value is None else scale_value(value)
    return amount, "" if amount is None else (line.get("currency") or "").upper()


def _add_one(places: dict[Place, Hours], place: Place, hour: int, amount: int | None) -> None:
    hours = places.setdefault(place, {})
    added = Sums(1) if amount is None else Sums(1, amount, amount * amount)
    hours[hour] = hours.get(hour, Sums()).plus(added)
