"""How events lie in the archive: gzip'd JSON Lines, by hour of their own time. Pure.

A line is the event as it was sent and one more field, ``realtime``: where it was in the stream, when it
arrived, and for what it counts; times in it are epoch seconds. An object's key derives from the places
of its first and last event, so that a retry overwrites it.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import orjson

from chalicelib.domain.definitions.model import Assignment, Experiment
from chalicelib.domain.stream.attribution import AssignmentKey, Attribution
from chalicelib.domain.stream.counters import FLAG_SCOPE
from chalicelib.domain.stream.event import Event
from chalicelib.domain.stream.records import Batch, ReceivedEvent
from chalicelib.domain.stream.verdicts import Verdict

MAX_LINES = 1000
MAX_BYTES = 5 * 1024 * 1024
"""Of an object's lines, before compression."""
GZIP_LEVEL = 1
"""Of ISA-L: 500 events in 0.16 ms to 24 KB; zlib's own level 1 takes 0.95 ms to 27 KB, level 6 2.2 ms."""


class ArchiveLine(NamedTuple):
    """An event as it is archived; ``size`` in bytes is not less than that will be."""

    at: int
    part: int
    sequence_number: str
    hour: int
    size: int
    data: dict[str, Any]


class ArchiveObject(NamedTuple):
    """``at`` is the first record of the batch that has a line in it."""

    key: str
    at: int
    lines: list[dict[str, Any]]

    def encode(self) -> bytes:
        """JSON Lines. One call encodes them all, a raw newline between two: twice as fast as one by one."""
        array: list[Any] = []
        for data in self.lines:
            array += (data, _NEWLINE)
        between = orjson.dumps(array).split(b"\n")  # [{…},  ,{…},  ]
        return b"\n".join([text[1:-1] for text in between])

    def compress(self) -> bytes:
        """The same lines give the same bytes: the header holds no time."""
        from isal import isal_zlib

        return isal_zlib.compress(self.encode(), GZIP_LEVEL, 31)


class Archive(Protocol):
    def put(self, archived: ArchiveObject) -> None:
        """Store the lines; a retry may store them again. Raises StorageUnavailable or Throttled."""
        ...


_NEWLINE = orjson.Fragment(b"\n")
_BYTES_ADDED, _BYTES_EACH = 400, 600
"""At most what ``realtime`` has, and what each experiment in it has: names are of 128 characters at most."""


def build_lines(
    batch: Batch,
    kept: Iterable[tuple[ReceivedEvent, Verdict]],
    experiments: Mapping[str, Experiment],
    rows: Mapping[AssignmentKey, Assignment],
) -> list[ArchiveLine]:
    """``experiments`` by id; ``rows``: what is known besides the verdicts."""
    found = []
    for (at, part, _, arrived, event, size), verdict in kept:
        number, data = batch.sequence_numbers[at], event.data
        place = f"{batch.shard}:{number}:{part}"
        if event.event_id is None:
            data["event_id"] = place
        data["realtime"] = {
            "place": place,
            "arrived_at": arrived,
            "duplicate": verdict is None,
            "experiments": _enriched(verdict, event, experiments, rows) if verdict else [],
        }
        added = _BYTES_ADDED + _BYTES_EACH * len(verdict or ())
        found.append(ArchiveLine(at, part, number, event.hour, size + added, data))
    return found


def _enriched(
    verdict: Iterable[Attribution],
    event: Event,
    experiments: Mapping[str, Experiment],
    rows: Mapping[AssignmentKey, Assignment],
) -> list[dict[str, Any]]:
    found = []
    for experiment_id, iteration, variant in verdict:
        experiment = experiments.get(experiment_id)
        if experiment is None and experiment_id.startswith(FLAG_SCOPE):
            continue
        row = rows.get((experiment_id, event.user_id))
        at = None if row is None or row.variant != variant else row.timestamp
        about = {
            "key": None if experiment is None else experiment.key,
            "id": experiment_id,
            "iteration": iteration,
            "variant": variant,
            "assigned_at": at,
            "seconds_since_assignment": None if at is None else round(event.timestamp - at, 3),
        }
        found.append(about)
    return found


def group_lines(found: Iterable[ArchiveLine], shard: str) -> list[ArchiveObject]:
    """Lines in the order of the stream → objects of one hour, at most 1,000 lines and 5 MB each."""
    hours: dict[int, list[list[ArchiveLine]]] = {}
    sizes: dict[int, int] = {}
    for one in found:
        hour = one.hour
        size = sizes.get(hour, MAX_BYTES) + one.size
        parts = hours.setdefault(hour, [])
        if size > MAX_BYTES or len(parts[-1]) == MAX_LINES:
            parts.append([])
            size = one.size
        parts[-1].append(one)
        sizes[hour] = size
    return [
        ArchiveObject(_key(hour, shard, part[0], part[-1]), part[0].at, [one.data for one in part])
        for hour, parts in hours.items()
        for part in parts
    ]


def _key(hour: int, shard: str, first: ArchiveLine, last: ArchiveLine) -> str:
    at = datetime.fromtimestamp(hour * 3600, UTC)
    folder = f"raw/events/year={at.year:04d}/month={at.month:02d}/day={at.day:02d}/hour={at.hour:02d}"
    span = f"{first.sequence_number}.{first.part}-{last.sequence_number}.{last.part}"
    return f"{folder}/{shard.replace('/', '-')}-{span}.jsonl.gz"
