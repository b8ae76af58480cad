"""What was decided about a shard's latest records, so that a retry decides nothing anew. Pure.

Assignments, definitions and the memory of duplicates change between two attempts at a batch. What the
first attempt decided is therefore written down before anything is counted, and every later one keeps
to it (docs/adr/005-exactly-once-counters.md).
"""

import zlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from chalicelib.domain.attribution import Attribution

Verdict = tuple[Attribution, ...] | None
"""For what an event counts; None: it is a duplicate."""
Verdicts = Mapping[int, Verdict]
"""Of one record, by part."""


_NONE: Verdicts = {}


class Decisions(NamedTuple):
    """Of all records from ``first`` to ``last``, both included; records before ``first`` are done."""

    first: str
    last: str
    records: Mapping[str, Verdicts]  # by position; records that hold no event have none

    @property
    def counts(self) -> bool:
        return any(verdict for verdicts in self.records.values() for verdict in verdicts.values())

    def verdict(self, position: str, part: int) -> Verdict:
        """Nothing, if the part was no event when this was decided."""
        return self.records.get(position, _NONE).get(part, ())

    def after(self, earlier: "Decisions") -> "Decisions":
        """These, wherever ``earlier`` has not decided yet; none about what is done already."""
        if self.last < earlier.first:
            return Decisions(earlier.first, earlier.last, {})
        records = {
            place: earlier.records.get(place, {}) if place <= earlier.last else verdicts
            for place, verdicts in self.records.items()
            if place >= earlier.first
        }
        return Decisions(max(self.first, earlier.first), max(self.last, earlier.last), records)


def pack(decisions: Decisions) -> bytes:
    """Small: each attribution once, positions by as many last digits as tell them apart."""
    attributions: dict[Attribution, int] = {}
    digits = _telling(list(decisions.records))
    rows = [
        [
            place[-digits:],
            *(
                [part, *(attributions.setdefault(one, len(attributions)) for one in verdict)]
                if verdict is not None
                else [part, -1]
                for part, verdict in verdicts.items()
            ),
        ]
        for place, verdicts in decisions.records.items()
    ]
    return zlib.compress(orjson.dumps([digits, [list(one) for one in attributions], rows]), 3)


def unpack(first: str, last: str, packed: bytes, positions: Sequence[str]) -> Decisions:
    """Those about ``positions``: all records of the shard between ``first`` and ``last`` were packed."""
    digits, listed, rows = orjson.loads(zlib.decompress(packed))
    attributions = [Attribution(*one) for one in listed]
    by_digits = {
        row[0]: {
            part: None if codes == [-1] else tuple(attributions[code] for code in codes)
            for part, *codes in row[1:]
        }
        for row in rows
    }
    known = (place for place in positions if first <= place <= last)
    return Decisions(first, last, {place: by_digits.get(place[-digits:], {}) for place in known})


def _telling(positions: Sequence[str]) -> int:
    digits = 1
    while len({place[-digits:] for place in positions}) < len(positions):
        digits += 1
    return digits
