"""Which experiments were active at a time, and what they counted: by key and by event type. Pure.

An event counts by what was in force at its own time. It may arrive after its experiment was completed,
changed or removed, so the index covers the published versions of the latest days too.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from math import inf
from typing import NamedTuple

from chalicelib.domain.definitions.model import Experiment, find_in_force

Versions = Sequence[tuple[float, Experiment | None]]
"""Of one experiment, ascending: from when on (epoch seconds) each is in force; None: it was removed."""


class Match(NamedTuple):
    """An experiment that an event may count for, as it was at the event's time."""

    experiment: Experiment
    is_active: bool


class ExperimentIndex:
    """Of ``versions`` by key. The first version also holds for the time before it was published, unless its
    own ``start_at`` says that it began later."""

    def __init__(self, versions: Mapping[str, Versions]) -> None:
        self._versions = {key: _expand(published) for key, published in versions.items()}
        latest = (experiment for published in versions.values() for _, experiment in published)
        self.by_id = {experiment.id: experiment for experiment in latest if experiment is not None}
        self._times = sorted({time for expanded in self._versions.values() for time in _list_times(expanded)})
        self._snapshots: dict[int, Snapshot] = {}

    def get_snapshots(self, times: Sequence[float]) -> "list[Snapshot]":
        """For each of ``times`` (epoch seconds), what was in force then."""
        numbers = {bisect_right(self._times, time) for time in (min(times), max(times))} if times else {0}
        if len(numbers) == 1:  # nothing changed between the first and the last
            return [self._get_snapshot(numbers.pop())] * len(times)
        return [self._get_snapshot(bisect_right(self._times, time)) for time in times]

    def _get_snapshot(self, number: int) -> "Snapshot":
        """Made when it is first needed. Nothing changes between two of ``_times``."""
        snapshot = self._snapshots.get(number)
        if snapshot is None:
            at = self._times[number - 1] if number else -inf
            snapshot = self._snapshots[number] = Snapshot(self._versions, at)
        return snapshot


class Snapshot:
    """``by_type``: the active experiments whose ``metrics`` name the event type.

    ``named_types``: those that any experiment's ``metrics`` name, active or not.
    """

    def __init__(self, versions: Mapping[str, Versions], time: float) -> None:
        self.by_key: dict[str, Match] = {}
        self.by_type: dict[str, tuple[Match, ...]] = {}
        self.named_types: set[str] = set()
        for key, published in versions.items():
            experiment = _find_in_force(published, time)
            if experiment is None:
                continue
            match = self.by_key[key] = Match(experiment, _is_active(experiment, time))
            self.named_types.update(experiment.metrics)
            if match.is_active:
                for event_type in experiment.metrics:
                    self.by_type[event_type] = (*self.by_type.get(event_type, ()), match)


def _expand(published: Versions) -> Versions:
    """With the changes by the clock that came into force before the next publication."""
    expanded: list[tuple[float, Experiment | None]] = []
    starts = [-inf, *(starts_at for starts_at, _ in published[1:])]
    for (_, experiment), starts_at, ends_at in zip(published, starts, [*starts[1:], inf], strict=True):
        expanded.append((starts_at, experiment and find_in_force(experiment, starts_at)))
        later = () if experiment is None else experiment.later
        expanded += [(at, changed) for at, changed in later if starts_at < at < ends_at]
    return expanded


def _list_times(versions: Versions) -> list[float]:
    times = [starts_at for starts_at, _ in versions]
    for _, experiment in versions:
        if experiment is not None:
            document = experiment.document
            times += [at.timestamp() for at in (document.start_at, document.end_at) if at is not None]
    return times


def _find_in_force(versions: Versions, time: float) -> Experiment | None:
    return versions[bisect_right(versions, time, key=lambda version: version[0]) - 1][1]


def _is_active(experiment: Experiment, time: float) -> bool:
    start_at, end_at = experiment.document.start_at, experiment.document.end_at
    return (
        experiment.status == "active"
        and (start_at is None or start_at.timestamp() <= time)
        and (end_at is None or time < end_at.timestamp())
    )
