"""Process a batch of the event stream: attribute and archive its events, count them, quarantine poison.

The order guarantees that each event counts once. Verdicts are stored and events are archived before
anything is counted, and poison is quarantined last. So a crash between two steps loses nothing, and a
retry adds nothing twice, wherever its batches begin and end (docs/adr/005-exactly-once-counters.md).
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib import deadline
from chalicelib.domain.assignment import Assignments
from chalicelib.domain.definitions.model import Assignment, Experiment, Flag
from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.stream.archive import Archive, ArchiveObject, build_lines, group_lines
from chalicelib.domain.stream.attribution import (
    AssignmentKey,
    Attribution,
    ExperimentIndex,
    attribute_evaluation,
    attribute_event,
    find_assignment_key,
    is_reusable,
)
from chalicelib.domain.stream.counters import Counter, Counters, Entry, Tally, experiment_scope
from chalicelib.domain.stream.event import Limits
from chalicelib.domain.stream.quarantine import Quarantine, QuarantineEntry
from chalicelib.domain.stream.records import Batch, EventPosition, ReceivedEvent, read_batches
from chalicelib.domain.stream.tracking import EVALUATION
from chalicelib.domain.stream.verdicts import Verdict, VerdictLog, Verdicts
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.concurrency import Parallel, batched
from chalicelib.services.definitions.cache import DefinitionSource
from chalicelib.services.events.counting import add_tallies
from chalicelib.services.events.deduplication import Deduplicator
from chalicelib.services.events.two_generation_cache import TwoGenerationCache

SECONDS_TO_ANSWER = 2.0
"""Begin no call with less time left than this, and report the rest of the batch for a retry. Longer than a
call that gets no answer takes."""
ROWS_A_CALL = 100
POISON_A_CALL = 10
ROWS_CACHED = 50_000
ROW_SECONDS = 60.0

log = logging.getLogger(__name__)


class JudgedBatch(NamedTuple):
    """``events`` are those that are not done yet, each with its verdict."""

    verdicts: Verdicts
    events: list[tuple[ReceivedEvent, Verdict]]
    experiments: Mapping[str, Experiment]  # by id
    assignments: Mapping[AssignmentKey, Assignment]


class EventProcessor:
    def __init__(
        self,
        *,
        experiments: DefinitionSource[Experiment],
        flags: DefinitionSource[Flag],
        assignments: Assignments,
        verdicts: VerdictLog,
        counters: Counters,
        archive: Archive,
        quarantine: Quarantine,
        deduplicator: Deduplicator,
        parallel: Parallel,
        metrics: MetricsRecorder,
        limits: Limits,
    ) -> None:
        self._experiments = experiments
        self._flags = flags
        self._assignments = assignments
        self._verdicts = verdicts
        self._counters = counters
        self._archive = archive
        self._quarantine = quarantine
        self._deduplicator = deduplicator
        self._parallel = parallel
        self._limits = limits
        self._metrics = metrics
        self._index = ExperimentIndex({})
        self._cache: TwoGenerationCache[AssignmentKey, Assignment] = TwoGenerationCache(
            ROWS_CACHED, ROW_SECONDS
        )

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
            judged = self._judge(batch, now)
        except (StorageUnavailable, Throttled) as error:
            log.warning("a batch of %d records waits: %s", len(batch.positions), error.code)
            return 0
        done = self._archive_events(batch, judged)
        done = self._count_events(batch, judged, done)
        done = self._quarantine_poison(batch, judged.verdicts, done, now)
        self._metrics.record("EventsProcessed", sum(event.record_index < done for event, _ in judged.events))
        return done

    def _judge(self, batch: Batch, now: float) -> JudgedBatch:
        experiments = self._experiments.get_all()
        if experiments is not self._index.experiments or now >= self._index.valid_until:
            self._index = ExperimentIndex(experiments, now)
        index = self._index
        matches = [index.find(received.event) for received in batch.events]
        assignments = self._load_assignments(batch, matches, now)
        duplicates = self._deduplicator.find_duplicates(batch, now)
        by_event: dict[EventPosition, Verdict] = {}
        for (_, part, position, arrived_at, event, _), matched in zip(batch.events, matches, strict=True):
            event_position = position, part
            if event_position in duplicates:
                by_event[event_position] = None
            elif event.type == EVALUATION:
                by_event[event_position] = attribute_event(
                    event, matched, assignments, arrived_at
                ) + attribute_evaluation(event, self._flags.get_all())
            else:
                by_event[event_position] = attribute_event(event, matched, assignments, arrived_at)
        fresh = Verdicts(batch.positions[0], batch.positions[-1], by_event)
        verdicts = _store_verdicts(self._verdicts, batch.shard, fresh, batch.positions)
        if verdicts is fresh:
            events = list(zip(batch.events, by_event.values(), strict=True))
        else:
            stored, first = verdicts.by_event, verdicts.first
            undone = [received for received in batch.events if received.position >= first]
            events = [(received, stored.get((received.position, received.part), ())) for received in undone]
        return JudgedBatch(verdicts, events, index.by_id, assignments)

    def _load_assignments(
        self, batch: Batch, matches: Sequence[Sequence[Experiment]], now: float
    ) -> dict[AssignmentKey, Assignment]:
        """Rows are cached while they are valid. A missing row is not: it may be written any moment."""
        keys = {
            find_assignment_key(experiment, received.event)
            for received, experiments in zip(batch.events, matches, strict=True)
            for experiment in experiments
        }
        arrivals = [received.arrived_at for received in batch.events]
        first, last = min(arrivals, default=now), max(arrivals, default=now)
        by_id = self._index.by_id
        cached = self._cache.get_many(keys)
        assignments = {
            key: row for key, row in cached.items() if is_reusable(row, by_id[key[0]], first, last)
        }
        missing = [key for key in keys if key not in assignments]
        for rows in self._parallel.map(self._assignments.get_many, batched(missing, ROWS_A_CALL)):
            assignments.update(rows)
            self._cache.update(rows, now)
        return assignments

    def _archive_events(self, batch: Batch, judged: JudgedBatch) -> int:
        """How many records are archived, as `_process_batch` counts them."""
        lines = build_lines(batch, judged.events, judged.experiments, judged.assignments)

        def put(archived: ArchiveObject) -> int:
            try:
                self._archive.put(archived)
            except (StorageUnavailable, Throttled) as error:
                log.warning("events could not be archived: %s", error.code)
                return archived.record_index
            return len(batch.positions)

        return min(self._parallel.map(put, group_lines(lines, batch.shard)), default=len(batch.positions))

    def _count_events(self, batch: Batch, judged: JudgedBatch, done: int) -> int:
        failed = add_tallies(self._counters, _tally_events(batch.shard, judged.events, done), self._parallel)
        return done if failed is None else batch.positions.index(failed)

    def _quarantine_poison(self, batch: Batch, verdicts: Verdicts, done: int, now: float) -> int:
        """Last, and only records that will not be delivered again: a retry would quarantine them twice."""
        entries = [
            QuarantineEntry(batch.shard, batch.sequence_numbers[poison.record_index], poison, now)
            for poison in batch.poison
            if poison.record_index < done and poison.position >= verdicts.first
        ]

        def put(call: list[QuarantineEntry]) -> int:
            try:
                stored = self._quarantine.put(call)
            except (StorageUnavailable, Throttled) as error:
                log.warning("records could not be put into quarantine: %s", error.code)
                stored = [False] * len(call)
            if any(stored):
                self._metrics.record("RecordsQuarantined", sum(stored))
            failed = (entry for entry, is_stored in zip(call, stored, strict=True) if not is_stored)
            return min((entry.poison.record_index for entry in failed), default=done)

        return min([done, *self._parallel.map(put, batched(entries, POISON_A_CALL))])


def _store_verdicts(
    verdict_log: VerdictLog, shard: str, fresh: Verdicts, positions: Sequence[str]
) -> Verdicts:
    """The verdicts that count: those of an earlier attempt, and ``fresh`` for the rest of the batch."""
    verdicts = fresh
    if fresh.has_attributions:
        stored = verdict_log.write(shard, fresh, None, positions)
    else:  # there is nothing to store, but an earlier attempt may have stored something
        stored = verdict_log.read(shard, positions)
    while stored is not None and stored.last >= fresh.first:
        verdicts = fresh.continue_from(stored)
        if fresh.last <= stored.last:
            break
        stored = verdict_log.write(shard, verdicts, stored, positions)
    return verdicts


def _tally_events(shard: str, events: Sequence[tuple[ReceivedEvent, Verdict]], done: int) -> list[Tally]:
    """Of the first ``done`` records. A key of only what differs within a batch is cheaper than a Counter."""
    groups: dict[tuple[Attribution, str, int], list[Entry]] = {}
    for (record_index, _, position, _, event, _), verdict in events:
        if record_index >= done:
            break
        for attribution in verdict or ():
            day, hour = divmod(event.hour, 24)
            key, entry = (attribution, event.type, day), Entry(position, hour, event.amount)
            if key in groups:
                groups[key].append(entry)
            else:
                groups[key] = [entry]
    return [
        Tally(Counter(experiment_scope(experiment_id, iteration), variant, event_type, day, shard), entries)
        for ((experiment_id, iteration, variant), event_type, day), entries in groups.items()
    ]
