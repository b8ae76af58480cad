"""Assignments into the table, each by the conditional put of the service, and into the event stream.

A row that serves a user is never overwritten. Where a batch is interrupted between rows and events, the next
run finds the rows, and sends the events with the same ids.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, NamedTuple

from chalicelib.domain.assignment import AssignmentResult, Assignments, check_gates, is_valid
from chalicelib.domain.definitions.model import Assignment, Experiment
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.stream.tracking import build_assignment_event
from chalicelib.services.assignment_writer import AssignmentWriter
from chalicelib.services.concurrency import Parallel
from realtime.assignment_files.reading import Line
from realtime.postgres.assignment_table import Pace, persist

BATCH = 100
"""Rows between two saved positions: as many as one call can read."""


class Fate(StrEnum):
    """What becomes of a line. ``kept``: the user has that variant already; ``conflict``: another one."""

    WRITTEN = "written"
    KEPT = "kept"
    CONFLICT = "conflict"


class Placed(NamedTuple):
    line: Line
    fate: Fate
    row: Assignment


class AssignmentTarget:
    """``ttl``: seconds that a row stays, from now on. ``send`` sends events, or raises; None: the service
    sends none either.
    """

    def __init__(
        self,
        store: Assignments,
        find_experiment: Callable[[], Experiment],
        send: Callable[[Sequence[dict[str, Any]]], object] | None,
        *,
        ttl: float,
        now: float,
        pace: Pace,
        parallel: Parallel,
    ) -> None:
        self._store, self._find_experiment, self._send = store, find_experiment, send
        self._writer = AssignmentWriter(store, ttl)
        self._now, self._pace, self._parallel = now, pace, parallel
        self.hidden: Counter[str] = Counter()
        """Of the lines without a conflict, how many users get no variant now or another, by the reason."""

    def write(self, lines: Sequence[Line], *, is_in_doubt: bool) -> list[Placed]:
        """``is_in_doubt``: a run may have ended before it sent the events of these rows.

        Raises StorageUnavailable, Throttled, or ValueError after a publish that changes what is written.
        """
        experiment = self._find_experiment()
        placed = self._parallel.map(lambda line: self._write(experiment, line), lines)
        fates = {Fate.WRITTEN, Fate.KEPT} if is_in_doubt else {Fate.WRITTEN}
        events = [_build_event(experiment, each) for each in placed if each.fate in fates]
        if events and self._send is not None:
            self._send(events)
        self._count_hidden(experiment, placed)
        return placed

    def preview(self, lines: Sequence[Line]) -> list[Placed]:
        """What `write` would do."""
        experiment = self._find_experiment()
        pairs = [(experiment.id, line.unit) for line in lines]
        rows = persist(lambda: self._store.get_many(pairs))
        placed = []
        for pair, line in zip(pairs, lines, strict=True):
            placed.append(self._judge(experiment, line, self._make_row(experiment, line), rows.get(pair)))
        self._count_hidden(experiment, placed)
        return placed

    def _write(self, experiment: Experiment, line: Line) -> Placed:
        row = self._make_row(experiment, line)
        self._pace.wait(1)
        stored = persist(lambda: self._store.put(experiment, line.unit, row, None))
        if stored != row and not is_valid(stored, experiment, self._now):  # it serves nobody any more
            written, replaced = row.replace_row(stored), stored
            stored = persist(lambda: self._store.put(experiment, line.unit, written, replaced))
        return self._judge(experiment, line, row, stored)

    def _make_row(self, experiment: Experiment, line: Line) -> Assignment:
        """It expires as if it were written now: a user who was assigned long ago keeps the variant, too."""
        row = self._writer.make_row(experiment, line.unit, line.variant, self._now)
        return row if line.assigned_at is None else replace(row, timestamp=round(line.assigned_at, 3))

    def _judge(
        self, experiment: Experiment, line: Line, row: Assignment, stored: Assignment | None
    ) -> Placed:
        if stored is None or stored == row or not is_valid(stored, experiment, self._now):
            return Placed(line, Fate.WRITTEN, row)
        return Placed(line, Fate.KEPT if stored.variant == row.variant else Fate.CONFLICT, stored)

    def _count_hidden(self, experiment: Experiment, placed: Sequence[Placed]) -> None:
        for line, fate, _ in placed:
            if fate is not Fate.CONFLICT and experiment.get_unit is None:
                try:
                    gated = check_gates(experiment, line.unit, {"user_id": line.unit}, self._now)
                except InvalidInput:  # it depends on the context
                    continue
                if gated is not None and gated.variant != line.variant:
                    self.hidden[str(gated.reason)] += 1


def _build_event(experiment: Experiment, placed: Placed) -> dict[str, Any]:
    """As the service sends it, with a mark that an analysis can divide users by."""
    line, _, row = placed
    decision = experiment.sticky[row.variant]
    result = AssignmentResult(experiment, line.unit, decision, row.assignment_id, row.timestamp, line.unit)
    event = build_assignment_event(result)
    return event | {"properties": event["properties"] | {"imported": True}}
