"""An `Engine` on any database that runs the statements."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from chalicelib.domain.definitions.analysis_schema import MetricDocument
from realtime.analysis.engines import answers
from realtime.analysis.engines.answers import Row
from realtime.analysis.engines.lines import write_lines
from realtime.analysis.engines.selection import Selection, select
from realtime.analysis.engines.slots import create_days, create_looks, create_slot, list_event_types
from realtime.analysis.engines.statements import write_census, write_distribution, write_moments
from realtime.analysis.model import ArchiveError, Bin, Census, DaySum, Design, Look, Moments

MAX_SEGMENTS = 200


class Database(Protocol):
    name: str
    keeps_tables: bool
    """Whether a table expression that is used twice is computed once."""

    def write_source(self, selection: Selection) -> str:
        """The table expression ``source``."""
        ...

    def describe(self, selection: Selection) -> list[str]:
        """Statements that are needed before."""
        ...

    def run(self, selection: Selection, sql: str) -> Iterable[Row]: ...


class SqlEngine:
    """Each method is one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.name = database.name

    def read_census(self, design: Design) -> Census:
        selection, sql = self._write_census(design, [planned.metric for planned in design.metrics])
        return answers.read_census(design, self._database.run(selection, sql))

    def read_moments(
        self, design: Design, metrics: Sequence[MetricDocument], by: str | None = None
    ) -> list[Moments]:
        if not metrics:
            return []
        selection, sql = self._write_moments(design, metrics, by)
        slots = [create_slot(design, metric) for metric in metrics]
        segments = answers.read_moments(design, slots, self._database.run(selection, sql))
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
        selection, slots = select(design, [metric]), create_looks(design, metric, times)
        rows = self._database.run(selection, self._join(selection, write_moments(selection, slots)))
        moments = answers.read_moments(design, slots, rows)[0][1]
        return [Look(time, each) for time, each in zip(times, moments, strict=True)]

    def read_distribution(self, design: Design, metric: MetricDocument, bins: int) -> list[Bin]:
        selection, slot = select(design, [metric]), create_slot(design, metric)
        rows = self._database.run(selection, self._join(selection, write_distribution(selection, slot, bins)))
        return answers.read_bins(design, slot, rows)

    def read_days(self, design: Design, metric: MetricDocument, days: int) -> list[DaySum]:
        selection, slots = select(design, [metric]), create_days(design, metric, days)
        if not slots:
            return []
        rows = self._database.run(selection, self._join(selection, write_moments(selection, slots)))
        return list(answers.read_days(answers.read_moments(design, slots, rows)[0][1]))

    def list_sql(self, design: Design, metrics: Sequence[MetricDocument]) -> list[str]:
        selection, census = self._write_census(design, metrics)
        statements = [*self._database.describe(selection), census]
        if metrics:
            statements.append(self._write_moments(design, metrics, None)[1])
        return statements

    def _write_census(self, design: Design, metrics: Sequence[MetricDocument]) -> tuple[Selection, str]:
        selection = select(design, metrics)
        return selection, self._join(selection, write_census(list_event_types(metrics)))

    def _write_moments(
        self, design: Design, metrics: Sequence[MetricDocument], by: str | None
    ) -> tuple[Selection, str]:
        selection = select(design, metrics, by)
        slots = [create_slot(design, metric) for metric in metrics]
        return selection, self._join(selection, write_moments(selection, slots))

    def _join(self, selection: Selection, parts: Sequence[str]) -> str:
        *tables, statement = parts
        source = self._database.write_source(selection)
        lines = write_lines(selection, is_split=self._database.keeps_tables)
        return "with " + ",\n".join([source, *lines, *tables]) + "\n" + statement
