"""Process a batch of the event stream: attribute and archive its events, count them, quarantine poison.

The order guarantees that each event counts once. Verdicts are stored and events are archived before
anything is counted, and poison is quarantined last. So a crash between two steps loses nothing, and a
retry adds nothing twice, wherever its batches begin and end (docs/adr/005-exactly-once-counters.md).
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from chalicelib import deadline
from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.stream.archive import Archive, ArchiveLine, ArchiveObject, build_lines, group_lines
from chalicelib.domain.stream.attribution import Attribution
from chalicelib.domain.stream.counters import Counter, Counters, Entry, Tally, experiment_scope
from chalicelib.domain.stream.event import Limits
from chalicelib.domain.stream.quarantine import Quarantine, QuarantineEntry
from chalicelib.domain.stream.records import Batch, EventPosition, ReceivedEvent, read_batches
from chalicelib.domain.stream.verdicts import Verdict, Verdicts
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.concurrency import Parallel, batched
from chalicelib.services.events.counting import add_tallies
from chalicelib.services.events.judge import Judge, JudgedBatch

SECONDS_TO_ANSWER = 2.0
"""Begin no call with less time left than this, and report the rest of the batch for a retry. Longer than a
call that gets no answer takes."""
POISON_A_CALL = 10
CALLS_A_PIECE = 64
"""Objects and counters. A batch of more is settled in pieces, so that each invocation settles some of it."""

log = logging.getLogger(__name__)
_get_position = attrgetter("position")


class Finished(NamedTuple):
    """What earlier attempts at the batch of a shard have done, in this container.

    Without it, a record with more parts than an invocation has time for would never be done: each attempt
    would repeat the same calls. It is only a memory of calls that need not be made: who forgets it makes
    them again, with the same effect.
    """

    objects: set[str]
    counted: dict[Counter, str]  # up to which position
    quarantined: set[EventPosition]


class EventProcessor:
    def __init__(
        self,
        *,
        judge: Judge,
        counters: Counters,
        archive: Archive,
        quarantine: Quarantine,
        parallel: Parallel,
        metrics: MetricsRecorder,
        limits: Limits,
    ) -> None:
        self._judge = judge
        self._counters = counters
        self._archive = archive
        self._quarantine = quarantine
        self._parallel = parallel
        self._limits = limits
        self._metrics = metrics
        self._finished: dict[str, Finished] = {}

    def process(self, event: Mapping[str, Any], remaining: Callable[[], float], now: float) -> dict[str, Any]:
        """Lambda's answer to ``event``: in each shard, the first record to deliver again.

        ``remaining`` reads the seconds left of the invocation; ``now`` in epoch seconds.
        """
        failures = []
        with deadline.limit(lambda: remaining() - SECONDS_TO_ANSWER):
            for batch in read_batches(event["Records"], self._limits):
                done = self._process_batch(batch, now)
                if done < len(batch.sequence_numbers):
                    failures.append({"itemIdentifier": batch.sequence_numbers[done]})
                    self._metrics.record("RecordsToRetry", len(batch.sequence_numbers) - done)
        return {"batchItemFailures": failures}

    def _process_batch(self, batch: Batch, now: float) -> int:
        """How many records are done: all before the first that failed."""
        try:
            judged = self._judge.judge(batch, now)
        except (StorageUnavailable, Throttled) as error:
            log.warning("a batch of %d records waits: %s", len(batch.positions), error.code)
            return 0
        lines = build_lines(batch, judged.events, judged.experiments, judged.assignments, judged.people)
        done = self._settle(batch, judged, lines, 0, len(batch.positions), now)
        if done == len(batch.positions):
            self._finished.pop(batch.shard, None)
        self._metrics.record("EventsProcessed", sum(event.record_index < done for event, _ in judged.events))
        return done

    def _settle(
        self, batch: Batch, judged: JudgedBatch, lines: list[ArchiveLine], start: int, end: int, now: float
    ) -> int:
        """Archive, count and quarantine the records from ``start`` to ``end``, which is not included.

        Returns how many records are done, as `_process_batch` does.
        """
        objects = group_lines([line for line in lines if start <= line.record_index < end], batch.shard)
        tallies = _tally_events(batch.shard, judged.events, start, end)
        if len(objects) + len(tallies) > CALLS_A_PIECE and end - start > 1:
            middle = (start + end) // 2
            done = self._settle(batch, judged, lines, start, middle, now)
            return done if done < middle else self._settle(batch, judged, lines, middle, end, now)
        finished = self._finished.setdefault(batch.shard, Finished(set(), {}, set()))
        archived = self._archive_objects(objects, finished.objects, end)
        if archived < end:
            tallies = _tally_events(batch.shard, judged.events, start, archived)
        failed = self._count(tallies, finished.counted)
        done = archived if failed is None else batch.positions.index(failed)
        return self._quarantine_poison(batch, judged.verdicts, start, done, now, finished.quarantined)

    def _archive_objects(self, objects: Sequence[ArchiveObject], finished: set[str], end: int) -> int:
        """How many records are archived: ``end``, or those before the first that is not."""

        def put(archived: ArchiveObject) -> int:
            try:
                self._archive.put(archived)
            except (StorageUnavailable, Throttled) as error:
                log.warning("events could not be archived: %s", error.code)
                return archived.record_index
            finished.add(archived.key)
            return end

        undone = [archived for archived in objects if archived.key not in finished]
        return min(self._parallel.map(put, undone), default=end)

    def _count(self, tallies: Sequence[Tally], counted: dict[Counter, str]) -> str | None:
        """The lowest position that is not counted yet; None if all are."""
        undone = [tally for tally in tallies if tally.last > counted.get(tally.counter, "")]
        return add_tallies(self._counters, undone, self._parallel, counted)

    def _quarantine_poison(
        self,
        batch: Batch,
        verdicts: Verdicts,
        start: int,
        done: int,
        now: float,
        finished: set[EventPosition],
    ) -> int:
        """Last, and only records that will not be delivered again: a retry would quarantine them twice."""
        entries = [
            QuarantineEntry(batch.shard, batch.sequence_numbers[poison.record_index], poison, now)
            for poison in batch.poison
            if start <= poison.record_index < done
            and poison.position >= verdicts.first
            and (poison.position, poison.part) not in finished
        ]

        def put(call: list[QuarantineEntry]) -> int:
            try:
                stored = self._quarantine.put(call)
            except (StorageUnavailable, Throttled) as error:
                log.warning("records could not be put into quarantine: %s", error.code)
                stored = [False] * len(call)
            if any(stored):
                self._metrics.record("Quarantined", sum(stored))
            outcomes = [(entry.poison, is_stored) for entry, is_stored in zip(call, stored, strict=True)]
            finished.update((poison.position, poison.part) for poison, is_stored in outcomes if is_stored)
            return min((poison.record_index for poison, is_stored in outcomes if not is_stored), default=done)

        return min([done, *self._parallel.map(put, batched(entries, POISON_A_CALL))])


def _tally_events(
    shard: str, events: Sequence[tuple[ReceivedEvent, Verdict]], start: int, end: int
) -> list[Tally]:
    """Of the records from ``start`` to ``end``, which is not included."""
    # Attributions with other rules may count in the same counter. A key of what differs is cheaper than one.
    groups: dict[tuple[Attribution, str, str, int], list[Entry]] = {}
    for (record_index, _, position, _, event, _), verdict in events:
        if record_index >= end:
            break
        if record_index < start:
            continue
        for attribution in verdict or ():
            day, hour = divmod(event.hour, 24)
            key, entry = (attribution, event.type, event.currency, day), Entry(position, hour, event.amount)
            if key in groups:
                groups[key].append(entry)
            else:
                groups[key] = [entry]
    by_counter: dict[Counter, list[Entry]] = {}
    for (attribution, event_type, currency, day), entries in groups.items():
        experiment_id, iteration, variant, _, counted_as = attribution
        scope = experiment_scope(experiment_id, iteration)
        if counted_as:  # amounts of different events are not added up
            event_type, currency, entries = counted_as, "", [entry._replace(amount=None) for entry in entries]  # noqa: PLW2901
        by_counter.setdefault(Counter(scope, variant, event_type, day, shard, currency), []).extend(entries)
    return [Tally(counter, sorted(entries, key=_get_position)) for counter, entries in by_counter.items()]
