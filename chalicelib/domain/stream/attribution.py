"""For which experiments an event counts, and under which variant. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chalicelib.domain.definitions.model import Assignment, Experiment, Flag
from chalicelib.domain.stream.counters import UNASSIGNED, flag_scope
from chalicelib.domain.stream.event import Event

AssignmentKey = tuple[str, str]
"""Experiment id, user id: the key of an assignment."""


class Attribution(NamedTuple):
    experiment_id: str  # or the scope of a flag
    iteration: int
    variant: str


class ExperimentIndex:
    """All experiments, by what an event may name: their key, or an event type of an active one."""

    def __init__(self, experiments: Mapping[str, Experiment]) -> None:
        self.experiments = experiments
        self.by_id = {experiment.id: experiment for experiment in experiments.values()}
        self._by_key = {experiment.key: (experiment,) for experiment in experiments.values()}
        self._by_type: dict[str, tuple[Experiment, ...]] = {}
        for experiment in experiments.values():
            if experiment.status == "active":
                for event_type in experiment.metrics:
                    self._by_type[event_type] = (*self._by_type.get(event_type, ()), experiment)

    def of(self, event: Event) -> tuple[Experiment, ...]:
        """An experiment that the event names counts it in any status: events arrive late."""
        if event.experiment_key is None:
            return self._by_type.get(event.type, ())
        return self._by_key.get(event.experiment_key, ())


def attribute_event(
    event: Event, experiments: Iterable[Experiment], rows: Mapping[AssignmentKey, Assignment], arrived: float
) -> tuple[Attribution, ...]:
    """Its arrival decides, so that a consumer that lags comes to the same result as one that does not."""
    found = []
    for experiment in experiments:
        row = rows.get((experiment.id, event.user_id))
        variant = (
            UNASSIGNED if row is None or not is_valid(row, experiment.iteration, arrived) else row.variant
        )
        found.append(Attribution(experiment.id, experiment.iteration, variant))
    return tuple(found)


def attribute_evaluation(event: Event, flags: Mapping[str, Flag]) -> tuple[Attribution, ...]:
    """An evaluation counts for its flag, by variant: that is how anybody knows which flags are in use."""
    flag = flags.get(event.data.get("flag_key") or "")
    variant = (event.data.get("properties") or {}).get("variant")
    if flag is None or not isinstance(variant, str) or variant not in flag.variants:
        return ()
    return (Attribution(flag_scope(flag.key), 1, variant),)


def is_reusable(row: Assignment, experiment: Experiment, first: float, last: float) -> bool:
    """Whether a row that was read a while ago still is what the table has, and applies to all arrivals from
    ``first`` to ``last``. A row is replaced once it has expired, once its variant or its iteration is gone,
    and at any time where the experiment is not sticky."""
    return (
        experiment.is_sticky
        and row.variant in experiment.sticky
        and is_valid(row, experiment.iteration, first)
        and is_valid(row, experiment.iteration, last)
    )


def is_valid(row: Assignment, iteration: int, arrived: float) -> bool:
    """``arrived`` in epoch seconds."""
    return (
        row.iteration == iteration
        and row.timestamp <= arrived
        and (row.expires_at is None or arrived < row.expires_at)
    )
