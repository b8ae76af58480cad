"""Which variant of an experiment a user gets, and why. The order of checks is defined here only:

status and schedule → override → holdout → layer → stored assignment → targeting → traffic → variant.
The table of reasons is in docs/assignment.md.
"""

import uuid
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, Protocol

from mmh3 import mmh3_x64_128_utupledigest as murmur

from chalicelib.domain.bucketing import compute_halves
from chalicelib.domain.definitions.model import Assignment, Decision, Experiment, Slice
from chalicelib.domain.reasons import Reason

_BY_STATUS = {
    "draft": Decision(None, Reason.DRAFT),
    "paused": Decision(None, Reason.PAUSED),
    "completed": Decision(None, Reason.COMPLETED),
}
_NOT_STARTED = Decision(None, Reason.NOT_STARTED)
_ENDED = Decision(None, Reason.ENDED)
_HOLDOUT = Decision(None, Reason.HOLDOUT)
_NOT_IN_LAYER = Decision(None, Reason.NOT_IN_LAYER)
_NOT_TARGETED = Decision(None, Reason.NOT_TARGETED)
_NOT_IN_TRAFFIC = Decision(None, Reason.NOT_IN_TRAFFIC)

FRESH = frozenset({Reason.ASSIGNED, Reason.REASSIGNED})
"""Reasons of decisions that are not stored yet."""


class AssignmentResult(NamedTuple):
    """A user's answer from one experiment; ``assignment_id`` is None without a variant.

    ``timestamp`` is epoch seconds: when the user was assigned, or now if there is no assignment.
    ``is_persisted`` is False for an assignment that could not be stored yet.
    """

    experiment: Experiment
    user_id: str
    decision: Decision
    assignment_id: str | None
    timestamp: float
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
) -> Decision:
    """``now`` is epoch seconds. ``get_row`` reads the user's row; an earlier check may decide without it."""
    if experiment.is_gated:
        decision = check_gates(experiment, user_id, now)
        if decision is not None:
            return decision
    row = get_row()
    if row is not None and not is_current(row, experiment, now):
        row = None
    if row is not None and experiment.is_sticky and row.variant in experiment.sticky:
        return experiment.sticky[row.variant]
    if experiment.rules is not None and experiment.rules.match(context, now, user_id) is None:
        return _NOT_TARGETED
    first, second = murmur((experiment.prefix + user_id).encode(), 0)
    if first >= experiment.traffic:
        return _NOT_IN_TRAFFIC
    for upper, variant in experiment.split:
        if second < upper:
            break
    if row is None:
        return experiment.assigned[variant]
    return (experiment.sticky if row.variant == variant else experiment.reassigned)[variant]


def check_gates(experiment: Experiment, user_id: str, now: float) -> Decision | None:
    """The decision that needs no stored assignment; None if there is none."""
    if experiment.status != "active":
        return _BY_STATUS[experiment.status]
    if experiment.start_at is not None and now < experiment.start_at:
        return _NOT_STARTED
    if experiment.end_at is not None and now >= experiment.end_at:
        return _ENDED
    override = experiment.overrides.get(user_id)
    if override is not None:
        return override
    if experiment.holdout is not None and _is_in_slice(experiment.holdout, user_id):
        return _HOLDOUT
    if experiment.layer is not None and not _is_in_slice(experiment.layer, user_id):
        return _NOT_IN_LAYER
    return None


def make_assignment_id(experiment: Experiment, user_id: str) -> str:
    """A function of experiment, iteration and user, so all containers make the same one."""
    first, second = compute_halves(f"assignment/{experiment.id}/{experiment.iteration}:", user_id)
    return str(uuid.UUID(int=first << 64 | second))


def is_current(row: Assignment, experiment: Experiment, now: float) -> bool:
    """False for an expired row, which DynamoDB deletes late, and for one of an earlier iteration."""
    return row.iteration == experiment.iteration and (row.expires_at is None or now < row.expires_at)


def is_ahead(row: Assignment, experiment: Experiment) -> bool:
    """Whether a newer definition made ``row``; then ``experiment`` must not overwrite it."""
    return row.version > experiment.version or row.iteration > experiment.iteration


def _is_in_slice(owned: Slice, user_id: str) -> bool:
    first, _ = compute_halves(owned.prefix, user_id)
    return owned.start <= first < owned.end
