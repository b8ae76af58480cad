"""What was decided about a shard's latest records, so that a retry decides nothing anew. Pure.

Assignments, definitions and the memory of duplicates change between two attempts at a batch. What the
first attempt decided is therefore written down before anything is counted, and every later one keeps
to it (docs/adr/005-exactly-once-counters.md).
"""

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import orjson

from chalicelib.domain.stream.attribution import Attribution

Verdict = tuple[Attribution, ...] | None
"""For what an event counts; None: it is a duplicate."""
EventPosition = tuple[str, int]
"""Position of a record, and the part of it."""


class Verdicts(NamedTuple):
    """Of all records from ``first`` to ``last``, both included; records before ``first`` are done."""

    first: str
    last: str
    by_event: Mapping[EventPosition, Verdict]  # of every part that is an event

    @property
    def counts(self) -> bool:
        return any(self.by_event.values())

    def after(self, earlier: "Verdicts") -> "Verdicts":
        """These, wherever ``earlier`` has not decided yet; none about what is done already."""
        later = {part: verdict for part, verdict in self.by_event.items() if part[0] > earlier.last}
        kept = {part: verdict for part, verdict in earlier.by_event.items() if part[0] >= self.first}
        return Verdicts(max(self.first, earlier.first), max(self.last, earlier.last), kept | later)


class VerdictLog(Protocol):
    """The latest verdicts of each shard. Both methods raise StorageUnavailable or Throttled."""

    def read(self, shard: str, positions: Sequence[str]) -> Verdicts | None:
        """The stored verdicts about ``positions``, strongly consistent."""
        ...

    def write(
        self, shard: str, verdicts: Verdicts, replaced: Verdicts | None, positions: Sequence[str]
    ) -> Verdicts | None:
        """Store ``verdicts`` if they are later than the stored ones, or if those are ``replaced``.

        Returns None, or the stored verdicts about ``positions`` if the condition failed.
        """
        ...


def pack(verdicts: Verdicts, positions: Collection[str]) -> bytes:
    """Small: each verdict once, and as many last digits as tell the shard's ``positions`` apart."""
    codes: dict[Verdict, int] = {}
    digits = _telling(positions)
    parts = [
        (place[-digits:], part, codes.setdefault(verdict, len(codes)))
        for (place, part), verdict in verdicts.by_event.items()
    ]
    listed = [None if verdict is None else [list(one) for one in verdict] for verdict in codes]
    return zlib.compress(orjson.dumps([digits, listed, parts]), 1)


def unpack(first: str, last: str, packed: bytes, positions: Iterable[str]) -> Verdicts:
    """Those about ``positions``: all that lie between ``first`` and ``last`` were told apart."""
    digits, listed, parts = orjson.loads(zlib.decompress(packed))
    codes = [None if one is None else tuple(Attribution(*parts) for parts in one) for one in listed]
    places = {place[-digits:]: place for place in positions if first <= place <= last}
    by_event = {(places[tail], part): codes[code] for tail, part, code in parts if tail in places}
    return Verdicts(first, last, by_event)


def _telling(positions: Collection[str]) -> int:
    distinct, digits = len(set(positions)), 5
    while len({place[-digits:] for place in positions}) < distinct:
        digits += 5
    return digits
