"""Which experiments an event counts for, and under which variant. Pure."""

from collections.abc import Iterable, Mapping
from math import inf
from typing import NamedTuple

from chalicelib.domain.assignment import find_unit
from chalicelib.domain.bucketing import is_key
from chalicelib.domain.definitions.model import Assignment, Experiment, Flag, find_in_force
from chalicelib.domain.stream.counters import UNASSIGNED, flag_scope
from chalicelib.domain.stream.event import Event

AssignmentKey = tuple[str, str]
"""Experiment id, and the user or other unit that the row belongs to."""


NO_VARIANT = "$none"
"""Under which evaluations are counted that leave the value to the caller."""


class Attribution(NamedTuple):
    experiment_id: str  # or the scope of a flag
    iteration: int
    variant: str


class ExperimentIndex:
    """All experiments by what an event may name: an experiment's key, or an event type of an active one.

    As they are in force at ``now``, until ``valid_until`` (epoch seconds).
    """

    def __init__(self, experiments: Mapping[str, Experiment], now: float = 0.0) -> None:
        self.experiments = experiments
        changes = (at for experiment in experiments.values() for at, _ in experiment.later if at > now)
        self.valid_until = min(changes, default=inf)
        in_force = [find_in_force(experiment, now) for experiment in experiments.values()]
        self.by_id = {experiment.id: experiment for experiment in in_force}
        self._by_key = {experiment.key: (experiment,) for experiment in in_force}
        self._by_type: dict[str, tuple[Experiment, ...]] = {}
        for experiment in in_force:
            if experiment.status == "active":
                for event_type in experiment.metrics:
                    self._by_type[event_type] = (*self._by_type.get(event_type, ()), experiment)

    def find(self, event: Event) -> tuple[Experiment, ...]:
        """The experiments that ``event`` counts for. If it names one, its status does not matter: events
        arrive late."""
        if event.experiment_key is None:
            return self._by_type.get(event.type, ())
        return self._by_key.get(event.experiment_key, ())


def attribute_event(
    event: Event,
    experiments: Iterable[Experiment],
    assignments: Mapping[AssignmentKey, Assignment],
    arrived_at: float,
) -> tuple[Attribution, ...]:
    """The time of arrival decides, so a consumer that lags behind comes to the same result."""
    attributions = []
    for experiment in experiments:
        assignment = assignments.get(find_assignment_key(experiment, event))
        if assignment is None or not is_valid(assignment, experiment.iteration, arrived_at):
            variant = UNASSIGNED
        else:
            variant = assignment.variant
        attributions.append(Attribution(experiment.id, experiment.iteration, variant))
    return tuple(attributions)


def find_assignment_key(experiment: Experiment, event: Event) -> AssignmentKey:
    """A unit such as an account is read from the event's properties, as from the context of a request."""
    if experiment.get_unit is None:
        return experiment.id, event.user_id
    unit = find_unit(experiment, event.user_id, event.data.get("properties") or {})
    return experiment.id, event.user_id if unit is None else unit


def attribute_evaluation(event: Event, flags: Mapping[str, Flag]) -> tuple[Attribution, ...]:
    """An evaluation counts for its flag, by variant. These counters show which flags are in use."""
    flag = flags.get(event.data.get("flag_key") or "")
    properties = event.data.get("properties") or {}
    variant = NO_VARIANT if properties.get("variant", "") is None else properties.get("variant")
    if flag is None or not isinstance(variant, str) or not _is_answer(flag, variant):
        return ()
    return (Attribution(flag_scope(flag.key), 1, variant),)


def _is_answer(flag: Flag, variant: str) -> bool:
    """By written rules a flag may serve the variant of another definition, or none."""
    is_written = flag.document.rules is not None
    return variant in flag.variants or (is_written and (variant == NO_VARIANT or bool(is_key(variant))))


def is_reusable(assignment: Assignment, experiment: Experiment, first: float, last: float) -> bool:
    """Whether a cached assignment is still the one in the table, and valid for all arrivals from ``first``
    to ``last``. A row is replaced after it has expired, after its variant or its iteration is gone, and at
    any time if the experiment is not sticky."""
    return (
        experiment.is_sticky
        and assignment.variant in experiment.sticky
        and is_valid(assignment, experiment.iteration, first)
        and is_valid(assignment, experiment.iteration, last)
    )


def is_valid(assignment: Assignment, iteration: int, arrived_at: float) -> bool:
    """``arrived_at`` in epoch seconds."""
    return (
        assignment.iteration == iteration
        and assignment.timestamp <= arrived_at
        and (assignment.expires_at is None or arrived_at < assignment.expires_at)
    )
