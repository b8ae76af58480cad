"""For which experiments an event counts, and under which variant. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from chalicelib.domain.counting import UNASSIGNED
from chalicelib.domain.definitions import Experiment, Stored
from chalicelib.domain.events import Event
from chalicelib.domain.records import Received


class Attribution(NamedTuple):
    experiment_id: str
    iteration: int
    variant: str


class Metrics:
    """All experiments, by what an event may name: their key, or an event type of an active one."""

    def __init__(self, experiments: Mapping[str, Experiment]) -> None:
        self.experiments = experiments
        self.by_id = {experiment.id: experiment for experiment in experiments.values()}
        self.by_type: dict[str, tuple[Experiment, ...]] = {}
        for experiment in experiments.values():
            if experiment.status == "active":
                for event_type in experiment.metrics:
                    self.by_type[event_type] = (*self.by_type.get(event_type, ()), experiment)

    def of(self, event: Event) -> Sequence[Experiment]:
        """An experiment that the event names counts it in any status: events arrive late."""
        if event.experiment_key is None:
            return self.by_type.get(event.type, ())
        named = self.experiments.get(event.experiment_key)
        return () if named is None else (named,)


def attribute(experiment: Experiment, row: Stored | None, arrived: float) -> Attribution:
    """``arrived`` decides, so that a consumer that lags comes to the same result as one that does not."""
    return Attribution(
        experiment.id,
        experiment.iteration,
        row.variant if row is not None and applies(row, experiment.iteration, arrived) else UNASSIGNED,
    )


def applies(row: Stored, iteration: int, arrived: float) -> bool:
    return (
        row.iteration == iteration
        and row.timestamp <= arrived
        and (row.expires_at is None or arrived < row.expires_at)
    )


def wanted_rows(events: Iterable[Received], metrics: Metrics) -> set[tuple[str, str]]:
    """The (experiment id, user id) pairs whose assignments decide."""
    return {
        (experiment.id, received.event.user_id)
        for received in events
        for experiment in metrics.of(received.event)
    }
