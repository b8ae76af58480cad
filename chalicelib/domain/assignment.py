"""Which variant of an experiment a user gets, and why: the one place where the order is defined.

status and schedule → override → holdout → layer → stored assignment → targeting → traffic → variant.
The table of reasons is in docs/assignment.md.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from mmh3 import mmh3_x64_128_utupledigest as murmur

from chalicelib.domain.bucketing import halves
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


def decide(
    experiment: Experiment,
    user_id: str,
    context: Mapping[str, Any],
    now: float,
    stored: Callable[[], Assignment | None],
) -> Decision:
    """``now`` in epoch seconds; ``stored`` reads the user's row, only if nothing before it has decided."""
    if experiment.is_gated:
        decision = gate(experiment, user_id, now)
        if decision is not None:
            return decision
    row = stored()
    if row is not None and not current(row, experiment, now):
        row = None
    if row is not None and experiment.is_sticky and row.variant in experiment.sticky:
        return experiment.sticky[row.variant]
    if experiment.rules is not None and experiment.rules.match(context, now) is None:
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


def gate(experiment: Experiment, user_id: str, now: float) -> Decision | None:
    """What decides before the stored assignment is read; None if nothing does."""
    if experiment.status != "active":
        return _BY_STATUS[experiment.status]
    if experiment.start_at is not None and now < experiment.start_at:
        return _NOT_STARTED
    if experiment.end_at is not None and now >= experiment.end_at:
        return _ENDED
    override = experiment.overrides.get(user_id)
    if override is not None:
        return override
    if experiment.holdout is not None and _within(experiment.holdout, user_id):
        return _HOLDOUT
    if experiment.layer is not None and not _within(experiment.layer, user_id):
        return _NOT_IN_LAYER
    return None


def assignment_id(experiment: Experiment, user_id: str) -> str:
    """The same for every container that decides: a function of experiment, iteration and user."""
    first, second = halves(f"assignment/{experiment.id}/{experiment.iteration}:", user_id)
    return str(uuid.UUID(int=first << 64 | second))


def current(row: Assignment, experiment: Experiment, now: float) -> bool:
    """DynamoDB deletes expired rows late; a row of an earlier iteration is history."""
    return row.iteration == experiment.iteration and (row.expires_at is None or now < row.expires_at)


def ahead(row: Assignment, experiment: Experiment) -> bool:
    """Whether ``row`` was decided by a newer definition than this one, which may not overwrite it then."""
    return row.version > experiment.version or row.iteration > experiment.iteration


def _within(part: Slice, user_id: str) -> bool:
    first, _ = halves(part.prefix, user_id)
    return part.start <= first < part.end
