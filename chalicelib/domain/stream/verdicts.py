"""What was decided about the latest records of a shard. A retry does not decide again. Pure.

Assignments, definitions and the memory of duplicates may change between two attempts at a batch. The first
attempt therefore stores its verdicts before it counts anything, and every later attempt uses them
(docs/adr/005-exactly-once-counters.md).
"""

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import orjson

from chalicelib.domain.stream.attribution import Attribution
from chalicelib.domain.stream.records import EventPosition

Verdict = tuple[Attribution, ...] | None
"""What an event counts for; None if it is a duplicate."""


class Verdicts(NamedTuple):
    """About all records from ``first`` to ``last``, both included. Records before ``first`` are done."""

    first: str
    last: str
    by_event: Mapping[EventPosition, Verdict]

    @property
    def has_attributions(self) -> bool:
        return any(self.by_event.values())

    def continue_from(self, earlier: "Verdicts") -> "Verdicts":
        """The verdicts of ``earlier``, and these where it has none; without records that are done."""
        later = {event: verdict for event, verdict in self.by_event.items() if event[0] > earlier.last}
        overlap = {event: verdict for event, verdict in earlier.by_event.items() if event[0] >= self.first}
        return Verdicts(max(self.first, earlier.first), max(self.last, earlier.last), overlap | later)


class VerdictLog(Protocol):
    """The latest verdicts of each shard. Both methods raise StorageUnavailable or Throttled."""

    def read(self, shard: str, positions: Sequence[str]) -> Verdicts | None:
        """The stored verdicts about ``positions``, strongly consistent."""

    def write(
        self, shard: str, verdicts: Verdicts, replaced: Verdicts | None, positions: Sequence[str]
    ) -> Verdicts | None:
        """Store ``verdicts`` if they are later than the stored ones, or if those are ``replaced``.

        Returns None, or the stored verdicts about ``positions`` if the condition failed.
        """


def pack(verdicts: Verdicts, positions: Collection[str]) -> bytes:
    """Small: each distinct verdict once, and only as many last digits of ``positions`` as tell them apart."""
    codes: dict[Verdict, int] = {}
    digits = _count_digits(positions)
    events = [
        (position[-digits:], part, codes.setdefault(verdict, len(codes)))
        for (position, part), verdict in verdicts.by_event.items()
    ]
    distinct = [None if verdict is None else list(map(list, verdict)) for verdict in codes]
    return zlib.compress(orjson.dumps([digits, distinct, events]), 1)


def unpack(first: str, last: str, packed: bytes, positions: Iterable[str]) -> Verdicts:
    """The verdicts about ``positions``. Those between ``first`` and ``last`` differ in their last digits."""
    digits, distinct, events = orjson.loads(zlib.decompress(packed))
    verdicts = [
        None if verdict is None else tuple(Attribution(*fields) for fields in verdict) for verdict in distinct
    ]
    by_tail = {position[-digits:]: position for position in positions if first <= position <= last}
    by_event = {(by_tail[tail], part): verdicts[code] for tail, part, code in events if tail in by_tail}
    return Verdicts(first, last, by_event)


def _count_digits(positions: Collection[str]) -> int:
    """How many last digits tell ``positions`` apart, in steps of five."""
    distinct, digits = len(set(positions)), 5
    while len({position[-digits:] for position in positions}) < distinct:
        digits += 5
    return digits
