"""A batch of the event stream: decoded, attributed, archived, counted, its poison put aside.

The order is the guarantee. What is decided is written down before anything is counted, archived before
it is counted, and put into quarantine last: a crash between any two steps loses nothing, and a retry,
whatever its boundaries, adds nothing twice (docs/adr/005-exactly-once-counters.md).
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from chalicelib import deadline
from chalicelib.domain.definitions.model import Assignment, Experiment, Flag
from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.stream.archive import Archive, ArchiveObject, build_lines, group_lines
from chalicelib.domain.stream.attribution import (
    AssignmentKey,
    Attribution,
    ExperimentIndex,
    attribute_evaluation,
    attribute_event,
    is_reusable,
)
from chalicelib.domain.stream.counters import Counter, Counters, Entry, Tally, experiment_scope
from chalicelib.domain.stream.event import Limits
from chalicelib.domain.stream.quarantine import Quarantine, QuarantineEntry
from chalicelib.domain.stream.records import Batch, ReceivedEvent, read_batches
from chalicelib.domain.stream.tracking import EVALUATION
from chalicelib.domain.stream.verdicts import EventPosition, Verdict, VerdictLog, Verdicts
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.concurrency import Parallel
from chalicelib.services.events.counting import count
from chalicelib.services.events.deduplication import Deduplicator
from chalicelib.services.events.two_generation_cache import TwoGenerationCache

SECONDS_TO_ANSWER = 2.0
"""With less left of the invocation no call is begun: what did not make it is reported instead. Longer than
a call that is not answered lasts."""
ROWS_A_CALL = 100
POISON_A_CALL = 10
ROWS_CACHED = 50_000
ROW_SECONDS = 60.0

log = logging.getLogger(__name__)


class Definitions(Protocol):
    def experiments(self) -> Mapping[str, Experiment]: ...
    def flags(self) -> Mapping[str, Flag]: ...


class Assignments(Protocol):
    def batch_get(self, pairs: Collection[AssignmentKey]) -> dict[AssignmentKey, Assignment]: ...


class JudgedBatch(NamedTuple):
    """``kept`` are the events that are not done, each with its verdict."""

    verdicts: Verdicts
    kept: list[tuple[ReceivedEvent, Verdict]]
    plan: ExperimentIndex
    rows: Mapping[AssignmentKey, Assignment]


class EventProcessor:
    def __init__(
        self,
        *,
        definitions: Definitions,
        assignments: Assignments,
        verdicts: VerdictLog,
        counters: Counters,
        archive: Archive,
        quarantine: Quarantine,
        duplicates: Deduplicator,
        parallel: Parallel,
        metrics: MetricsRecorder,
        limits: Limits,
    ) -> None:
        self._definitions = definitions
        self._assignments = assignments
        self._verdicts = verdicts
        self._counters = counters
        self._archive = archive
        self._quarantine = quarantine
        self._duplicates = duplicates
        self._parallel = parallel
        self._limits = limits
        self._metrics = metrics
        self._plan = ExperimentIndex({})
        self._rows: TwoGenerationCache[AssignmentKey, Assignment] = TwoGenerationCache(
            ROWS_CACHED, ROW_SECONDS
        )

    def process(self, event: Mapping[str, Any], remaining: Callable[[], float], now: float) -> dict[str, Any]:
        """Lambda's answer to ``event``: in each shard, the first record to deliver again.

        ``remaining`` reads the seconds left of the invocation; ``now`` in epoch seconds.
        """
        failures = []
        with deadline.within(lambda: remaining() - SECONDS_TO_ANSWER):
            for batch in read_batches(event["Records"], self._limits):
                done = self._process_batch(batch, now)
                if done < len(batch.sequence_numbers):
                    failures.append({"itemIdentifier": batch.sequence_numbers[done]})
                    self._metrics.record("RecordsToRetry", len(batch.sequence_numbers) - done)
        return {"batchItemFailures": failures}

    def _process_batch(self, batch: Batch, now: float) -> int:
        """How many records made it: all before the first that did not."""
        try:
            decided = self._decide(batch, now)
        except (StorageUnavailable, Throttled) as error:
            log.warning("a batch of %d records waits: %s", len(batch.positions), error.code)
            return 0
        done = self._archived(batch, decided)
        done = self._counted(batch, decided, done)
        done = self._put_aside(batch, decided.verdicts, done, now)
        self._metrics.record("EventsProcessed", sum(one.at < done for one, _ in decided.kept))
        return done

    def _decide(self, batch: Batch, now: float) -> JudgedBatch:
        experiments = self._definitions.experiments()
        if experiments is not self._plan.experiments:
            self._plan = ExperimentIndex(experiments)
        plan = self._plan
        concerned = [plan.of(one.event) for one in batch.events]
        rows = self._assigned(batch, concerned, now)
        duplicates = self._duplicates.among(batch, now)
        by_event: dict[EventPosition, Verdict] = {}
        for (_, part, position, arrived, event, _), of in zip(batch.events, concerned, strict=True):
            place = position, part
            if place in duplicates:
                by_event[place] = None
            elif event.type == EVALUATION:
                by_event[place] = attribute_event(event, of, rows, arrived) + attribute_evaluation(
                    event, self._definitions.flags()
                )
            else:
                by_event[place] = attribute_event(event, of, rows, arrived)
        fresh = Verdicts(batch.positions[0], batch.positions[-1], by_event)
        verdicts = settle(self._verdicts, batch.shard, fresh, batch.positions)
        if verdicts is fresh:
            kept = list(zip(batch.events, by_event.values(), strict=True))
        else:
            settled, first = verdicts.by_event, verdicts.first
            still = [one for one in batch.events if one.position >= first]
            kept = [(one, settled.get((one.position, one.part), ())) for one in still]
        return JudgedBatch(verdicts, kept, plan, rows)

    def _assigned(
        self, batch: Batch, concerned: Sequence[Sequence[Experiment]], now: float
    ) -> dict[AssignmentKey, Assignment]:
        """Only rows are cached, as long as they hold: who has none yet may have one in a moment."""
        wanted = {
            (experiment.id, one.event.user_id)
            for one, of in zip(batch.events, concerned, strict=True)
            for experiment in of
        }
        arrivals = [one.arrived for one in batch.events]
        first, last = min(arrivals, default=now), max(arrivals, default=now)
        by_id = self._plan.by_id
        cached = self._rows.among(wanted)
        found = {pair: row for pair, row in cached.items() if is_reusable(row, by_id[pair[0]], first, last)}
        missing = [pair for pair in wanted if pair not in found]
        chunks = [missing[start : start + ROWS_A_CALL] for start in range(0, len(missing), ROWS_A_CALL)]
        for rows in self._parallel.map(self._assignments.batch_get, chunks):
            found.update(rows)
            self._rows.update(rows, now)
        return found

    def _archived(self, batch: Batch, decided: JudgedBatch) -> int:
        found = build_lines(batch, decided.kept, decided.plan.by_id, decided.rows)

        def attempt(archived: ArchiveObject) -> int:
            try:
                self._archive.put(archived)
            except (StorageUnavailable, Throttled) as error:
                log.warning("events could not be archived: %s", error.code)
                return archived.at
            return len(batch.positions)

        return min(self._parallel.map(attempt, group_lines(found, batch.shard)), default=len(batch.positions))

    def _counted(self, batch: Batch, decided: JudgedBatch, done: int) -> int:
        failed = count(self._counters, _tallies(batch.shard, decided.kept, done), self._parallel)
        return done if failed is None else batch.positions.index(failed)

    def _put_aside(self, batch: Batch, verdicts: Verdicts, done: int, now: float) -> int:
        """Last, and only what will not be delivered again: a retry would put it aside twice."""
        poison = [
            QuarantineEntry(one.at, batch.shard, batch.sequence_numbers[one.at], one, now)
            for one in batch.poison
            if one.at < done and one.position >= verdicts.first
        ]

        def attempt(some: list[QuarantineEntry]) -> int:
            try:
                sent = self._quarantine.put(some)
            except (StorageUnavailable, Throttled) as error:
                log.warning("records could not be put into quarantine: %s", error.code)
                return some[0].at
            if any(sent):
                self._metrics.record("RecordsQuarantined", sum(sent))
            return min((one.at for one, ok in zip(some, sent, strict=True) if not ok), default=done)

        chunks = [poison[start : start + POISON_A_CALL] for start in range(0, len(poison), POISON_A_CALL)]
        return min([done, *self._parallel.map(attempt, chunks)])


def settle(log_: VerdictLog, shard: str, fresh: Verdicts, positions: Sequence[str]) -> Verdicts:
    """What holds for the batch: what an earlier attempt decided, and ``fresh`` for the rest of it."""
    verdicts = fresh
    # Nothing to count needs no note, but an earlier attempt may have had something.
    stored = log_.write(shard, fresh, None, positions) if fresh.counts else log_.read(shard, positions)
    while stored is not None and stored.last >= fresh.first:
        verdicts = fresh.after(stored)
        if fresh.last <= stored.last:
            break
        stored = log_.write(shard, verdicts, stored, positions)
    return verdicts


def _tallies(shard: str, kept: Sequence[tuple[ReceivedEvent, Verdict]], done: int) -> list[Tally]:
    """Of the first ``done`` records. Grouped by what differs within a batch, as that is what it costs."""
    found: dict[tuple[Attribution, str, int], list[Entry]] = {}
    for (at, _, position, _, event, _), verdict in kept:
        if at >= done:
            break
        for attribution in verdict or ():
            day, hour = divmod(event.hour, 24)
            key, entry = (attribution, event.type, day), Entry(position, hour, event.amount)
            if key in found:
                found[key].append(entry)
            else:
                found[key] = [entry]
    return [
        Tally(
            Counter(experiment_scope(of.experiment_id, of.iteration), of.variant, event_type, day, shard),
            entries,
        )
        for (of, event_type, day), entries in found.items()
    ]
