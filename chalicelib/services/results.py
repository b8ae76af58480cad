"""The results of an experiment, from its counters and its published versions."""

from typing import Any

from chalicelib.domain.definitions.model import Definitions, Experiment
from chalicelib.domain.results import compute_results
from chalicelib.domain.stream.counters import Counters, experiment_scope
from chalicelib.services.definitions.publications import read_publications


def experiment_results(
    experiment: Experiment, counters: Counters, definitions: Definitions
) -> dict[str, Any]:
    """Of the current iteration. Raises StorageUnavailable or Throttled."""
    publications = read_publications(definitions.get_history("experiment", experiment.key))
    items = counters.read(experiment_scope(experiment.id, experiment.iteration))
    return compute_results(experiment, items, publications)
