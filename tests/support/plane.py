"""The event processor over stores in memory, or over whichever are given."""

from collections.abc import Collection, Mapping
from typing import Any, Generic, TypeVar

from chalicelib.domain.definitions.model import Assignment, Experiment, Flag, Segment
from chalicelib.domain.errors import RealtimeError
from chalicelib.domain.stream.event import Limits
from chalicelib.services.concurrency import Parallel
from chalicelib.services.events.deduplication import Deduplicator
from chalicelib.services.events.event_types import EventTypeLimiter
from chalicelib.services.events.experiment_versions import ExperimentVersions
from chalicelib.services.events.judge import Judge
from chalicelib.services.events.processor import EventProcessor
from realtime.testing.event_stores import (
    MemoryArchive,
    MemoryCounters,
    MemoryEventTypes,
    MemoryQuarantine,
    MemoryVerdicts,
)
from realtime.testing.stores import MemoryAssignments, MemoryDefinitions, MemoryMetrics
from tests.support.experiments import experiment
from tests.support.flags import flag
from tests.support.streams import ARRIVED


def purchase_experiment(key: str = "checkout", **fields: Any) -> Experiment:
    """`experiment` that counts purchases, unless ``fields`` has other metrics."""
    return experiment(key, **({"metrics": ["purchase"]} | fields))


T = TypeVar("T", Experiment, Flag, Segment)


class FixedDefinitions(Generic[T]):
    """A `DefinitionSource` of what it is given."""

    def __init__(self, *definitions: T) -> None:
        self.by_key: Mapping[str, T] = {definition.key: definition for definition in definitions}

    def get(self, key: str) -> T | None:
        return self.by_key.get(key)

    def get_many(self, keys: Collection[str]) -> Mapping[str, T | RealtimeError]:
        return {key: self.by_key[key] for key in keys if key in self.by_key}

    def find(self, name: str) -> T | None:
        return self.by_key.get(name)

    def find_many(self, names: Collection[str]) -> Mapping[str, T | RealtimeError]:
        return self.get_many(names)

    def get_all(self) -> Mapping[str, T]:
        return self.by_key

    def get_listed(self) -> Mapping[str, T]:
        return self.by_key

    def get_unreadable(self) -> Mapping[str, RealtimeError]:
        return {}

    def refresh(self, key: str) -> T | None:
        return self.by_key.get(key)


JUDGE = (
    "versions",
    "flags",
    "assignments",
    "verdicts",
    "deduplicator",
    "event_types",
    "parallel",
    "limits",
    "metrics",
    "identifier",
)
PROCESSOR = ("counters", "archive", "quarantine", "parallel", "metrics", "limits")


class EventPlane:
    """Stores and the processor over them; a keyword replaces one of the processor's arguments."""

    def __init__(self, *experiments: Experiment, **replaced: Any) -> None:
        self.experiments = FixedDefinitions(*(experiments or [purchase_experiment()]))
        self.assignments = MemoryAssignments()
        self.verdicts = MemoryVerdicts()
        self.counters = MemoryCounters()
        self.archive = MemoryArchive()
        self.quarantine = MemoryQuarantine()
        self.metrics = MemoryMetrics()
        self.definitions = MemoryDefinitions()
        self.event_types = MemoryEventTypes()
        self._replaced = replaced
        self.processor = self.new_container()

    def new_container(self, **replaced: Any) -> EventProcessor:
        """A processor with empty caches, over the same stores."""
        parallel = replaced.get("parallel") or Parallel(4)
        limits = self._replaced.get("limits") or Limits()
        arguments: dict[str, Any] = {
            "versions": ExperimentVersions(self.experiments, self.definitions, limits.max_age),
            "flags": FixedDefinitions(flag("f")),
            "assignments": self.assignments,
            "verdicts": self.verdicts,
            "counters": self.counters,
            "archive": self.archive,
            "quarantine": self.quarantine,
            "deduplicator": Deduplicator(None, parallel, 86_400.0),
            "event_types": EventTypeLimiter(self.event_types, 100, self.metrics),
            "parallel": parallel,
            "metrics": self.metrics,
            "limits": limits,
            "identifier": None,
        }
        arguments |= {**self._replaced, **replaced}
        judge = Judge(**{name: arguments[name] for name in JUDGE})
        return EventProcessor(judge=judge, **{name: arguments[name] for name in PROCESSOR})

    def assign(
        self, user_id: str, variant: str, *, key: str = "checkout", at: float = ARRIVED - 60.0, **fields: Any
    ) -> None:
        """``at`` in epoch seconds."""
        row = Assignment(variant=variant, assignment_id="a", timestamp=at, **fields)
        self.assignments.rows[self.experiments.by_key[key].id, user_id] = row

    def deliver(self, event: dict[str, Any]) -> dict[str, Any]:
        return self.processor.process(event, lambda: 60.0, ARRIVED + 1)

    def counted(self, scope: str = "checkout") -> dict[tuple[str, str, int, int], tuple[int, int, int]]:
        """(variant, event type, day, hour) → count, sum and sum of squares, over all shards."""
        totals: dict[tuple[str, str, int, int], tuple[int, int, int]] = {}
        for counter, hours in self.counters.read(scope):
            for hour, sums in hours.items():
                key = counter.variant, counter.event_type, counter.day, hour
                count, total, squares = totals.get(key, (0, 0, 0))
                totals[key] = count + sums.count, total + sums.total, squares + sums.squares
        return totals
