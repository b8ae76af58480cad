"""What an experiment's counters say so far."""

from collections.abc import Iterable
from typing import Any, Protocol

from chalicelib.domain.definitions.model import Experiment
from chalicelib.domain.results import results
from chalicelib.domain.stream.counters import Counted, scope


class Counters(Protocol):
    def read(self, scope: str) -> Iterable[Counted]: ...


def experiment_results(experiment: Experiment, counters: Counters) -> dict[str, Any]:
    """Of its current iteration; raises StorageUnavailable or Throttled."""
    return results(experiment, counters.read(scope(experiment.id, experiment.iteration)))
