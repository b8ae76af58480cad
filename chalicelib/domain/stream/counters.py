"""Counters, and why a retry adds nothing twice. Pure.

One item per experiment, variant, event type, UTC day and shard holds that day's hours and the position up
to which its shard is counted. Both change in one conditional write (docs/adr/005-exactly-once-counters.md).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

UNASSIGNED = "$unassigned"
"""Counted instead of a variant; no variant's key can hold a ``$``."""
ASSIGNED = "$assigned"
"""Counted instead of an event type: one for each stored assignment."""

FLAG_SCOPE = "flag/"

_LENGTHS = [f"{length:03d}" for length in range(130)]
_DAY_0 = datetime(1970, 1, 1, tzinfo=UTC)


def format_position(sequence_number: str) -> str:
    """Sequence numbers have up to 129 digits, DynamoDB's numbers 38: text that orders as the number does."""
    digits = sequence_number.lstrip("0")
    return _LENGTHS[len(digits)] + digits


def experiment_scope(experiment_id: str, iteration: int) -> str:
    """What a counter belongs to: a restarted experiment counts from zero."""
    return experiment_id if iteration == 1 else f"{experiment_id}@{iteration}"


def flag_scope(key: str) -> str:
    """A flag's evaluations are counted beside the experiments' events; no experiment's id has a slash."""
    return FLAG_SCOPE + key


class Counter(NamedTuple):
    """The key of one item; ``day`` in days since 1970."""

    scope: str
    variant: str
    event_type: str
    day: int
    shard: str

    @property
    def sort_key(self) -> str:
        return f"{format_day(self.day)}#{self.variant}#{self.event_type}#{self.shard}"


class Entry(NamedTuple):
    """What one record adds to a counter; ``amount`` is a scaled value, or None without one."""

    position: str
    hour: int  # 0–23
    amount: int | None = None
    number: int = 1


class Tally(NamedTuple):
    """What a batch adds to one counter: ``entries`` by position, ascending."""

    counter: Counter
    entries: list[Entry]

    @property
    def first(self) -> str:
        return self.entries[0].position

    @property
    def last(self) -> str:
        return self.entries[-1].position

    def after(self, counted: str) -> "Tally | None":
        """What is left if everything up to the position ``counted`` is counted already."""
        rest = [entry for entry in self.entries if entry.position > counted]
        return Tally(self.counter, rest) if rest else None

    def increments(self) -> dict[str, int]:
        """Attribute → what to add: ``n10`` count, ``s10`` sum, ``q10`` sum of squares of hour 10."""
        hours: dict[int, list[int]] = {}
        valued: set[int] = set()
        for _, hour, amount, number in self.entries:
            sums = hours.get(hour)
            if sums is None:
                sums = hours[hour] = [0, 0, 0]
            sums[0] += number
            if amount is not None:
                valued.add(hour)
                sums[1] += amount
                sums[2] += amount * amount
        return {
            f"{name}{hour:02d}": number
            for hour, sums in hours.items()
            for name, number in zip("nsq" if hour in valued else "n", sums, strict=False)
        }


@dataclass(frozen=True, slots=True)
class Sums:
    """``total`` is in 1/SCALE, ``squares`` in 1/SCALE²."""

    count: int = 0
    total: int = 0
    squares: int = 0

    def plus(self, other: "Sums") -> "Sums":
        return Sums(self.count + other.count, self.total + other.total, self.squares + other.squares)


class CounterItem(NamedTuple):
    """One item as it is read: hours that have anything."""

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
        ...

    def read(self, scope: str) -> Iterable[CounterItem]:
        """All items of ``scope``, one for each day, variant, event type and shard."""
        ...


def tally_entries(entries: Iterable[tuple[Counter, Entry]]) -> list[Tally]:
    """One for each counter; entries must come in the order of their records."""
    found: dict[Counter, list[Entry]] = {}
    for counter, entry in entries:
        existing = found.get(counter)
        if existing is None:
            found[counter] = [entry]
        else:
            existing.append(entry)
    return [Tally(counter, list_) for counter, list_ in found.items()]


def day_and_hour(timestamp: float) -> tuple[int, int]:
    """Days since 1970 and the hour 0–23, UTC, of epoch seconds."""
    return divmod(int(timestamp // 3600), 24)


def format_day(day: int) -> str:
    return (_DAY_0 + timedelta(days=day)).date().isoformat()


def parse_day(day: str) -> int:
    return (datetime.fromisoformat(day).replace(tzinfo=UTC) - _DAY_0).days
