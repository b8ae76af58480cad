"""Which experiments an event counts for, and under which variant. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chalicelib.domain.definitions.model import Assignment, Experiment, Flag
from chalicelib.domain.stream.counters import UNASSIGNED, flag_scope
from chalicelib.domain.stream.event import Event

AssignmentKey = tuple[str, str]
"""Experiment id, user id."""


class Attribution(NamedTuple):
    experiment_id: str  # or the scope of a flag
    iteration: int
    variant: str


class ExperimentIndex:
    """All experiments by what an event may name: an experiment's key, or an event type of an active one."""

    def __init__(self, experiments: Mapping[str, Experiment]) -> None:
        self.experiments = experiments
        self.by_id = {experiment.id: experiment for experiment in experiments.values()}
        self._by_key = {experiment.key: (experiment,) for experiment in experiments.values()}
        self._by_type: dict[str, tuple[Experiment, ...]] = {}
        for experiment in experiments.values():
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
        assignment = assignments.get((experiment.id, event.user_id))
        if assignment is None or not is_valid(assignment, experiment.iteration, arrived_at):
            variant = UNASSIGNED
        else:
            variant = assignment.variant
        attributions.append(Attribution(experiment.id, experiment.iteration, variant))
    return tuple(attributions)


def attribute_evaluation(event: Event, flags: Mapping[str, Flag]) -> tuple[Attribution, ...]:
    """An evaluation counts for its flag, by variant. These counters show which flags are in use."""
    flag = flags.get(event.data.get("flag_key") or "")
    variant = (event.data.get("properties") or {}).get("variant")
    if flag is None or not isinstance(variant, str) or variant not in flag.variants:
        return ()
    return (Attribution(flag_scope(flag.key), 1, variant),)


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
