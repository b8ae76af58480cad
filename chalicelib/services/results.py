"""The results of an experiment, from its counters."""

from typing import Any

from chalicelib.domain.definitions.model import Experiment
from chalicelib.domain.results import compute_results
from chalicelib.domain.stream.counters import Counters, experiment_scope


def experiment_results(experiment: Experiment, counters: Counters) -> dict[str, Any]:
    """Of the current iteration. Raises StorageUnavailable or Throttled."""
    return compute_results(experiment, counters.read(experiment_scope(experiment.id, experiment.iteration)))
