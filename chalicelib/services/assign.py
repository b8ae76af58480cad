"""Assigns users: what is decided is stored once, and the answer is the stored row."""

from collections.abc import Callable, Collection, Mapping
from heapq import nsmallest
from typing import Any, Protocol

from chalicelib.domain.assignment import AssignmentResult, Assignments, is_valid
from chalicelib.domain.context import check_context, check_user_id
from chalicelib.domain.definitions.model import MAX_BATCH, Assignment, Experiment, find_in_force
from chalicelib.domain.errors import NotFound, RealtimeError
from chalicelib.domain.general_form.state import UNLIMITED, EvaluationTime
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.assignment_cache import AssignmentCache
from chalicelib.services.assignment_decider import AssignmentDecider
from chalicelib.services.assignment_outcome import Attributes, is_from_newer_definition, may_be_linked
from chalicelib.services.assignment_writer import AssignmentWriter, UnstoredDecision
from chalicelib.services.concurrency import Parallel
from chalicelib.services.definitions.sources import DefinitionSource
from chalicelib.services.linked_users import LinkedUsers, Lookup, ReadRow

NO_LOOKUP = Lookup("")
"""Nothing is read yet."""


class AssignmentRecorder(Protocol):
    def record(self, result: AssignmentResult) -> None: ...


class Assigner:
    def __init__(
        self,
        experiments: DefinitionSource[Experiment],
        decider: AssignmentDecider,
        assignments: Assignments,
        cache: AssignmentCache,
        writer: AssignmentWriter,
        recorder: AssignmentRecorder,
        metrics: MetricsRecorder,
        parallel: Parallel,
        linked_users: LinkedUsers | None = None,
        new_time: Callable[[], EvaluationTime] = lambda: UNLIMITED,
    ) -> None:
        self._experiments = experiments
        self._decider = decider
        self._assignments = assignments
        self._cache = cache
        self._writer = writer
        self._recorder = recorder
        self._metrics = metrics
        self._parallel = parallel
        self._linked_users = linked_users
        self._new_time = new_time

    def assign(
        self,
        user_id: str,
        experiment_key: str,
        context: dict[str, Any],
        now: float,
        time: EvaluationTime | None = None,
    ) -> AssignmentResult:
        """``time`` is what is left of a request that decides more. Here and below, None is a whole one.

        Raises InvalidInput, TooLarge, NotFound, StorageUnavailable or Throttled.
        """
        check_user_id(user_id)
        check_context(context)
        experiment = self._experiments.find(experiment_key)
        if experiment is None:
            raise NotFound.experiment(experiment_key)
        attributes = {**context, "user_id": user_id}
        experiment = self._decider.find_in_force(experiment, now)
        links, time = self._linked_users, time or self._new_time()
        if links is None or links.is_unlinked(user_id, now):
            return self._assign(experiment, user_id, attributes, now, self._assignments.get, time)
        is_linkable = may_be_linked(experiment, user_id, attributes, now)
        lookup = links.find(user_id, [experiment], now) if is_linkable else Lookup(user_id)
        attributes["user_id"] = lookup.user_id
        read_row = lookup.before(self._assignments.get)
        result = self._assign(experiment, lookup.user_id, attributes, now, read_row, time)
        return result if lookup.user_id == user_id else result._replace(user_id=user_id)

    def _assign(
        self,
        experiment: Experiment,
        user_id: str,
        attributes: Attributes,
        now: float,
        read_row: ReadRow,
        time: EvaluationTime,
    ) -> AssignmentResult:
        outcome = self._decider.decide(experiment, user_id, attributes, now, read_row, time)
        return outcome if isinstance(outcome, AssignmentResult) else self._store(outcome, attributes, now)

    def assign_many(
        self,
        user_id: str,
        experiment_keys: Collection[str] | None,
        context: dict[str, Any],
        now: float,
        after: str = "",
        time: EvaluationTime | None = None,
    ) -> dict[str, AssignmentResult | RealtimeError]:
        """By experiment key, sorted. An error fails only its own key.

        None asks for all active experiments: the first MAX_BATCH whose keys come behind ``after``.
        Raises InvalidInput or TooLarge for the user id and the context.
        """
        check_user_id(user_id)
        check_context(context)
        attributes = {**context, "user_id": user_id}
        asked = self._get_experiments(experiment_keys, now, after)
        errors = {name: each for name, each in asked.items() if isinstance(each, RealtimeError)}
        by_name = {
            name: self._decider.find_in_force(each, now)
            for name, each in asked.items()
            if not isinstance(each, RealtimeError)
        }
        unique = {experiment.key: experiment for experiment in by_name.values()}
        results = self._assign_linked(unique.values(), user_id, attributes, now, time or self._new_time())
        return dict(sorted((errors | {name: results[each.key] for name, each in by_name.items()}).items()))

    def _assign_linked(
        self,
        experiments: Collection[Experiment],
        user_id: str,
        attributes: Attributes,
        now: float,
        time: EvaluationTime,
    ) -> dict[str, AssignmentResult | RealtimeError]:
        """`_assign_each` for ``user_id``, or for the user that it is linked to."""
        links = self._linked_users
        if links is None or links.is_unlinked(user_id, now):
            return self._assign_each(experiments, user_id, attributes, now, time)
        linked = [each for each in experiments if may_be_linked(each, user_id, attributes, now)]
        lookup = links.find(user_id, linked, now)
        by_user = {**attributes, "user_id": lookup.user_id}
        results = self._assign_each(linked, lookup.user_id, by_user, now, time, lookup)
        if lookup.user_id != user_id:
            results = {
                key: each if isinstance(each, RealtimeError) else each._replace(user_id=user_id)
                for key, each in results.items()
            }
        others = [each for each in experiments if each.key not in results]
        return results | self._assign_each(others, user_id, attributes, now, time)

    def _assign_each(
        self,
        experiments: Collection[Experiment],
        user_id: str,
        attributes: Attributes,
        now: float,
        time: EvaluationTime,
        lookup: Lookup = NO_LOOKUP,
    ) -> dict[str, AssignmentResult | RealtimeError]:
        """By the experiment's key."""
        results: dict[str, AssignmentResult | RealtimeError] = {}
        read_row = self._decider.read_ahead(experiments, user_id, attributes, now, lookup)
        unstored: list[UnstoredDecision] = []
        for experiment in experiments:
            try:
                outcome = self._decider.decide(experiment, user_id, attributes, now, read_row, time)
            except RealtimeError as error:
                results[experiment.key] = error
                continue
            if isinstance(outcome, AssignmentResult):
                results[experiment.key] = outcome
            else:
                unstored.append(outcome)

        def store(decision: UnstoredDecision) -> AssignmentResult | RealtimeError:
            try:
                return self._store(decision, attributes, now)
            except RealtimeError as error:
                return error

        stored = self._parallel.map(store, unstored)
        results |= zip((decision.experiment.key for decision in unstored), stored, strict=True)
        return results

    def store_again(self, result: AssignmentResult) -> None:
        """Stores an assignment that was not persisted, unless the user has another row by now.

        Raises NotFound, StorageUnavailable or Throttled.
        """
        key, unit = result.experiment.key, result.unit
        experiment = self._experiments.get(key)
        if experiment is None:
            raise NotFound.experiment(key)
        experiment = find_in_force(experiment, result.timestamp)
        variant = result.decision.recorded or result.decision.variant
        row = self._writer.make_row(experiment, unit, str(variant), result.timestamp)
        if row.assignment_id != result.assignment_id:
            return  # the experiment was restarted, so this assignment is void
        stored = self._writer.write(experiment, unit, row, None)
        self._cache.put(experiment, unit, stored)
        if stored.variant != row.variant:
            self._metrics.record("AssignmentContradicted")

    def _get_experiments(
        self, keys: Collection[str] | None, now: float, after: str
    ) -> Mapping[str, Experiment | RealtimeError]:
        """None asks for a page of the active experiments that are listed."""
        if keys is None:
            experiments = self._experiments.get_listed()
            active = {
                key: experiment
                for key, experiment in experiments.items()
                if find_in_force(experiment, now).status == "active"
            }
            listed: dict[str, Experiment | RealtimeError] = {**active, **self._experiments.get_unreadable()}
            page = nsmallest(MAX_BATCH, (key for key in listed if key > after))
            return {key: listed[key] for key in page}
        unique_keys = dict.fromkeys(keys)
        existing = self._experiments.find_many(unique_keys)
        return {key: existing.get(key) or NotFound.experiment(key) for key in unique_keys}

    def _store(self, unstored: UnstoredDecision, attributes: Attributes, now: float) -> AssignmentResult:
        """Writes the decision, and answers with the row that is in the table then."""
        row, stored = self._writer.store(unstored, now)
        if stored is not None and not unstored.is_newest and is_from_newer_definition(stored, unstored, now):
            key, user_id = unstored.experiment.key, unstored.user_id
            # Perhaps in another thread, and the request's time is that of its own.
            outcome = self._decider.decide_again(key, user_id, attributes, now, stored, self._new_time())
            if isinstance(outcome, AssignmentResult):
                return outcome
            unstored = outcome
            row, stored = self._writer.store(unstored, now)  # the last try, by the newest definition
        return self._answer(unstored, row, stored, now)

    def _answer(
        self, unstored: UnstoredDecision, row: Assignment, stored: Assignment | None, now: float
    ) -> AssignmentResult:
        experiment, user_id, unit = unstored.experiment, unstored.user_id, unstored.unit
        is_persisted = stored is not None and is_valid(stored, experiment, now)
        if stored is not None and is_persisted:
            self._cache.put(experiment, unit, stored)
            if stored != row:  # another container wrote first
                decision = experiment.sticky[stored.variant]
                return AssignmentResult(
                    experiment, user_id, decision, stored.assignment_id, stored.timestamp, unit
                )
        else:
            self._metrics.record("AssignmentNotPersisted")
        result = AssignmentResult(
            experiment, user_id, unstored.decision, row.assignment_id, row.timestamp, unit, is_persisted
        )
        self._recorder.record(result)
        return result
