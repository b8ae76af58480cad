"""Applies the platform's overrides: testers who are forced into a variant of an experiment."""

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from chalicelib.domain.definitions.compiler import override_users
from chalicelib.domain.definitions.model import Experiment
from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.concurrency import call_within
from chalicelib.services.definitions.cache import RETRY_SECONDS

REFRESH_INTERVAL_SECONDS = 30.0
"""A busy container reads the table this often, so a new override may take this long."""


class Overrides(Protocol):
    def get_all(self, now: float) -> Mapping[str, Mapping[str, str]]:
        """Experiment id → user id → variant. Raises StorageUnavailable or Throttled."""


class PlatformOverrides:
    """``clock`` is epoch seconds. While the table cannot be read, the overrides that were read last apply."""

    def __init__(
        self, overrides: Overrides, metrics: MetricsRecorder, clock: Callable[[], float] = time.time
    ) -> None:
        self._overrides = overrides
        self._metrics = metrics
        self._clock = clock
        self._variants: Mapping[str, Mapping[str, str]] = {}
        self._was_read = False
        self._next_read = 0.0
        self._applied: dict[str, tuple[Experiment, Experiment]] = {}  # id → before and after

    def apply(self, experiment: Experiment) -> Experiment:
        """``experiment`` with the table's overrides; those of its own definition win."""
        now = self._clock()
        if now >= self._next_read:
            self._read(now)
        variants = self._variants.get(experiment.id)
        if not variants:
            return experiment
        before, after = self._applied.get(experiment.id, (None, experiment))
        if before is not experiment:
            after = override_users(experiment, variants)
            self._applied[experiment.id] = experiment, after
        return after

    def _read(self, now: float) -> None:
        self._next_read = now + REFRESH_INTERVAL_SECONDS
        try:
            # There is nothing to serve instead of the first read, so it has no time limit.
            if self._was_read:
                self._variants = call_within(lambda: self._overrides.get_all(now))
            else:
                self._variants = self._overrides.get_all(now)
            self._applied, self._was_read = {}, True
        except (StorageUnavailable, Throttled):
            self._next_read = self._clock() + RETRY_SECONDS
            self._metrics.record("OverridesUnreadable")
