"""The lines of an archive, in groups that hold all repeats of a line."""

import gzip
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import orjson

from realtime.analysis.archive.contents import Contents
from realtime.analysis.archive.files import Days


class RawArchive(Protocol):
    name: str

    def read_contents(self, days: Days) -> Contents: ...

    def fetch_raw(self, day: date, names: Iterable[str]) -> list[Path]: ...


def read_groups(archive: RawArchive) -> Iterator[list[dict[str, Any]]]:
    """A group is an hour of events. Only Firehose mixes hours: then it is the whole archive.

    Raises ArchiveError.
    """
    contents = archive.read_contents(Days())
    contents.check(archive.name)
    if any(day.is_by_delivery for day in contents.days.values()):
        yield [
            line for each in contents.days.values() for line in _read(archive.fetch_raw(each.day, each.raw))
        ]
        return
    for each in sorted(contents.days):
        by_hour: dict[str, list[Path]] = defaultdict(list)
        for path in archive.fetch_raw(each, sorted(contents.days[each].raw)):
            by_hour[path.parent.name].append(path)
        for paths in by_hour.values():
            yield list(_read(paths))


def _read(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for path in paths:
        with gzip.open(path) as lines:
            for line in lines:
                yield from _parse(line)


def _parse(line: bytes) -> Iterator[dict[str, Any]]:
    """Without what has no place in the stream, such as the mark of a forgotten user."""
    if not line.strip():
        return
    data = orjson.loads(line)
    if isinstance(data.get("realtime"), dict) and "place" in data["realtime"]:
        yield data
