"""The event plane over stores in memory, or over whichever are given."""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.definitions.compiler import compile_experiment, parse_experiment
from chalicelib.domain.definitions.model import Assignment, Experiment, Flag
from chalicelib.domain.stream.event import Limits
from chalicelib.services.concurrency import Parallel
from chalicelib.services.events.deduplication import Deduplicator
from chalicelib.services.events.processor import EventProcessor
from realtime.testing.event_stores import MemoryArchive, MemoryCounters, MemoryQuarantine, MemoryVerdicts
from realtime.testing.stores import MemoryAssignments, MemoryMetrics
from tests.support.flags import flag
from tests.support.streams import ARRIVED


def experiment(key: str = "checkout", **fields: Any) -> Experiment:
    """Active, 50/50 between control and treatment, counting purchases."""
    document = {
        "key": key,
        "status": "active",
        "metrics": ["purchase"],
        "variants": [{"key": "control", "allocation": 0.5}, {"key": "treatment", "allocation": 0.5}],
        **fields,
    }
    return compile_experiment(parse_experiment(document))


class FixedDefinitions:
    def __init__(self, *experiments: Experiment) -> None:
        self.found: Mapping[str, Experiment] = {one.key: one for one in experiments}
        self.found_flags: Mapping[str, Flag] = {"f": flag("f")}

    def experiments(self) -> Mapping[str, Experiment]:
        return self.found

    def flags(self) -> Mapping[str, Flag]:
        return self.found_flags


class Plane:
    """Stores and the processor over them; a keyword replaces one of the processor's arguments."""

    def __init__(self, *experiments: Experiment, **replaced: Any) -> None:
        self.experiments = FixedDefinitions(*(experiments or [experiment()]))
        self.assignments = MemoryAssignments()
        self.verdicts = MemoryVerdicts()
        self.counters = MemoryCounters()
        self.archive = MemoryArchive()
        self.quarantine = MemoryQuarantine()
        self.metrics = MemoryMetrics()
        self._replaced = replaced
        self.processor = self.new_container()

    def new_container(self, **replaced: Any) -> EventProcessor:
        """A processor that remembers nothing, over the same stores."""
        parallel = Parallel(4)
        arguments: dict[str, Any] = {
            "definitions": self.experiments,
            "assignments": self.assignments,
            "verdicts": self.verdicts,
            "counters": self.counters,
            "archive": self.archive,
            "quarantine": self.quarantine,
            "deduplicator": Deduplicator(None, parallel, 86_400.0),
            "parallel": parallel,
            "metrics": self.metrics,
            "limits": Limits(),
        }
        return EventProcessor(**{**arguments, **self._replaced, **replaced})

    def assign(
        self, user_id: str, variant: str, *, key: str = "checkout", at: float = ARRIVED - 60.0, **fields: Any
    ) -> None:
        found = self.experiments.found[key]
        row = Assignment(variant=variant, assignment_id="a", timestamp=at, **fields)
        self.assignments.rows[found.id, user_id] = row

    def deliver(self, event: dict[str, Any]) -> dict[str, Any]:
        return self.processor.process(event, lambda: 60.0, ARRIVED + 1)

    def counted(self, scope: str = "checkout") -> dict[tuple[str, str, int, int], tuple[int, int, int]]:
        """(variant, event type, day, hour) → count, sum and sum of squares, over all shards."""
        found: dict[tuple[str, str, int, int], tuple[int, int, int]] = {}
        for counter, hours in self.counters.read(scope):
            for hour, sums in hours.items():
                key = counter.variant, counter.event_type, counter.day, hour
                before = found.get(key, (0, 0, 0))
                found[key] = (before[0] + sums.count, before[1] + sums.total, before[2] + sums.squares)
        return found
