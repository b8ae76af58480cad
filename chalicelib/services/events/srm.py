"""Check the sample ratio of assigned users while they are counted, so that a mismatch raises an alarm."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable

from chalicelib.domain.definitions.model import Definitions, Experiment, find_in_force
from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.event_types import ASSIGNED
from chalicelib.domain.publications import read_publications
from chalicelib.domain.sample_ratio import check_sample_ratio, list_periods
from chalicelib.domain.stream.counters import Counters, experiment_scope
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.definitions.sources import DefinitionSource

SECONDS_BETWEEN = 300.0
"""Between two checks of an experiment."""

log = logging.getLogger(__name__)


Announce = Callable[[Experiment, float, float], object]
"""Tells who wants to know of a mismatch: the experiment, the p-value and the time in epoch seconds."""


class SampleRatioMonitor:
    """``announce`` is called at each check that finds a mismatch."""

    def __init__(
        self,
        experiments: DefinitionSource[Experiment],
        counters: Counters,
        definitions: Definitions,
        metrics: MetricsRecorder,
        announce: Announce = lambda *_: None,
    ) -> None:
        self._announce = announce
        self._experiments = experiments
        self._counters = counters
        self._definitions = definitions
        self._metrics = metrics
        self._due: dict[str, float] = {}

    def check(self, scopes: Iterable[str], now: float) -> None:
        """Check the experiments with new users, each at most every five minutes; ``now`` in epoch seconds.

        The metric is 1 for a mismatch, so its maximum says whether any experiment has one.
        """
        due = {scope for scope in scopes if self._due.get(scope, 0.0) <= now}
        if not due:
            return
        try:
            for definition in self._experiments.get_all().values():
                experiment = find_in_force(definition, now)
                scope = experiment_scope(experiment.id, experiment.iteration)
                if scope in due:
                    self._check_experiment(experiment, scope, now)
        except (StorageUnavailable, Throttled) as error:
            log.warning("the sample ratio of assigned users could not be checked: %s", error.code)
        self._due |= dict.fromkeys(due, now + SECONDS_BETWEEN)

    def _check_experiment(self, experiment: Experiment, scope: str, now: float) -> None:
        assigned: Counter[str] = Counter()
        items = list(self._counters.read(scope))
        for item in items:
            if item.counter.event_type == ASSIGNED:
                assigned[item.counter.variant] += item.total.count
        publications = read_publications(self._definitions.get_history("experiment", experiment.key))
        result = check_sample_ratio(list_periods(experiment, publications), items)
        self._metrics.record_peak("SampleRatioMismatch", float(result["alarm"]))
        for variant, number in assigned.items():
            self._metrics.record_peak(f"Assigned.{experiment.key}.{variant}", number)
        if result["alarm"]:
            self._announce(experiment, result["p_value"], now)
