"""The assigner over stores in memory, which count calls and can fail."""

from collections import Counter
from collections.abc import Callable, Collection
from typing import Any

from chalicelib import deadline
from chalicelib.api.assignments import render_assignment, render_assignments
from chalicelib.domain.definitions.model import Assignment, DefinitionRow, Experiment
from chalicelib.services.assign import Assigner
from chalicelib.services.assignment_cache import AssignmentCache
from chalicelib.services.assignment_decider import AssignmentDecider
from chalicelib.services.assignment_writer import AssignmentWriter
from chalicelib.services.concurrency import Parallel
from chalicelib.services.definitions.catalog import Catalog
from realtime.testing.stores import MemoryAssignments, MemoryDefinitions, MemoryMetrics, MemoryTracker

NOW = 1_800_000_000.5
DAY = 86_400.0
TTL = 90 * DAY


class CountingAssignments(MemoryAssignments):
    """Counts calls; methods in ``failing`` raise."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.failing: dict[str, Exception] = {}
        self.time_left: list[float] = []

    def get(self, experiment: Experiment, user_id: str) -> Assignment | None:
        self._count("get")
        return super().get(experiment, user_id)

    def get_many(
        self, pairs: Collection[tuple[str, str]], *, consistent: bool = True
    ) -> dict[tuple[str, str], Assignment]:
        self._count("get_many")
        return super().get_many(pairs, consistent=consistent)

    def put(
        self, experiment: Experiment, user_id: str, row: Assignment, replace: Assignment | None
    ) -> Assignment:
        self._count("put")
        return super().put(experiment, user_id, row, replace)

    def _count(self, name: str) -> None:
        self.calls[name] += 1
        self.time_left.append(deadline.get_remaining())
        if name in self.failing:
            raise self.failing[name]


class Container:
    """``beside`` is another container, whose tables this one shares."""

    def __init__(
        self,
        *definitions: DefinitionRow,
        beside: "Container | None" = None,
        apply_overrides: Callable[[Experiment], Experiment] | None = None,
    ) -> None:
        self.now = NOW
        self.definitions: MemoryDefinitions = beside.definitions if beside else MemoryDefinitions()
        self.rows: CountingAssignments = beside.rows if beside else CountingAssignments()
        self.metrics, self.tracker = MemoryMetrics(), MemoryTracker()
        self.catalog = Catalog(self.definitions, self.metrics, timer=lambda: self.now)
        cache, catalog = AssignmentCache(10_000), self.catalog
        decider = AssignmentDecider(
            catalog.experiments, catalog.segments, catalog.flags, apply_overrides, self.rows, cache
        )
        self.assigner = Assigner(
            catalog.experiments,
            decider,
            self.rows,
            cache,
            AssignmentWriter(self.rows, TTL),
            self.tracker,
            self.metrics,
            Parallel(4),
        )
        if definitions:
            self.publish(*definitions)

    def publish(self, *definitions: DefinitionRow) -> None:
        self.definitions.publish(definitions, self.definitions.get_changes(None).version, 0.0)

    def assign(self, user: str = "u", key: str = "checkout", **context: Any) -> dict[str, Any]:
        return render_assignment(self.assigner.assign(user, key, context, self.now))

    def assign_many(self, *keys: str, user: str = "u", **context: Any) -> dict[str, Any]:
        results = self.assigner.assign_many(user, keys or None, context, self.now)
        answers: dict[str, Any] = render_assignments(results)["assignments"]
        return answers

    @property
    def tracked(self) -> list[dict[str, Any]]:
        """The answers that went to the tracker."""
        return [render_assignment(result) for result in self.tracker.results]

    def store_again(self) -> None:
        """Stores the latest answer again, as the tracker does if it was not persisted."""
        self.assigner.store_again(self.tracker.results[-1])

    def take_calls(self) -> dict[str, int]:
        calls, self.rows.calls = dict(self.rows.calls), Counter()
        return calls
