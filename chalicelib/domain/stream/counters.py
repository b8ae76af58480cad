"""Counters of events and assigned users. A retry adds nothing twice. Pure.

There is one item for each experiment, variant, event type, UTC day and shard. It holds the sums of the
day's hours and the position up to which its shard is counted. Both change in one conditional write
(docs/adr/005-exactly-once-counters.md).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

UNASSIGNED = "$unassigned"
"""Stands in place of a variant. No variant's key can contain a ``$``."""
ASSIGNED = "$assigned"
"""Stands in place of an event type: each stored assignment counts one."""

FLAG_SCOPE = "flag/"

_LENGTHS = [f"{length:03d}" for length in range(130)]
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
    """The key of an item; ``day`` in days since 1970."""

    scope: str
    variant: str
    event_type: str
    day: int
    shard: str

    @property
    def sort_key(self) -> str:
        return f"{format_day(self.day)}#{self.variant}#{self.event_type}#{self.shard}"


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
        """Attribute → number to add. For hour 10: ``n10`` count, ``s10`` sum, ``q10`` sum of squares."""
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
        return {
            f"{name}{hour:02d}": number
            for hour, sums in hours.items()
            for name, number in zip("nsq" if hour in hours_with_values else "n", sums, strict=False)
        }


@dataclass(frozen=True, slots=True)
class Sums:
    """``total`` has the unit 1/SCALE, ``squares`` has 1/SCALE²."""

    count: int = 0
    total: int = 0
    squares: int = 0

    def plus(self, other: "Sums") -> "Sums":
        return Sums(self.count + other.count, self.total + other.total, self.squares + other.squares)


class CounterItem(NamedTuple):
    """An item as it is read, with the hours that are not empty."""

    counter: Counter
    hours: Mapping[int, Sums]


class Counters(Protocol):
    """The store of counters. Both methods raise StorageUnavailable or Throttled."""

    def add(self, tally: Tally, counted: str | None) -> str | None:
        """Add ``tally`` and move the counter's position to its last one, in one conditional write.

        The write takes place if nothing from the tally's first position on is counted yet, or if the
        counter stands exactly at ``counted``. A repeated or late write therefore adds nothing twice.
        Returns None, or the position that the counter stands at if the condition failed.
        """

    def read(self, scope: str) -> Iterable[CounterItem]:
        """All items of ``scope``, one for each day, variant, event type and shard."""


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
