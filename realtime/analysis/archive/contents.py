"""What an archive holds of each day: raw objects, and the manifest of the Parquet that was made of them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from realtime.analysis.archive.files import Days
from realtime.analysis.archive.layout import (
    COMPACTED,
    MANIFEST,
    RAW,
    is_needed,
    read_raw_key,
    write_folder,
)
from realtime.analysis.model import ArchiveError

MANIFEST_FORMAT = 2
"""2 since the Parquet has flat columns. A day of another format is read raw until it is compacted again."""


class Stamp(NamedTuple):
    """By which a changed object is known. ``etag`` is empty where the archive is a folder."""

    size: int
    etag: str = ""

    def is_same(self, other: "Stamp") -> bool:
        return self.size == other.size and (not self.etag or not other.etag or self.etag == other.etag)


@dataclass(frozen=True, slots=True)
class Manifest:
    """``raw``: the objects that ``parts`` hold, by their name within the folder of the day."""

    raw: Mapping[str, Stamp]
    parts: tuple[str, ...]
    lines: int
    format: int = MANIFEST_FORMAT

    def encode(self) -> bytes:
        raw = {name: list(stamp) for name, stamp in sorted(self.raw.items())}
        document = {"format": self.format, "parts": self.parts, "lines": self.lines, "raw": raw}
        return json.dumps(document).encode()


def decode_manifest(body: bytes) -> Manifest | None:
    """None: it cannot be read, so the raw objects are."""
    try:
        document = json.loads(body)
        raw = {name: Stamp(*stamp) for name, stamp in document["raw"].items()}
        return Manifest(raw, tuple(document["parts"]), document["lines"], document["format"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


@dataclass(slots=True)
class DayContents:
    """``raw`` by the name within the folder of the day."""

    day: date
    raw: dict[str, Stamp] = field(default_factory=dict)
    is_by_delivery: bool = False
    manifest: Manifest | None = None
    parts: set[str] = field(default_factory=set)
    """Parquet that is there: it may have been deleted because it held a user."""

    @property
    def is_stale(self) -> bool:
        """What the manifest names was changed or is gone: a user was forgotten, or it expired. Or it is of
        another release."""
        if self.manifest is None:
            return False
        return (
            self.manifest.format != MANIFEST_FORMAT
            or not self.parts.issuperset(self.manifest.parts)
            or not all(
                name in self.raw and stamp.is_same(self.raw[name])
                for name, stamp in self.manifest.raw.items()
            )
        )

    @property
    def is_current(self) -> bool:
        """All raw objects are in the Parquet."""
        return self.manifest is not None and not self.is_stale and set(self.raw) == set(self.manifest.raw)

    def list_keys(self) -> tuple[list[str], list[str]]:
        """Of the raw objects and the Parquet to read. What came after the Parquet is read beside it."""
        folder = write_folder(self.day)
        parts: tuple[str, ...] = ()
        names: Iterable[str] = self.raw
        if self.manifest is not None and not self.is_stale:
            parts = self.manifest.parts
            names = [name for name in self.raw if name not in self.manifest.raw]
        return [f"{RAW}{folder}{name}" for name in names], [f"{COMPACTED}{folder}{part}" for part in parts]


@dataclass(slots=True)
class Contents:
    """``foreign``: keys that are no objects of events."""

    days: dict[date, DayContents] = field(default_factory=dict)
    foreign: list[str] = field(default_factory=list)
    has_events: bool = False

    def add(self, key: str, stamp: Stamp, days: Days) -> None:
        partition = read_raw_key(key)
        if partition is None:
            self.foreign.append(key)
            return
        self.has_events = True
        if is_needed(partition, days):
            contents = self.days.setdefault(partition.day, DayContents(partition.day))
            contents.raw[key[len(RAW) + len(write_folder(partition.day)) :]] = stamp
            contents.is_by_delivery |= partition.is_by_delivery

    def list_keys(self) -> tuple[list[str], list[str]]:
        pairs = [contents.list_keys() for _, contents in sorted(self.days.items())]
        return [key for raw, _ in pairs for key in raw], [key for _, parts in pairs for key in parts]

    def check(self, name: str) -> None:
        """Raises ArchiveError if there is no event at all."""
        if self.has_events:
            return
        found = f", only others such as {self.foreign[0]}" if self.foreign else ""
        raise ArchiveError(
            f"{name} has no events: there is no object {RAW}year=…/….jsonl.gz{found}. Is it the right archive"
            " (--archive), and is REALTIME_ARCHIVE not none?"
        )

    def list_notes(self) -> list[str]:
        if not self.foreign:
            return []
        return [f"{len(self.foreign)} files are no events and were left out, such as {self.foreign[0]}"]


def write_manifest_key(day: date) -> str:
    return f"{COMPACTED}{write_folder(day)}{MANIFEST}"
