"""The results of an experiment, from its counters and its published versions."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from chalicelib.domain.definitions.compiler import load_experiment
from chalicelib.domain.definitions.model import DefinitionRow, Definitions, Experiment
from chalicelib.domain.errors import InvalidInput, NotFound
from chalicelib.domain.publications import read_publications
from chalicelib.domain.results import compute_results
from chalicelib.domain.stream.counters import Counters, experiment_scope


def experiment_results(
    key: str, experiment: Experiment | None, counters: Counters, definitions: Definitions
) -> dict[str, Any]:
    """Of the current iteration of ``experiment``; None: it is not published, or not any more.

    A removed experiment has the status ``removed``, and the results of its last version. Raises NotFound,
    StorageUnavailable or Throttled.
    """
    history = definitions.get_history("experiment", key)
    experiment = experiment or _load_removed(history)
    if experiment is None:
        raise NotFound.experiment(key)
    items = counters.read(experiment_scope(experiment.id, experiment.iteration))
    return compute_results(experiment, items, read_publications(history))


def _load_removed(history: Iterable[DefinitionRow]) -> Experiment | None:
    """The newest version that can be read."""
    for row in history:
        try:
            return replace(load_experiment(row.text or "{}", row.version), status="removed")
        except (InvalidInput, ValueError):
            continue
    return None
