"""Lines of files as assignments to one experiment: what can be written, and what is wrong with the rest.

Files are read twice. The first time shows which users have two variants, before anything is written.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from chalicelib.domain.context import check_user_id
from chalicelib.domain.definitions.model import Experiment
from chalicelib.domain.errors import InvalidInput
from realtime.assignment_files.formats import Form
from realtime.event_files.files import Source
from realtime.event_files.options import ReadOptions
from realtime.event_files.reader import open_table
from realtime.event_files.rows import FileError, Row
from realtime.event_files.unpack import refuse_unreadable, unpack

TWO_VARIANTS = "this user is in the files more than once, with different variants; keep one line"


class Line(NamedTuple):
    """``number`` counts from 1 in a file. ``other``: it is of another experiment, or was there before."""

    number: int
    place: str
    unit: str = ""
    variant: str = ""
    assigned_at: float | None = None
    problem: str = ""
    other: Literal["", "foreign", "repeated"] = ""


@dataclass
class AssignmentReader:
    """``variants``: the other system's name of a variant → ours. ``latest``: of times, in epoch seconds."""

    experiment: Experiment
    form: Form
    variants: Mapping[str, str]
    latest: float
    _variants_by_user: dict[int, str] = field(default_factory=dict)
    _contradictory: set[int] = field(default_factory=set)

    def survey(self, sources: Sequence[Source]) -> int:
        """How many lines there are. FileError for a file that cannot be read."""
        count = 0
        for source in sources:
            with source.open() as path:
                for line in self._parse(path, source.name):
                    count += 1
                    if line.variant and not line.problem:
                        user = hash(line.unit)
                        if self._variants_by_user.setdefault(user, line.variant) != line.variant:
                            self._contradictory.add(user)
        return count

    def read(self, path: Path, name: str) -> Iterator[Line]:
        """After `survey` of all files, each file once and in the same order."""
        for line in self._parse(path, name):
            user = hash(line.unit)
            if not line.variant or line.problem:
                yield line
            elif user in self._contradictory:
                yield line._replace(problem=TWO_VARIANTS)
            elif self._variants_by_user.pop(user, None) is None:
                yield line._replace(other="repeated")
            else:
                yield line

    def _parse(self, path: Path, name: str) -> Iterator[Line]:
        number = 0
        for part_name, row in self._read_rows(path, name):
            for each in [row] if row.problem else self.form.split(row):
                number += 1
                place = f"{part_name}: {each.place}"
                if each.problem:
                    yield Line(number, place, problem=each.problem)
                    continue
                try:
                    yield self._read_line(number, place, each)
                except InvalidInput as error:
                    yield Line(number, place, problem=error.message)
                except ValueError as error:
                    yield Line(number, place, problem=str(error))

    def _read_rows(self, path: Path, name: str) -> Iterator[tuple[str, Row]]:
        with refuse_unreadable(name):
            for part in unpack(path, name):
                table = open_table(part, ReadOptions())
                self._check_columns(part.name, table.columns)
                for row in table.rows:
                    yield part.name, row

    def _check_columns(self, name: str, columns: Sequence[str]) -> None:
        """The columns are not listed: without a header, they would be somebody's data."""
        if columns and self.form.name != "rows":
            raise FileError(f"{name}: is no JSON; leave out --format {self.form.name} for a table")
        options = {self.form.user_column: "--user-column", self.form.variant: "--variant-column"}
        for column, option in options.items():
            if columns and column not in columns:
                raise FileError(f"{name}: its first line names no column {column}; {option} names another")

    def _read_line(self, number: int, place: str, row: Row) -> Line:
        stored = self.form.read(row.data)
        if stored is None:
            return Line(number, place, other="foreign")
        unit = check_user_id(stored.unit, "the user's id")
        variant = self.variants.get(stored.variant, stored.variant)
        if variant not in self.experiment.variants:
            known = ", ".join(self.experiment.variants)
            raise ValueError(f"the variant is none of {known}; --variants OLD=NEW maps it to one")
        if stored.assigned_at is not None and stored.assigned_at > self.latest:
            raise ValueError(f"{self.form.time} is in the future; correct it, or leave it empty for now")
        return Line(number, place, unit, variant, stored.assigned_at)
