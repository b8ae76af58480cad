"""Assignments for one user: decided by `domain.assignment`, stored once, answered as what is stored."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from chalicelib.domain.assignment import FRESH, ahead, assignment_id, current, decide, gate
from chalicelib.domain.context import check_context, check_user_id
from chalicelib.domain.definitions.model import Assignment, Decision, DefinitionKind, Experiment
from chalicelib.domain.errors import NotFound, RealtimeError, StorageUnavailable, Throttled
from chalicelib.domain.reasons import Reason
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp
from chalicelib.services.assignment_cache import AssignmentCache
from chalicelib.services.concurrency import Parallel
from chalicelib.services.definitions.cache import Metrics

Answer = dict[str, Any]


class Experiments(Protocol):
    def experiment(self, key: str) -> Experiment | None: ...
    def renewed(self, key: str) -> Experiment | None: ...
    def some_experiments(self, keys: Collection[str]) -> Mapping[str, Experiment | RealtimeError]: ...
    def experiments(self) -> Mapping[str, Experiment]: ...
    def unreadable(self, kind: DefinitionKind) -> Mapping[str, RealtimeError]: ...


class Rows(Protocol):
    def get(self, experiment: Experiment, user_id: str) -> Assignment | None: ...
    def put(
        self, experiment: Experiment, user_id: str, row: Assignment, replace: Assignment | None
    ) -> Assignment: ...
    def batch_get(
        self, pairs: Collection[tuple[str, str]], *, consistent: bool = True
    ) -> Mapping[tuple[str, str], Assignment]: ...


class Tracker(Protocol):
    def record(self, event: dict[str, Any]) -> None: ...


Read = Callable[[Experiment, str], Assignment | None]

Outcome = tuple[Experiment, Decision, Assignment | None, bool, bool]
"""What has decided, the decision, the row that it has seen, whether that could not be read, and whether the
experiment was loaded for this very decision. (Named fields would cost a hot user a tenth of the time.)"""


class Assigner:
    """``ttl``: seconds that an assignment is kept."""

    def __init__(
        self,
        catalog: Experiments,
        rows: Rows,
        known: AssignmentCache,
        tracker: Tracker,
        metrics: Metrics,
        *,
        ttl: float,
        parallel: Parallel,
    ) -> None:
        self._catalog = catalog
        self._rows = rows
        self._known = known
        self._tracker = tracker
        self._metrics = metrics
        self._ttl = ttl
        self._parallel = parallel

    def assign(
        self,
        user_id: str,
        experiment_key: str,
        context: dict[str, Any],
        now: float,
    ) -> Answer:
        """The body of `/assign`. Raises InvalidInput, TooLarge, NotFound, StorageUnavailable or Throttled."""
        check_user_id(user_id)
        check_context(context)
        experiment = self._catalog.experiment(experiment_key)
        if experiment is None:
            raise NotFound.experiment(experiment_key)
        about_user = {**context, "user_id": user_id}
        outcome = self._decide(experiment, user_id, about_user, now, self._rows.get)
        return self._answer(outcome, user_id, about_user, now)

    def assign_batch(
        self,
        user_id: str,
        experiment_keys: Collection[str] | None,
        context: dict[str, Any],
        now: float,
    ) -> Answer:
        """The body of `/assign/batch`; None: all active experiments. One bad key never fails the rest."""
        check_user_id(user_id)
        check_context(context)
        answers: dict[str, Answer | RealtimeError] = {}
        experiments: list[Experiment] = []
        for key, found in self._named(experiment_keys):
            if isinstance(found, RealtimeError):
                answers[key] = found
            else:
                experiments.append(found)
        answers |= self._many(experiments, user_id, {**context, "user_id": user_id}, now)
        return {"assignments": {key: _shown(answer) for key, answer in sorted(answers.items())}}

    def store_again(self, answer: Mapping[str, Any]) -> None:
        """Stores what was answered with ``persisted`` false, unless the user has got another row since.

        Raises NotFound, StorageUnavailable or Throttled.
        """
        key: str = answer["experiment_key"]
        experiment = self._catalog.experiment(key)
        if experiment is None:
            raise NotFound.experiment(key)
        at = parse_timestamp(answer["timestamp"])
        user_id: str = answer["user_id"]
        row = self._row(experiment, user_id, answer["variant"], at)
        if row.assignment_id == answer["assignment_id"]:  # or it is restarted, and this one is history
            standing = self._write(experiment, user_id, row, None)
            self._known.put(experiment, user_id, standing)
            if standing.variant != row.variant:
                self._metrics.record("AssignmentContradicted")

    def _named(self, keys: Collection[str] | None) -> Iterable[tuple[str, Experiment | RealtimeError]]:
        if keys is None:
            active = [pair for pair in self._catalog.experiments().items() if pair[1].status == "active"]
            return [*active, *self._catalog.unreadable("experiment").items()]
        found = self._catalog.some_experiments(dict.fromkeys(keys))
        return [(key, found.get(key) or NotFound.experiment(key)) for key in dict.fromkeys(keys)]

    def _many(
        self, experiments: Collection[Experiment], user_id: str, context: Mapping[str, Any], now: float
    ) -> dict[str, Answer | RealtimeError]:
        read = self._read_ahead(experiments, user_id, now)
        answers: dict[str, Answer | RealtimeError] = {}
        fresh: list[Outcome] = []
        for experiment in experiments:
            try:
                outcome = self._decide(experiment, user_id, context, now, read)
            except RealtimeError as error:
                answers[experiment.key] = error
                continue
            if outcome[1].reason in FRESH:
                fresh.append(outcome)
            else:
                answers[experiment.key] = self._answer(outcome, user_id, context, now)

        def stored(outcome: Outcome) -> Answer | RealtimeError:
            try:
                return self._answer(outcome, user_id, context, now)
            except RealtimeError as error:
                return error

        keys = [experiment.key for experiment, *_ in fresh]
        return answers | dict(zip(keys, self._parallel.map(stored, fresh), strict=True))

    def _read_ahead(self, experiments: Collection[Experiment], user_id: str, now: float) -> Read:
        """All rows that deciding will ask for, in one call for 100; if that fails, asking for one does."""
        wanted = [
            (experiment.id, user_id)
            for experiment in experiments
            if not self._known.get(experiment, user_id) and gate(experiment, user_id, now) is None
        ]
        try:
            found = self._rows.batch_get(wanted, consistent=False) if wanted else {}
        except (StorageUnavailable, Throttled) as error:
            failure = error

            def fail(_experiment: Experiment, _user_id: str) -> Assignment | None:
                raise failure

            return fail
        return lambda experiment, user_id: found.get((experiment.id, user_id))

    def _decide(
        self, experiment: Experiment, user_id: str, context: Mapping[str, Any], now: float, read: Read
    ) -> Outcome:
        """As `domain.assignment` does; a row that is ahead of ``experiment`` has that loaded again."""
        row: Assignment | None = None
        unread = False

        def stored() -> Assignment | None:
            nonlocal row, unread
            row = self._known.get(experiment, user_id)
            if row is None:
                try:
                    row = read(experiment, user_id)
                except (StorageUnavailable, Throttled):
                    if experiment.is_sticky:
                        raise
                    unread = True  # the hash alone decides, now and when it is asked again
                if row is not None:
                    self._known.put(experiment, user_id, row)
            return row

        decision = decide(experiment, user_id, context, now, stored)
        if row is not None and decision.reason is not Reason.STICKY and ahead(row, experiment):
            return self._decide_anew(experiment.key, user_id, context, now, row)
        return experiment, decision, row, unread, False

    def _decide_anew(
        self, experiment_key: str, user_id: str, context: Mapping[str, Any], now: float, row: Assignment
    ) -> Outcome:
        """After a publish that this container has not taken up yet, and that ``row`` knows of."""
        experiment = self._catalog.renewed(experiment_key)
        if experiment is None:
            raise NotFound.experiment(experiment_key)
        decision = decide(experiment, user_id, context, now, lambda: row)
        return experiment, decision, row, False, True

    def _answer(self, outcome: Outcome, user_id: str, context: Mapping[str, Any], now: float) -> Answer:
        experiment, decision, row, _, _ = outcome
        if decision.reason is Reason.STICKY and row is not None:
            return _body(experiment, user_id, decision, row.assignment_id, row.timestamp)
        if decision.reason in FRESH:
            return self._store(outcome, user_id, context, now)
        identity = assignment_id(experiment, user_id) if decision.variant is not None else None
        return _body(experiment, user_id, decision, identity, now)

    def _store(self, outcome: Outcome, user_id: str, context: Mapping[str, Any], now: float) -> Answer:
        """Writes the decision, and answers with what stands in the table afterwards."""
        experiment, decision, replaced, unread, newest = outcome
        row = self._row(experiment, user_id, str(decision.variant), now)
        standing: Assignment | None = None
        if not unread:
            with suppress(StorageUnavailable, Throttled):  # told by `persisted`, the metric and the tracker
                standing = self._write(experiment, user_id, row, replaced, newest)
        if standing is not None and _serves(experiment, standing, now):
            self._known.put(experiment, user_id, standing)
            if standing != row:  # another container was first
                winner = experiment.sticky[standing.variant]
                return _body(experiment, user_id, winner, standing.assignment_id, standing.timestamp)
        elif standing is not None and ahead(standing, experiment) and not newest:
            anew = self._decide_anew(experiment.key, user_id, context, now, standing)
            return self._answer(anew, user_id, context, now)
        body = _body(experiment, user_id, decision, row.assignment_id, row.timestamp)
        if standing is None or not _serves(experiment, standing, now):
            body["persisted"] = False
            self._metrics.record("AssignmentNotPersisted")
        self._tracker.record(body)
        return body

    def _row(self, experiment: Experiment, user_id: str, variant: str, at: float) -> Assignment:
        return Assignment(
            variant=variant,
            assignment_id=assignment_id(experiment, user_id),
            timestamp=round(at, 3),
            iteration=experiment.iteration,
            expires_at=float(int(at + self._ttl)),
            version=experiment.version,
        )

    def _write(
        self,
        experiment: Experiment,
        user_id: str,
        row: Assignment,
        replaced: Assignment | None,
        newest: bool = False,
    ) -> Assignment:
        """The row that stands afterwards: ``row``, another one that serves, or one that is ahead."""
        standing = self._rows.put(experiment, user_id, row, replaced)
        if (newest or not ahead(standing, experiment)) and _gives_way(standing, experiment, row):
            standing = self._rows.put(experiment, user_id, row, standing)
        return standing


def _gives_way(standing: Assignment, experiment: Experiment, row: Assignment) -> bool:
    """Whether ``row``, which was refused because of ``standing``, replaces it all the same."""
    if not _serves(experiment, standing, row.timestamp):
        return True
    return not experiment.is_sticky and standing.variant != row.variant and standing.timestamp < row.timestamp


def _serves(experiment: Experiment, row: Assignment, now: float) -> bool:
    return row.variant in experiment.sticky and current(row, experiment, now)


def _body(
    experiment: Experiment, user_id: str, decision: Decision, assignment: str | None, at: float
) -> Answer:
    return {
        "user_id": user_id,
        "experiment_key": experiment.key,
        "experiment_id": experiment.id,
        "variant": decision.variant,
        "payload": decision.payload,
        "assignment_id": assignment,
        "timestamp": format_timestamp(at),
        "reason": decision.reason,
    }


def _shown(answer: Answer | RealtimeError) -> Answer:
    if isinstance(answer, RealtimeError):
        details = [{"field": problem.path, "message": problem.message} for problem in answer.details]
        return {"error": {"code": answer.code, "message": answer.message, "details": details}}
    return answer
