"""Parquet of whole days beside the raw archive, for engines that read it faster. The raw objects stay.

The manifest of a day names the raw objects that its Parquet holds, and is written last, so a day that was
interrupted does not count. What arrives later is read beside the Parquet, until the day is compacted again.
"""

import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from realtime.analysis.archive.contents import Contents, DayContents, Manifest
from realtime.analysis.archive.files import Days, Tell

WriteParquet = Callable[[list[Path], Path], int]
"""Raw objects into one file; the number of lines."""


class CompactedDay(NamedTuple):
    """``is_written`` is False if somebody else was faster, or a raw object came meanwhile."""

    day: date
    objects: int
    lines: int
    raw_bytes: int
    parquet_bytes: int
    is_written: bool


class CompactableArchive(Protocol):
    name: str

    def read_contents(self, days: Days) -> Contents: ...

    def fetch_raw(self, day: date, names: Iterable[str]) -> list[Path]: ...

    def store_part(self, day: date, name: str, file: Path) -> None: ...

    def replace_manifest(self, day: date, manifest: Manifest, before: Manifest | None) -> bool: ...

    def delete_parts(self, day: date, names: Iterable[str]) -> None: ...


def find_last_day(now: float, max_age: float) -> date:
    """The latest day of which no event is accepted any more. ``now`` in epoch seconds."""
    return (datetime.fromtimestamp(now, UTC) - timedelta(seconds=max_age)).date() - timedelta(days=1)


def find_days(archive: CompactableArchive, days: Days) -> list[DayContents]:
    """Those that are not compacted, or no longer. Raises ArchiveError if there is no event at all."""
    contents = archive.read_contents(days)
    contents.check(archive.name)
    return [
        each
        for day, each in sorted(contents.days.items())
        if (days.last is None or day <= days.last) and not each.is_current
    ]


def compact(
    archive: CompactableArchive, days: Iterable[DayContents], write: WriteParquet, tell: Tell
) -> Iterator[CompactedDay]:
    """A day at a time. Interrupted anywhere, the same call goes on with the day that was not finished."""
    for contents in days:
        tell(f"{contents.day}: {len(contents.raw):,} objects")
        yield _compact_day(archive, contents, write)


def _compact_day(archive: CompactableArchive, contents: DayContents, write: WriteParquet) -> CompactedDay:
    day, raw = contents.day, dict(contents.raw)
    with tempfile.TemporaryDirectory(prefix="realtime-") as folder:
        file = Path(folder) / "day.parquet"
        lines = write(archive.fetch_raw(day, raw), file)
        part = f"{secrets.token_hex(16)}.parquet"  # nobody else writes or deletes it
        size = file.stat().st_size
        archive.store_part(day, part, file)
    manifest = Manifest(raw, (part,), lines)
    is_written = _is_unchanged(archive, contents) and archive.replace_manifest(
        day, manifest, contents.manifest
    )
    before = contents.manifest.parts if contents.manifest else ()
    if is_written:
        archive.delete_parts(day, before)
    else:
        archive.delete_parts(day, [part])
    return CompactedDay(
        day, len(raw), lines, sum(stamp.size for stamp in raw.values()), size, is_written=is_written
    )


def _is_unchanged(archive: CompactableArchive, contents: DayContents) -> bool:
    """A user may have been forgotten while the day was read."""
    now = archive.read_contents(Days(contents.day, contents.day)).days.get(contents.day)
    return now is not None and all(
        name in now.raw and stamp.is_same(now.raw[name]) for name, stamp in contents.raw.items()
    )
