"""An `Engine` on any database that runs the statements."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from realtime.analysis.engines import answers
from realtime.analysis.engines.answers import Row
from realtime.analysis.engines.selection import Selection, select
from realtime.analysis.engines.slots import Slot, create_days, create_looks, create_slot, list_event_types
from realtime.analysis.engines.statements import write_census, write_counts, write_distribution, write_moments
from realtime.analysis.model import ArchiveError, Bin, Census, DaySum, Design, Look, Moments

MAX_SEGMENTS = 200


class Database(Protocol):
    name: str
    keeps_tables: bool
    """Then what is read once serves all statements of a design, so it is read for all its metrics."""

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know about what was read."""
        ...

    def open(self, selection: Selection) -> list[str]:
        """Table expressions that lead to ``timed`` (`lines.py`), after whatever must be run before."""
        ...

    def describe(self, selection: Selection) -> tuple[list[str], list[str]]:
        """Statements that are needed before, and the table expressions of `open`."""
        ...

    def run(self, sql: str) -> Iterable[Row]: ...


class SqlEngine:
    """Each method is one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.name = database.name

    @property
    def notes(self) -> Sequence[str]:
        return self._database.notes

    def read_census(self, design: Design) -> Census:
        metrics = [planned.metric for planned in design.metrics]
        parts = self._write_census(metrics)
        return answers.read_census(design, self._run(self._select(design, metrics), parts))

    def read_counts(self, design: Design) -> dict[str, dict[str, int]]:
        selection = self._select(design, [planned.metric for planned in design.metrics])
        found = answers.read_counts(self._run(selection, write_counts()))
        return {event_type: found.get(event_type, {}) for event_type in selection.event_types}

    def read_moments(
        self, design: Design, metrics: Sequence[MetricDocument], by: str | None = None
    ) -> list[Moments]:
        if not metrics:
            return []
        selection = self._select(design, metrics, by)
        slots = [create_slot(design, metric) for metric in metrics]
        segments = answers.read_moments(
            design, slots, self._run(selection, self._write_moments(selection, slots))
        )
        if by is None:
            return segments[0][1]
        if len(segments) > MAX_SEGMENTS:
            raise ArchiveError(
                f"--by {by}: has {len(segments)} values, at most {MAX_SEGMENTS} can be shown; name a property"
                " with fewer, such as country"
            )
        return [
            replace(moments[number], segment=segment)
            for number in range(len(metrics))
            for segment, moments in segments
            if segment
        ]

    def read_looks(self, design: Design, metric: MetricDocument, times: Sequence[float]) -> list[Look]:
        if not times:
            return []
        selection, slots = self._select(design, [metric]), create_looks(design, metric, times)
        rows = self._run(selection, self._write_moments(selection, slots))
        moments = answers.read_moments(design, slots, rows)[0][1]
        return [Look(time, each) for time, each in zip(times, moments, strict=True)]

    def read_distribution(self, design: Design, metric: MetricDocument, bins: int) -> list[Bin]:
        selection, slot = self._select(design, [metric]), create_slot(design, metric)
        keeps_tables = self._database.keeps_tables
        parts = write_distribution(selection, slot, bins, keeps_tables=keeps_tables)
        rows = self._run(selection, parts)
        return answers.read_bins(design, slot, rows)

    def read_days(self, design: Design, metric: MetricDocument, days: int) -> list[DaySum]:
        selection, slots = self._select(design, [metric]), create_days(design, metric, days)
        if not slots:
            return []
        rows = self._run(selection, self._write_moments(selection, slots))
        return list(answers.read_days(answers.read_moments(design, slots, rows)[0][1]))

    def list_sql(self, design: Design, metrics: Sequence[MetricDocument]) -> list[str]:
        selection = self._select(design, metrics)
        before, tables = self._database.describe(selection)
        parts = [self._write_census(metrics)]
        if metrics:
            parts.append(self._write_moments(selection, [create_slot(design, metric) for metric in metrics]))
        return [*before, *(_join(tables, each) for each in parts)]

    def _select(self, design: Design, metrics: Sequence[MetricDocument], by: str | None = None) -> Selection:
        if self._database.keeps_tables:
            planned = [each.metric for each in design.metrics]
            metrics = [*planned, *(metric for metric in metrics if metric not in planned)]
        return select(design, metrics, by)

    def _write_census(self, metrics: Sequence[MetricDocument]) -> list[str]:
        return write_census(list_event_types(metrics), keeps_tables=self._database.keeps_tables)

    def _write_moments(self, selection: Selection, slots: Sequence[Slot]) -> list[str]:
        return write_moments(selection, slots, keeps_tables=self._database.keeps_tables)

    def _run(self, selection: Selection, parts: Sequence[str]) -> Iterable[Row]:
        return self._database.run(_join(self._database.open(selection), parts))


def _join(before: Sequence[str], parts: Sequence[str]) -> str:
    *tables, statement = parts
    return "with " + ",\n".join([*before, *tables]) + "\n" + statement
