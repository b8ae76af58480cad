"""Which variant of an experiment a user gets, and why:

gates (status and schedule → override → holdout → layer) → stored assignment → targeting → traffic → variant.
The table of reasons is in docs/assignment.md.
"""

import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, Protocol, cast

from chalicelib.domain.bucketing import compute_halves
from chalicelib.domain.definitions.model import (
    HELD_OUT,
    Assignment,
    Decision,
    Experiment,
    FindFlag,
    FindSegment,
    find_nothing,
)
from chalicelib.domain.errors import InvalidInput, StorageUnavailable
from chalicelib.domain.general_form.state import (
    UNLIMITED,
    Circle,
    EvaluationTime,
    MissingUnit,
    NoValue,
    State,
    Stop,
)
from chalicelib.domain.reasons import Reason

_FRESH = frozenset({Reason.ASSIGNED, Reason.REASSIGNED})


def is_fresh(decision: Decision) -> bool:
    """Whether the decision is not stored yet, and has to be."""
    return decision.reason in _FRESH or decision.recorded is not None


class AssignmentResult(NamedTuple):
    """A user's answer from one experiment; ``assignment_id`` is None unless something is stored for it.

    ``unit`` is what the stored row belongs to: the user, or for example an account. ``timestamp`` is epoch
    seconds: when the user was assigned, or now if there is no assignment.
    ``is_persisted`` is False for an assignment that could not be stored yet.
    """

    experiment: Experiment
    user_id: str
    decision: Decision
    assignment_id: str | None
    timestamp: float
    unit: str
    is_persisted: bool = True


class Assignments(Protocol):
    """The store of assignments. Each method raises StorageUnavailable or Throttled."""

    def get(self, experiment: Experiment, user_id: str) -> Assignment | None:
        """Eventually consistent."""

    def get_many(
        self, pairs: Collection[tuple[str, str]], *, consistent: bool = True
    ) -> Mapping[tuple[str, str], Assignment]:
        """By experiment id and user id: those that exist."""

    def put(
        self, experiment: Experiment, user_id: str, row: Assignment, replace: Assignment | None
    ) -> Assignment:
        """Writes ``row`` if there is none, or only ``replace``; returns the row that stands then."""


def decide(
    experiment: Experiment,
    user_id: str,
    context: Mapping[str, Any],
    now: float,
    get_row: Callable[[], Assignment | None],
    find_segment: FindSegment = find_nothing,
    find_flag: FindFlag = find_nothing,
    time: EvaluationTime = UNLIMITED,
) -> Decision:
    """``now`` is epoch seconds. ``get_row`` reads the user's row; an earlier check may decide without it.

    ``find_segment`` and ``find_flag`` give what the experiment's conditions refer to. Raises InvalidInput
    ``targeting_key_missing`` if the answer needs a unit that the context does not have.
    """
    if experiment.gates is not None:
        gated = check_gates(experiment, user_id, context, now)
        if gated is not None:
            return gated if gated.reason is not Reason.HOLDOUT else _hold_out(experiment, now, get_row)
    row = get_row()
    if row is not None and not is_current(row, experiment, now):
        row = None
    if row is not None and experiment.is_sticky and row.variant in experiment.variants:
        return experiment.sticky[row.variant]
    definition = experiment.assignment
    state = State(now, find_flag, find_segment, time=time) if definition.reads_state else _NO_STATE
    try:
        decision: Decision = definition.decide(user_id, context, state)
    except Stop as error:
        decision = _answer_stop(error)
    if row is None or decision.variant is None:
        return decision
    decisions = experiment.sticky if row.variant == decision.variant else experiment.reassigned
    return decisions[decision.variant]


def check_gates(
    experiment: Experiment, user_id: str, context: Mapping[str, Any], now: float
) -> Decision | None:
    """The decision that needs no stored assignment; None if there is none. Gates refer to nothing else.

    Raises InvalidInput as `decide` does.
    """
    if experiment.gates is None:
        return None
    try:
        state = State(now, find_nothing, find_nothing)
        decision: Decision | NoValue = experiment.gates.decide(user_id, context, state)
    except Stop as error:
        return _answer_stop(error)
    return None if isinstance(decision, NoValue) else decision


def needs_row(experiment: Experiment, gated: Decision | None) -> bool:
    """Whether a decision reads the stored row: ``gated`` is what the gates say."""
    return gated is None or (gated.reason is Reason.HOLDOUT and HELD_OUT in experiment.sticky)


def find_unit(experiment: Experiment, user_id: str, context: Mapping[str, Any]) -> str | None:
    """What the stored row belongs to: the user, or a unit such as an account; None if that is missing."""
    if experiment.get_unit is None:
        return user_id
    unit = experiment.get_unit(user_id, context, _NO_STATE)
    return unit if isinstance(unit, str) else None


def _hold_out(experiment: Experiment, now: float, get_row: Callable[[], Assignment | None]) -> Decision:
    """Recorded once, if the holdout is measured."""
    decision = experiment.sticky.get(HELD_OUT)
    if decision is None:
        return _NOT_RECORDED
    row = get_row()
    is_recorded = row is not None and is_current(row, experiment, now) and row.variant == HELD_OUT
    return _NOT_RECORDED if is_recorded else decision


def _answer_stop(error: Stop) -> Decision:
    """What an error that the engine has reached means to the caller."""
    if isinstance(error, MissingUnit):
        raise InvalidInput.missing_unit("experiment", error.name) from None
    if isinstance(error, Circle):  # only in rows edited by hand: publishing refuses circles
        message = "What the stored experiment refers to goes in a circle; publish it again."
        raise StorageUnavailable(message) from None
    return _NO_VALUE  # for a moment, if what it refers to was just published or removed


_NO_VALUE = Decision(None, Reason.NO_VALUE)
_NOT_RECORDED = Decision(None, Reason.HOLDOUT)
_NO_STATE = cast(State, None)
"""For definitions that read none."""


def make_assignment_id(experiment: Experiment, user_id: str) -> str:
    """A function of experiment, iteration and user, so all containers make the same one."""
    first, second = compute_halves(f"assignment/{experiment.id}/{experiment.iteration}:", user_id)
    return str(uuid.UUID(int=first << 64 | second))


def is_current(row: Assignment, experiment: Experiment, now: float) -> bool:
    """False for an expired row, which DynamoDB deletes late, and for one of an earlier iteration."""
    return row.iteration == experiment.iteration and (row.expires_at is None or now < row.expires_at)


def is_valid(row: Assignment, experiment: Experiment, now: float) -> bool:
    """Whether ``row`` is an assignment to a variant of the current iteration that has not expired."""
    return row.variant in experiment.sticky and is_current(row, experiment, now)


def is_ahead(row: Assignment, experiment: Experiment) -> bool:
    """Whether a newer definition made ``row``; then ``experiment`` must not overwrite it."""
    return row.version > experiment.version or row.iteration > experiment.iteration
