"""The experiments of the latest days, with the versions that were in force then.

Late events count by what was in force at their own time. Only experiments that were published lately have
more than one version, so a container reads little, and again only after something was published.
"""

import logging
from collections.abc import Iterable, Mapping
from math import inf

from chalicelib.domain.definitions.compiler import load_experiment
from chalicelib.domain.definitions.model import DefinitionRow, Definitions, Experiment
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.stream.experiment_index import ExperimentIndex, Versions
from chalicelib.domain.timestamps import parse_timestamp
from chalicelib.services.definitions.sources import DefinitionSource

log = logging.getLogger(__name__)


class ExperimentVersions:
    """``max_age``: how many seconds an event may be late."""

    def __init__(
        self, experiments: DefinitionSource[Experiment], definitions: Definitions, max_age: float
    ) -> None:
        self._experiments = experiments
        self._definitions = definitions
        self._max_age = max_age
        self._current: Mapping[str, Experiment] | None = None
        self._index = ExperimentIndex({})

    def get_index(self, now: float) -> ExperimentIndex:
        """``now`` in epoch seconds. Raises StorageUnavailable or Throttled."""
        current = self._experiments.get_all()
        if current is not self._current:
            rows = self._definitions.get_versions_since("experiment", now - self._max_age)
            self._index = ExperimentIndex(_list_versions(current, rows))
            self._current = current
        return self._index


def _list_versions(current: Mapping[str, Experiment], rows: Iterable[DefinitionRow]) -> dict[str, Versions]:
    """The current definitions, and ``rows`` of those that have changed lately."""
    changed: dict[str, list[tuple[float, Experiment | None]]] = {}
    for row in sorted(rows, key=lambda row: row.version):
        experiment = current.get(row.key)
        if experiment is None or experiment.version != row.version:
            try:
                experiment = load_experiment(row.text, row.version) if row.text else None
            except (InvalidInput, ValueError):
                log.warning("version %d of experiment %s cannot be read any more", row.version, row.key)
                continue
        changed.setdefault(row.key, []).append((parse_timestamp(row.published_at), experiment))
    versions: dict[str, Versions] = {key: [(-inf, experiment)] for key, experiment in current.items()}
    return versions | changed
