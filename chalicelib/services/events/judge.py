"""Decide what the events of a batch count for, once. A retry of the batch keeps to it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from chalicelib.domain.definitions.model import Assignment, Experiment, Flag
from chalicelib.domain.errors import Conflict
from chalicelib.domain.event_types import OF_FLAGS, OTHER
from chalicelib.domain.identity import IDENTIFY, Identities, read_identify_event
from chalicelib.domain.stream.attribution import (
    AssignmentKey,
    Attribution,
    attribute_evaluation,
    attribute_event,
    find_assignment_key,
    find_deciding_times,
    find_matches,
    is_named,
)
from chalicelib.domain.stream.counters import experiment_scope
from chalicelib.domain.stream.event import Event, Limits
from chalicelib.domain.stream.experiment_index import Match, Snapshot
from chalicelib.domain.stream.records import Batch, EventPosition, ReceivedEvent
from chalicelib.domain.stream.verdicts import Verdict, VerdictLog, Verdicts
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.concurrency import Parallel
from chalicelib.services.definitions.sources import DefinitionSource
from chalicelib.services.events.assignment_rows import AssignmentRows, LoadedRows
from chalicelib.services.events.deduplication import Deduplicator
from chalicelib.services.events.event_types import EventTypeLimiter, ScopeDay
from chalicelib.services.events.experiment_versions import ExperimentVersions
from chalicelib.services.identify import Identifier


class JudgedBatch(NamedTuple):
    """``events`` are those that are not done yet, each with its verdict."""

    verdicts: Verdicts
    events: list[tuple[ReceivedEvent, Verdict]]
    experiments: Mapping[str, Experiment]  # by id
    assignments: Mapping[AssignmentKey, Assignment]
    people: Mapping[str, str]  # the user of each linked id


class Judge:
    """Without an ``identifier`` no id is linked, and `$identify` is an event as any other."""

    def __init__(
        self,
        *,
        versions: ExperimentVersions,
        flags: DefinitionSource[Flag],
        assignments: Identities,
        verdicts: VerdictLog,
        deduplicator: Deduplicator,
        event_types: EventTypeLimiter,
        parallel: Parallel,
        limits: Limits,
        metrics: MetricsRecorder,
        identifier: Identifier | None = None,
    ) -> None:
        self._versions = versions
        self._flags = flags
        self._verdicts = verdicts
        self._deduplicator = deduplicator
        self._event_types = event_types
        self._parallel = parallel
        self._limits = limits
        self._metrics = metrics
        self._identifier = identifier
        self._rows = AssignmentRows(assignments, parallel, has_links=identifier is not None)

    def judge(self, batch: Batch, now: float) -> JudgedBatch:
        """Raises StorageUnavailable or Throttled."""
        index = self._versions.get_index(now)
        events = [received.event for received in batch.events]
        times = find_deciding_times(events, self._limits)
        snapshots = index.get_snapshots(times)
        matches = list(map(find_matches, events, snapshots))
        if self._identifier is not None:
            self._link_ids(self._identifier, batch, times, now)
        assignments, people = self._load_rows(batch, times, matches, index.by_id, now)
        duplicates = self._deduplicator.find_duplicates(batch, now)
        by_event: dict[EventPosition, Verdict] = {}
        tolerance = self._limits.clock_tolerance
        for received, time, matched in zip(batch.events, times, matches, strict=True):
            event, position = received.event, (received.position, received.part)
            if position in duplicates:
                by_event[position] = None
                continue
            verdict = attribute_event(event, matched, assignments, time, tolerance)
            if event.type in OF_FLAGS:
                verdict += attribute_evaluation(event, self._flags.get_all())
            by_event[position] = verdict
        self._limit_event_types(batch, snapshots, by_event, now)
        fresh = Verdicts(batch.positions[0], batch.positions[-1], by_event)
        verdicts = _store_verdicts(self._verdicts, batch.shard, fresh, batch.positions)
        if verdicts is fresh:
            judged = list(zip(batch.events, by_event.values(), strict=True))
        else:
            stored, first = verdicts.by_event, verdicts.first
            undone = [received for received in batch.events if received.position >= first]
            judged = [(received, stored.get((received.position, received.part), ())) for received in undone]
        return JudgedBatch(verdicts, judged, index.by_id, assignments, people)

    def _load_rows(
        self,
        batch: Batch,
        times: Sequence[float],
        matches: Sequence[Sequence[Match]],
        experiments: Mapping[str, Experiment],
        now: float,
    ) -> LoadedRows:
        keys = {
            find_assignment_key(match.experiment, received.event)
            for received, matched in zip(batch.events, matches, strict=True)
            for match in matched
            if match.is_active
        }
        return self._rows.load(keys, experiments, max(times, default=now), now)

    def _link_ids(self, identifier: Identifier, batch: Batch, times: Sequence[float], now: float) -> None:
        """Before anything is decided. The links of one id in order; a link to a second user is refused."""
        links: dict[str, list[tuple[str, float]]] = {}
        for received, time in zip(batch.events, times, strict=True):
            event = received.event
            is_identify = event.type == IDENTIFY
            ids = read_identify_event(event.user_id, event.data) if is_identify else None
            if ids is not None:
                links.setdefault(ids[0], []).append((ids[1], time))

        def link(anonymous_id: str) -> None:
            for user_id, time in links[anonymous_id]:
                try:
                    identified = identifier.identify(anonymous_id, user_id, time, now)
                except Conflict:
                    self._metrics.record("IdentifyRefused")
                else:
                    self._rows.remember(identified.rows, now)

        self._parallel.map(link, links)

    def _limit_event_types(
        self, batch: Batch, snapshots: Sequence[Snapshot], by_event: dict[EventPosition, Verdict], now: float
    ) -> None:
        """Count as `$other` what no definition names, and what has more currencies than are counted apart."""
        names: dict[ScopeDay, set[str]] = {}
        with_currency: list[tuple[Event, EventPosition, tuple[Attribution, ...]]] = []
        unnamed = set()
        for received, snapshot in zip(batch.events, snapshots, strict=True):
            event, position = received.event, (received.position, received.part)
            verdict = by_event[position]
            if verdict is None:
                continue  # a duplicate stays one
            # Without an experiment's key, an event counts only where metrics name its type.
            if event.experiment_key is not None and not is_named(event, snapshot):
                by_event[position] = tuple(each._replace(counted_as=OTHER) for each in verdict)
                unnamed.add(event.type)
            elif event.currency:
                with_currency.append((event, position, verdict))
                for scope_day in _list_scope_days(event, verdict):
                    names.setdefault(scope_day, set()).add(_name_counter(event))
        if unnamed:
            self._metrics.record("EventTypesRefused", len(unnamed))
        if not names:
            return
        refused = self._event_types.find_refused({key: frozenset(names[key]) for key in names}, now)
        for event, position, verdict in with_currency if refused else ():
            by_event[position] = tuple(
                attribution._replace(counted_as=OTHER)
                if _name_counter(event) in refused.get(scope_day, ())
                else attribution
                for attribution, scope_day in zip(verdict, _list_scope_days(event, verdict), strict=True)
            )


def _name_counter(event: Event) -> str:
    """An event type cannot hold a control character, so the name is of one type and currency only."""
    return f"{event.type}\n{event.currency}"


def _list_scope_days(event: Event, verdict: Iterable[Attribution]) -> list[ScopeDay]:
    day = event.hour // 24
    return [(experiment_scope(each.experiment_id, each.iteration), day) for each in verdict]


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
