"""How events are archived: gzipped JSON Lines, one folder for each hour of the events' own time. Pure.

A line is the event as it was sent plus the field ``realtime``: the event's place in the stream, its times,
and the experiments it counts for. Times are epoch seconds, but ``occurred_at`` is text. An object's key
contains the first and the last record in it, so a retry of the same records overwrites the object.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import orjson

from chalicelib.domain.definitions.model import Assignment, Experiment
from chalicelib.domain.stream.attribution import AssignmentKey, Attribution, find_assignment_key
from chalicelib.domain.stream.counters import FLAG_SCOPE
from chalicelib.domain.stream.event import Event
from chalicelib.domain.stream.records import Batch, ReceivedEvent
from chalicelib.domain.stream.verdicts import Verdict
from chalicelib.domain.timestamps import format_timestamp

MAX_LINES = 1000
"""In one object."""
MAX_BYTES = 5 * 1024 * 1024
"""In one object, before compression."""
GZIP_LEVEL = 1
"""Of ISA-L: 500 events take 0.16 ms and 24 KB; with zlib's level 1 0.95 ms and 27 KB, with level 6 2.2 ms."""


class ArchiveLine(NamedTuple):
    """An archived event. ``size`` in bytes is an upper bound."""

    record_index: int
    part: int
    sequence_number: str
    hour: int
    size: int
    data: dict[str, Any]


class ArchiveObject(NamedTuple):
    """``record_index``: the first record of the batch that has a line in the object."""

    key: str
    record_index: int
    lines: list[dict[str, Any]]

    def encode(self) -> bytes:
        """JSON Lines. One call encodes all, with raw newlines between: twice as fast as a call a line."""
        array: list[Any] = []
        for data in self.lines:
            array += (data, _NEWLINE)
        between_newlines = orjson.dumps(array).split(b"\n")  # [{…},  ,{…},  ]
        return b"\n".join([text[1:-1] for text in between_newlines])

    def compress(self) -> bytes:
        """The lines as gzip. The header has no time, so the same lines give the same bytes."""
        from isal import isal_zlib

        return isal_zlib.compress(self.encode(), GZIP_LEVEL, 31)


class Archive(Protocol):
    def put(self, archived: ArchiveObject) -> None:
        """Store the lines; a retry may store them again. Raises StorageUnavailable or Throttled."""


_NEWLINE = orjson.Fragment(b"\n")
_REALTIME_BYTES, _EXPERIMENT_BYTES = 500, 750
"""Upper bounds for the field ``realtime`` and for each experiment in it: keys have at most 128 characters."""


def build_lines(
    batch: Batch,
    judged_events: Iterable[tuple[ReceivedEvent, Verdict]],
    experiments: Mapping[str, Experiment],
    assignments: Mapping[AssignmentKey, Assignment],
    people: Mapping[str, str],
) -> list[ArchiveLine]:
    """``experiments`` by id. ``assignments`` adds their times to what the verdicts say.

    ``people``: the user of each anonymous id that is linked.
    """
    lines = []
    for (record_index, part, _, arrived_at, event, size), verdict in judged_events:
        number, data = batch.sequence_numbers[record_index], event.data
        place = f"{batch.shard}:{number}:{part}"
        if event.event_id is None:
            data["event_id"] = place
        data["realtime"] = realtime = {
            "place": place,
            "occurred_at": format_timestamp(event.timestamp, "microseconds"),
            "arrived_at": arrived_at,
            "duplicate": verdict is None,
            "experiments": _describe(verdict, event, experiments, assignments) if verdict else [],
        }
        if event.received_at != arrived_at:
            realtime["received_at"] = event.received_at
        if event.is_backfill:
            realtime["backfill"] = True
        added = _REALTIME_BYTES + _EXPERIMENT_BYTES * len(verdict or ())
        if event.user_id in people:
            realtime["person"] = person = people[event.user_id]
            added += 6 * len(person)
        lines.append(ArchiveLine(record_index, part, number, event.hour, size + added, data))
    return lines


def _describe(
    verdict: Iterable[Attribution],
    event: Event,
    experiments: Mapping[str, Experiment],
    assignments: Mapping[AssignmentKey, Assignment],
) -> list[dict[str, Any]]:
    descriptions = []
    for experiment_id, iteration, variant, rule, counted_as in verdict:
        experiment = experiments.get(experiment_id)
        if experiment is None and experiment_id.startswith(FLAG_SCOPE):
            continue
        key = find_assignment_key(experiment, event) if experiment else (experiment_id, event.user_id)
        assignment = _find_assignment(assignments.get(key), iteration, variant)
        assigned_at = None if assignment is None else assignment.timestamp
        description = {
            "key": None if experiment is None else experiment.key,
            "id": experiment_id,
            "iteration": iteration,
            "variant": variant,
            "rule": rule,
            "assigned_at": assigned_at,
            "seconds_since_assignment": None
            if assigned_at is None
            else round(event.timestamp - assigned_at, 3),
        }
        if counted_as:
            description["counted_as"] = counted_as
        descriptions.append(description)
    return descriptions


def _find_assignment(row: Assignment | None, iteration: int, variant: str) -> Assignment | None:
    if row is None or (row.variant == variant and row.iteration == iteration):
        return row
    matching = (each for each in row.replaced if each.variant == variant and each.iteration == iteration)
    return next(matching, None)


def group_lines(lines: Iterable[ArchiveLine], shard: str) -> list[ArchiveObject]:
    """Lines in the order of the stream → objects of one hour, with at most 1,000 lines and 5 MB each."""
    groups_by_hour: dict[int, list[list[ArchiveLine]]] = {}
    sizes: dict[int, int] = {}  # of the last group of each hour
    for line in lines:
        hour = line.hour
        size = sizes.get(hour, MAX_BYTES) + line.size
        groups = groups_by_hour.setdefault(hour, [])
        if size > MAX_BYTES or len(groups[-1]) == MAX_LINES:
            groups.append([])
            size = line.size
        groups[-1].append(line)
        sizes[hour] = size
    return [
        ArchiveObject(
            _key(hour, shard, group[0], group[-1]), group[0].record_index, [line.data for line in group]
        )
        for hour, groups in groups_by_hour.items()
        for group in groups
    ]


def _key(hour: int, shard: str, first: ArchiveLine, last: ArchiveLine) -> str:
    date = datetime.fromtimestamp(hour * 3600, UTC)
    folder = f"raw/events/year={date.year:04d}/month={date.month:02d}/day={date.day:02d}/hour={date.hour:02d}"
    span = f"{first.sequence_number}.{first.part}-{last.sequence_number}.{last.part}"
    return f"{folder}/{shard.replace('/', '-')}-{span}.jsonl.gz"
