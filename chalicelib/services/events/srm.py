"""Watch the split of assigned users while they are counted, so that a wrong one raises an alarm by itself."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

from chalicelib.domain.definitions.model import Experiment
from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.results import check_sample_ratio
from chalicelib.domain.stream.counters import ASSIGNED, Counters, experiment_scope
from chalicelib.metrics import MetricsRecorder

SECONDS_BETWEEN = 300.0

log = logging.getLogger(__name__)


class Experiments(Protocol):
    def experiments(self) -> Mapping[str, Experiment]: ...


class SampleRatioMonitor:
    def __init__(self, experiments: Experiments, counters: Counters, metrics: MetricsRecorder) -> None:
        self._experiments = experiments
        self._counters = counters
        self._metrics = metrics
        self._due: dict[str, float] = {}

    def look(self, scopes: Iterable[str], now: float) -> None:
        """Tests the experiments with new users, each at most every five minutes; ``now`` in epoch seconds.

        The metric is 1 for a mismatch, so its maximum says whether any experiment has one.
        """
        due = {one for one in scopes if self._due.get(one, 0.0) <= now}
        if not due:
            return
        try:
            for experiment in self._experiments.experiments().values():
                of = experiment_scope(experiment.id, experiment.iteration)
                if of in due:
                    assigned = self._assigned(of)
                    alarm = check_sample_ratio(experiment, assigned)["alarm"]
                    self._metrics.peak("SampleRatioMismatch", float(alarm))
                    for variant, number in assigned.items():
                        self._metrics.peak(f"Assigned.{experiment.key}.{variant}", number)
        except (StorageUnavailable, Throttled) as error:
            log.warning("the split of assigned users could not be tested: %s", error.code)
        self._due |= dict.fromkeys(due, now + SECONDS_BETWEEN)

    def _assigned(self, of: str) -> Mapping[str, int]:
        assigned: Counter[str] = Counter()
        for counter, hours in self._counters.read(of):
            if counter.event_type == ASSIGNED:
                assigned[counter.variant] += sum(sums.count for sums in hours.values())
        return assigned
