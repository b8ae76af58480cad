"""Assignments for one user: decided by `domain.assignment`, stored once, answered as what is stored."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.deadline import unlimited, within
from chalicelib.domain.assignment import FRESH, assignment_id, current, decide, gate
from chalicelib.domain.definitions import Decision, Experiment, Stored
from chalicelib.domain.errors import NotFound, RealtimeError, StorageUnavailable, Throttled
from chalicelib.domain.instants import iso
from chalicelib.domain.reasons import Reason
from chalicelib.domain.units import check_context, check_user_id
from chalicelib.services.known import Known
from chalicelib.services.shelf import Metrics

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

PARALLEL_WRITES = 16
Answer = dict[str, Any]


class Experiments(Protocol):
    def experiment(self, key: str) -> Experiment | None: ...
    def some_experiments(self, keys: Collection[str]) -> Mapping[str, Experiment | RealtimeError]: ...
    def experiments(self) -> Mapping[str, Experiment]: ...


class Rows(Protocol):
    def get(self, experiment: Experiment, user_id: str) -> Stored | None: ...
    def put(self, experiment: Experiment, user_id: str, row: Stored, replace: Stored | None) -> Stored: ...
    def batch_get(
        self, pairs: Collection[tuple[str, str]], *, consistent: bool = True
    ) -> Mapping[tuple[str, str], Stored]: ...


class Tracker(Protocol):
    def record(self, event: dict[str, Any]) -> None: ...


Read = Callable[[Experiment, str], Stored | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A decision, the row that it has seen (known to be there, or ``unread``), and when."""

    decision: Decision
    row: Stored | None
    unread: bool
    now: float


class Assigner:
    """``ttl``: seconds that an assignment is kept; ``remaining``: seconds left of the invocation."""

    def __init__(
        self,
        catalog: Experiments,
        rows: Rows,
        known: Known,
        tracker: Tracker,
        metrics: Metrics,
        *,
        ttl: float,
    ) -> None:
        self._catalog = catalog
        self._rows = rows
        self._known = known
        self._tracker = tracker
        self._metrics = metrics
        self._ttl = ttl

    def assign(
        self,
        user_id: str,
        experiment_key: str,
        context: dict[str, Any],
        now: float,
        remaining: Callable[[], float] = unlimited,
    ) -> Answer:
        """The body of `/assign`. Raises InvalidInput, TooLarge, NotFound, StorageUnavailable or Throttled."""
        check_user_id(user_id)
        check_context(context)
        with within(remaining):
            experiment = self._catalog.experiment(experiment_key)
            if experiment is None:
                raise _not_found(experiment_key)
            return self._one(experiment, user_id, context | {"user_id": user_id}, now)

    def assign_batch(
        self,
        user_id: str,
        experiment_keys: Collection[str] | None,
        context: dict[str, Any],
        now: float,
        remaining: Callable[[], float] = unlimited,
    ) -> Answer:
        """The body of `/assign/batch`; None: all active experiments. One bad key never fails the rest."""
        check_user_id(user_id)
        check_context(context)
        context = context | {"user_id": user_id}
        with within(remaining):
            answers: dict[str, Answer | RealtimeError] = {}
            experiments: list[Experiment] = []
            for key, found in self._named(experiment_keys):
                if isinstance(found, RealtimeError):
                    answers[key] = found
                else:
                    experiments.append(found)
            answers |= self._many(experiments, user_id, context, now)
        return {"assignments": {key: _shown(answer) for key, answer in sorted(answers.items())}}

    def _named(self, keys: Collection[str] | None) -> Iterable[tuple[str, Experiment | RealtimeError]]:
        if keys is None:
            return [pair for pair in self._catalog.experiments().items() if pair[1].status == "active"]
        found = self._catalog.some_experiments(dict.fromkeys(keys))
        return [(key, found.get(key) or _not_found(key)) for key in dict.fromkeys(keys)]

    def _one(self, experiment: Experiment, user_id: str, context: Mapping[str, Any], now: float) -> Answer:
        return self._answer(
            experiment, user_id, self._decide(experiment, user_id, context, now, self._rows.get)
        )

    def _many(
        self, experiments: Collection[Experiment], user_id: str, context: Mapping[str, Any], now: float
    ) -> dict[str, Answer | RealtimeError]:
        read = self._read_ahead(experiments, user_id, now)
        answers: dict[str, Answer | RealtimeError] = {}
        to_write: list[tuple[Experiment, Outcome]] = []
        for experiment in experiments:
            try:
                outcome = self._decide(experiment, user_id, context, now, read)
            except RealtimeError as error:
                answers[experiment.key] = error
                continue
            if outcome.decision.reason in FRESH:
                to_write.append((experiment, outcome))
            else:
                answers[experiment.key] = self._answer(experiment, user_id, outcome)
        written = self._in_parallel(
            [partial(self._answer, experiment, user_id, outcome) for experiment, outcome in to_write]
        )
        return answers | {experiment.key: one for (experiment, _), one in zip(to_write, written, strict=True)}

    def _read_ahead(self, experiments: Collection[Experiment], user_id: str, now: float) -> Read:
        """All rows that deciding will ask for, in one call for 100; if that fails, asking for one does."""
        wanted = [
            (experiment.id, user_id)
            for experiment in experiments
            if not self._known.get(experiment.id, user_id) and gate(experiment, user_id, now) is None
        ]
        try:
            found = self._rows.batch_get(wanted, consistent=False) if wanted else {}
        except (StorageUnavailable, Throttled) as error:
            failure = error

            def fail(_experiment: Experiment, _user_id: str) -> Stored | None:
                raise failure

            return fail
        return lambda experiment, user_id: found.get((experiment.id, user_id))

    def _decide(
        self, experiment: Experiment, user_id: str, context: Mapping[str, Any], now: float, read: Read
    ) -> Outcome:
        row: Stored | None = None
        unread = False

        def stored() -> Stored | None:
            nonlocal row, unread
            row = self._known.get(experiment.id, user_id)
            if row is None:
                try:
                    row = read(experiment, user_id)
                except (StorageUnavailable, Throttled):
                    if experiment.sticky:
                        raise
                    unread = True  # the hash alone decides, now and when it is asked again
                if row is not None:
                    self._known.put(experiment.id, user_id, row)
            return row

        decision = decide(experiment, user_id, context, now, stored)
        return Outcome(decision, row, unread, now)

    def _answer(self, experiment: Experiment, user_id: str, outcome: Outcome) -> Answer:
        decision, row = outcome.decision, outcome.row
        if decision.variant is None:
            return _body(experiment, user_id, decision, None, outcome.now)
        if decision.reason is Reason.STICKY and row is not None:
            return _body(experiment, user_id, decision, row.assignment_id, row.timestamp)
        if decision.reason in FRESH:
            return self._stored(experiment, user_id, outcome)
        return _body(experiment, user_id, decision, assignment_id(experiment, user_id), outcome.now)

    def _stored(self, experiment: Experiment, user_id: str, outcome: Outcome) -> Answer:
        """Writes the decision, and answers what stands in the table afterwards."""
        decision, replaced, now = outcome.decision, outcome.row, round(outcome.now, 3)
        assert decision.variant is not None  # noqa: S101 - a fresh decision has one
        row = Stored(
            variant=decision.variant,
            assignment_id=assignment_id(experiment, user_id),
            timestamp=now,
            iteration=experiment.iteration,
            expires_at=float(int(now + self._ttl)),
        )
        try:
            if outcome.unread:
                raise StorageUnavailable  # noqa: TRY301 - not known what would be replaced: as if refused
            standing = self._rows.put(experiment, user_id, row, replaced)
            if standing != row and not _serves(experiment, standing, now):
                standing = self._rows.put(experiment, user_id, row, standing)
        except (StorageUnavailable, Throttled):
            return self._unpersisted(experiment, user_id, decision, row)
        if standing != row:
            if not _serves(experiment, standing, now):
                return self._unpersisted(experiment, user_id, decision, row)
            decision = experiment.kept[standing.variant]
        self._known.put(experiment.id, user_id, standing)
        return _body(experiment, user_id, decision, standing.assignment_id, standing.timestamp)

    def _unpersisted(self, experiment: Experiment, user_id: str, decision: Decision, row: Stored) -> Answer:
        body = _body(experiment, user_id, decision, row.assignment_id, row.timestamp)
        self._metrics.record("AssignmentNotPersisted")
        self._tracker.record({"event_type": "assignment", **body, "iteration": row.iteration})
        return body | {"persisted": False}

    def _in_parallel(self, calls: Collection[Callable[[], Answer]]) -> list[Answer]:
        if len(calls) < 2:
            return [call() for call in calls]
        return [each.result() for each in [self._pool.submit(copy_context().run, call) for call in calls]]

    @cached_property
    def _pool(self) -> "ThreadPoolExecutor":
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(PARALLEL_WRITES, "assign")


def _serves(experiment: Experiment, row: Stored, now: float) -> bool:
    return row.variant in experiment.kept and current(row, experiment, now)


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
        "timestamp": iso(at),
        "reason": decision.reason,
    }


def _shown(answer: Answer | RealtimeError) -> Answer:
    if isinstance(answer, RealtimeError):
        return {"error": {"code": answer.code, "message": answer.message}}
    return answer


def _not_found(key: str) -> NotFound:
    return NotFound("experiment_not_found", f"There is no experiment {key!r}.")
