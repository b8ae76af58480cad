"""What a decision leads to: an answer, or a row that has to be written first; and what it needs to read."""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.assignment import (
    AssignmentResult,
    check_gates,
    is_ahead,
    is_fresh,
    is_valid,
    make_assignment_id,
    needs_row,
)
from chalicelib.domain.definitions.model import Assignment, Decision, Experiment
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.reasons import Reason
from chalicelib.services.assignment_writer import UnstoredDecision

Attributes = Mapping[str, Any]
"""For targeting rules: the context, with the user's id."""


def may_need_row(experiment: Experiment, user_id: str, attributes: Attributes, now: float) -> bool:
    """False for an error: the decision raises it again, for this experiment only."""
    try:
        return needs_row(experiment, check_gates(experiment, user_id, attributes, now))
    except InvalidInput:
        return False


def may_be_linked(experiment: Experiment, user_id: str, attributes: Attributes, now: float) -> bool:
    """Whether it matters which user an anonymous id belongs to; an override of the id itself comes first."""
    if experiment.get_unit is not None:
        return False
    try:
        gated = check_gates(experiment, user_id, attributes, now)
    except InvalidInput:
        return False
    return gated is None or gated.reason in _BY_ID


_BY_ID = frozenset({Reason.HOLDOUT, Reason.NOT_IN_LAYER})


def is_from_newer_definition(stored: Assignment, unstored: UnstoredDecision, now: float) -> bool:
    return not is_valid(stored, unstored.experiment, now) and is_ahead(stored, unstored.experiment)


def conclude(
    experiment: Experiment,
    user_id: str,
    unit: str | None,
    decision: Decision,
    row: Assignment | None,
    now: float,
    *,
    is_unread: bool = False,
    is_newest: bool = False,
) -> AssignmentResult | UnstoredDecision:
    """``unit`` None: there is none, so the hash of a fixed bucket decides, now and at the next request."""
    unit = user_id if unit is None else unit
    if decision.reason is Reason.STICKY and row is not None:  # first, since most requests end here
        return AssignmentResult(experiment, user_id, decision, row.assignment_id, row.timestamp, unit)
    if is_fresh(decision):
        return UnstoredDecision(experiment, user_id, unit, decision, row, is_unread, is_newest)
    assignment_id = make_assignment_id(experiment, unit) if decision.variant is not None else None
    return AssignmentResult(experiment, user_id, decision, assignment_id, now, unit)
