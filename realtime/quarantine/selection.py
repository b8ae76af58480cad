"""Which records of the quarantine a command is about."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.domain.stream.quarantine import QuarantinedRecord
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp

_UNITS = {"m": 60.0, "h": 3_600.0, "d": 86_400.0}
_AGO = re.compile(r"(\d+)([mhd])")

Copies = list[QuarantinedRecord]
"""The messages of one record, at least one: an answer of SQS that was lost leaves two."""


@dataclass(frozen=True)
class Selection:
    """Empty: everything. ``places`` are places, or ids as `list` shows them; times are of the arrival."""

    codes: Sequence[str] = ()
    shards: Sequence[str] = ()
    places: Sequence[str] = ()
    kinds: Sequence[str] = ()
    since: float | None = None
    until: float | None = None

    @property
    def is_everything(self) -> bool:
        return not self.describe()

    def select(self, records: Iterable[QuarantinedRecord]) -> list[Copies]:
        """One list of messages for each record, by arrival.

        Raises ValueError that names a place which is not there.
        """
        by_place: dict[str, Copies] = {}
        for record in records:
            if self._matches(record):
                by_place.setdefault(record.place, []).append(record)
        names = {name for copies in by_place.values() for name in (copies[0].place, copies[0].id)}
        if missing := [place for place in self.places if place not in names]:
            raise ValueError(f"no record of this selection has the place or id {', '.join(missing)}")
        return sorted(by_place.values(), key=lambda copies: (copies[0].arrived_at, copies[0].place))

    def describe(self) -> str:
        """As options of the command line; empty if it is everything."""
        words = [f"--code {code}" for code in self.codes]
        words += [f"--shard {shard}" for shard in self.shards]
        words += [f"--place {place}" for place in self.places]
        words += [f"--kind {kind}" for kind in self.kinds]
        if self.since is not None:
            words.append(f"--since {format_timestamp(self.since)}")
        if self.until is not None:
            words.append(f"--until {format_timestamp(self.until)}")
        return " ".join(words)

    def _matches(self, record: QuarantinedRecord) -> bool:
        shard = str(record.description["shard"])
        return (
            (not self.codes or record.code in self.codes)
            and (not self.kinds or record.description["kind"] in self.kinds)
            and (not self.shards or any(shard == name or shard.endswith(f"/{name}") for name in self.shards))
            and (not self.places or record.place in self.places or record.id in self.places)
            and (self.since is None or record.arrived_at >= self.since)
            and (self.until is None or record.arrived_at < self.until)
        )


def parse_moment(option: str, text: str, now: float) -> float | None:
    """``2h`` (ago; m, h or d), or an ISO time, as epoch seconds; None for an empty text."""
    if not text:
        return None
    if ago := _AGO.fullmatch(text):
        return now - int(ago[1]) * _UNITS[ago[2]]
    try:
        return parse_timestamp(text)
    except ValueError:
        message = f"{option}: {text!r} is neither a time (2026-11-22T10:00:00Z) nor an age (90m, 2h, 3d)"
        raise ValueError(message) from None


def count_by(records: Iterable[Copies], name: str) -> Counter[str]:
    """``name`` of the description → number of records."""
    return Counter(str(copies[0].description[name]) for copies in records)


def count_records(records: Sequence[Copies]) -> dict[str, Any]:
    """For `stats`: by code, by shard, by hour of arrival (UTC) and by kind."""
    hours = Counter(str(copies[0].description["arrived_at"])[:13] + ":00Z" for copies in records)
    groups = {name: count_by(records, name) for name in ("code", "shard", "kind")} | {"hour": hours}
    return {"records": len(records)} | {f"by_{name}": dict(sorted(c.items())) for name, c in groups.items()}
