"""Counters of events and assigned users. A retry adds nothing twice. Pure.

There is one item for each experiment, variant, event type, currency, UTC day and shard. It holds the sums
of the day's hours and the position up to which its shard is counted. Both change in one conditional write
(docs/adr/005-exactly-once-counters.md).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from chalicelib.domain.stream.amounts import SCALE

UNASSIGNED = "$unassigned"
"""Stands in place of a variant. No variant's key can contain a ``$``."""
FLAG_SCOPE = "flag/"

_LENGTHS = [f"{length:03d}" for length in range(130)]
_HOURS = [f"{hour:02d}" for hour in range(24)]
COARSE = SCALE // 10_000
_DAY_0 = datetime(1970, 1, 1, tzinfo=UTC)


def format_position(sequence_number: str) -> str:
    """A sequence number as text with the same order.

    Sequence numbers have up to 129 digits, but numbers in DynamoDB at most 38.
    """
    digits = sequence_number.lstrip("0")
    return _LENGTHS[len(digits)] + digits


def experiment_scope(experiment_id: str, iteration: int) -> str:
    """A restarted experiment has a new iteration, so it counts from zero."""
    return experiment_id if iteration == 1 else f"{experiment_id}@{iteration}"


def flag_scope(key: str) -> str:
    """The scope of a flag's evaluations. No experiment's id has a slash, so the two cannot collide."""
    return FLAG_SCOPE + key


class Counter(NamedTuple):
    """The key of an item; ``day`` in days since 1970. ``currency`` is empty for amounts without one."""

    scope: str
    variant: str
    event_type: str
    day: int
    shard: str
    currency: str = ""

    @property
    def sort_key(self) -> str:
        """Without a currency it is the key of before there were currencies."""
        event_type = self.event_type.replace("%", "%25").replace("#", "%23")
        currency = f"#{self.currency}" if self.currency else ""
        return f"{format_day(self.day)}#{self.variant}#{event_type}{currency}#{self.shard}"

    @staticmethod
    def parse(scope: str, sort_key: str) -> "Counter":
        day, variant, event_type, *currency, shard = sort_key.split("#")
        event_type = event_type.replace("%23", "#").replace("%25", "%")
        return Counter(scope, variant, event_type, parse_day(day), shard, "".join(currency))


class Entry(NamedTuple):
    """What one event adds to a counter. ``amount`` is its value × SCALE, or None if it has no value."""

    position: str
    hour: int  # 0–23
    amount: int | None = None
    number: int = 1


class Tally(NamedTuple):
    """What a batch adds to one counter; ``entries`` are in the order of their positions."""

    counter: Counter
    entries: list[Entry]

    @property
    def first(self) -> str:
        return self.entries[0].position

    @property
    def last(self) -> str:
        return self.entries[-1].position

    def after(self, counted: str) -> "Tally | None":
        """The tally of what is not counted yet; None if everything is.

        ``counted`` is the position of the last entry that the counter holds.
        """
        entries = [entry for entry in self.entries if entry.position > counted]
        return Tally(self.counter, entries) if entries else None

    def increments(self) -> dict[str, int]:
        """Attribute → number to add. For hour 10: ``n10`` count, ``s10`` and ``t10`` sum, ``q10`` and ``r10``
        sum of squares.

        Each sum is in two parts, because DynamoDB's numbers have 38 digits: `COARSE` is the unit of ``s``
        and ``q``, as it always was, and the rest is in ``t`` and ``r``. Values of up to four decimals have
        no rest.
        """
        hours: dict[int, list[int]] = {}
        hours_with_values: set[int] = set()
        for _, hour, amount, number in self.entries:
            sums = hours.get(hour)
            if sums is None:
                sums = hours[hour] = [0, 0, 0]
            sums[0] += number
            if amount is not None:
                hours_with_values.add(hour)
                sums[1] += amount
                sums[2] += amount * amount
        increments = {}
        for hour, (count, total, squares) in hours.items():
            increments[f"n{hour:02d}"] = count
            if hour in hours_with_values:
                for coarse, fine, unit, number in (
                    ("s", "t", COARSE, total),
                    ("q", "r", COARSE**2, squares),
                ):
                    increments[f"{coarse}{hour:02d}"], rest = divmod(number, unit)
                    if rest:
                        increments[f"{fine}{hour:02d}"] = rest
        return increments


@dataclass(frozen=True, slots=True)
class Sums:
    """``total`` has the unit 1/SCALE of `amounts`, ``squares`` has 1/SCALE²."""

    count: int = 0
    total: int = 0
    squares: int = 0

    def plus(self, other: "Sums") -> "Sums":
        return Sums(self.count + other.count, self.total + other.total, self.squares + other.squares)


def parse_hours(numbers: Mapping[str, int]) -> dict[int, Sums]:
    """The attributes of an item, as `Tally.increments` names them, by hour."""
    read = numbers.get
    return {
        hour: Sums(
            numbers[f"n{name}"],
            read(f"s{name}", 0) * COARSE + read(f"t{name}", 0),
            read(f"q{name}", 0) * COARSE**2 + read(f"r{name}", 0),
        )
        for hour, name in enumerate(_HOURS)
        if f"n{name}" in numbers
    }


class FoldedHours(Mapping[int, Sums]):
    """The hours of a folded day, which ``read`` reads when they are asked for: count, total and squares by
    the hour as text."""

    def __init__(self, whole_day: Sums, read: Callable[[], Mapping[str, Sequence[int]]]) -> None:
        self.whole_day = whole_day
        self._read = read

    def __getitem__(self, hour: int) -> Sums:
        return Sums(*self._read()[str(hour)])

    def __iter__(self) -> Iterator[int]:
        return map(int, self._read())

    def __len__(self) -> int:
        return len(self._read())


class CounterItem(NamedTuple):
    """What one item holds, or a part of a folded day, with the hours that are not empty."""

    counter: Counter
    hours: Mapping[int, Sums]

    @property
    def total(self) -> Sums:
        return self.hours.whole_day if isinstance(self.hours, FoldedHours) else sum_hours(self.hours)


def sum_hours(hours: Mapping[int, Sums]) -> Sums:
    """The day that consists of ``hours``."""
    total = Sums()
    for sums in hours.values():
        total = total.plus(sums)
    return total


class Addition(Protocol):
    """What is added to a counter in one write: a `Tally`, or a correction of it."""

    @property
    def counter(self) -> Counter: ...

    @property
    def first(self) -> str: ...

    @property
    def last(self) -> str: ...

    def increments(self) -> dict[str, int]: ...


class CountedScope(NamedTuple):
    """``positions``: up to where each counter has counted its shard, as of the same reading."""

    items: list[CounterItem]
    positions: dict[Counter, str]


class Counters(Protocol):
    """The store of counters. Each method raises StorageUnavailable or Throttled."""

    def add(self, tally: Addition, counted: str | None) -> str | None:
        """Add ``tally`` and move the counter's position to its last one, in one conditional write.

        The write takes place if nothing from the tally's first position on is counted yet, or if the
        counter stands exactly at ``counted``. A repeated or late write therefore adds nothing twice.
        Returns None, or the position that the counter stands at if the condition failed.
        """

    def read(self, scope: str) -> Iterable[CounterItem]:
        """All counts of ``scope``. Several items may have the same variant, event type, currency and day."""

    def read_positions(self, scope: str) -> CountedScope:
        """As `read`, with the positions."""

    def fold(self, scope: str, before: int, now: float) -> int:
        """Move the counts of each day before ``before`` into one item of that day; returns how many moved.

        The positions stay for as long as a record may be delivered again, so nothing counts twice.
        ``before`` in days since 1970, ``now`` in epoch seconds. It may be repeated, and run at once in
        several containers. Counts that arrive later are moved by a later call.
        """


def tally_entries(entries: Iterable[tuple[Counter, Entry]]) -> list[Tally]:
    """One tally for each counter. The entries must be in the order of their records."""
    by_counter: dict[Counter, list[Entry]] = {}
    for counter, entry in entries:
        by_counter.setdefault(counter, []).append(entry)
    return [Tally(counter, entries_) for counter, entries_ in by_counter.items()]


def to_day_and_hour(timestamp: float) -> tuple[int, int]:
    """Epoch seconds → days since 1970 and the hour 0–23, in UTC."""
    return divmod(int(timestamp // 3600), 24)


def format_day(day: int) -> str:
    return (_DAY_0 + timedelta(days=day)).date().isoformat()


def parse_day(day: str) -> int:
    return (datetime.fromisoformat(day).replace(tzinfo=UTC) - _DAY_0).days
