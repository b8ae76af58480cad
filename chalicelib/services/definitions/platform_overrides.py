"""A catalog whose experiments also obey the platform's table of overrides."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Protocol

from chalicelib.domain.definitions.model import Decision, DefinitionKind, Experiment
from chalicelib.domain.errors import RealtimeError, StorageUnavailable, Throttled
from chalicelib.domain.reasons import Reason
from chalicelib.services.assign import Experiments
from chalicelib.services.concurrency import call_within
from chalicelib.services.definitions.cache import RETRY_SECONDS, Metrics

SECONDS = 30.0
"""Until a tester sees a new override; the table is read that often by each container that serves."""


class Overrides(Protocol):
    def all(self, now: float) -> Mapping[str, Mapping[str, str]]: ...


class Overridden:
    """``clock`` is epoch seconds. While the table cannot be read, the overrides last read apply."""

    def __init__(
        self,
        catalog: Experiments,
        overrides: Overrides,
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._catalog = catalog
        self._overrides = overrides
        self._metrics = metrics
        self._clock = clock
        self._forced: Mapping[str, Mapping[str, str]] = {}
        self._was_read = False
        self._due = 0.0
        self._made: dict[str, tuple[Experiment, Experiment]] = {}

    def experiment(self, key: str) -> Experiment | None:
        found = self._catalog.experiment(key)
        return found and self._obeying(found)

    def renewed(self, key: str) -> Experiment | None:
        found = self._catalog.renewed(key)
        return found and self._obeying(found)

    def some_experiments(self, keys: Collection[str]) -> dict[str, Experiment | RealtimeError]:
        found = self._catalog.some_experiments(keys).items()
        return {key: self._obeying(one) if isinstance(one, Experiment) else one for key, one in found}

    def experiments(self) -> dict[str, Experiment]:
        return {key: self._obeying(one) for key, one in self._catalog.experiments().items()}

    def unreadable(self, kind: DefinitionKind) -> Mapping[str, RealtimeError]:
        return self._catalog.unreadable(kind)

    def _obeying(self, experiment: Experiment) -> Experiment:
        now = self._clock()
        if now >= self._due:
            self._read(now)
        forced = self._forced.get(experiment.id)
        if not forced:
            return experiment
        plain, made = self._made.get(experiment.id, (None, experiment))
        if plain is not experiment:
            decisions = {
                user: Decision(variant, Reason.OVERRIDE, experiment.variants[variant])
                for user, variant in forced.items()
                if variant in experiment.variants
            }
            made = replace(experiment, overrides={**decisions, **experiment.overrides}, is_gated=True)
            self._made[experiment.id] = experiment, made
        return made

    def _read(self, now: float) -> None:
        self._due = now + SECONDS
        try:
            found = (
                call_within(lambda: self._overrides.all(now)) if self._was_read else self._overrides.all(now)
            )
            self._forced, self._made, self._was_read = found, {}, True
        except (StorageUnavailable, Throttled):
            self._due = self._clock() + RETRY_SECONDS
            self._metrics.record("OverridesUnreadable")
