"""Plan a publication, say what it changes and for whom, and publish all of it or nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

from chalicelib.domain.definitions.model import DefinitionRow, Definitions
from chalicelib.domain.definitions.schema import ExperimentDocument, FlagDocument
from chalicelib.domain.errors import InvalidInput, Problem
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.publishing.definition_set import DefinitionSet
from chalicelib.domain.publishing.diff import DefinitionChange, find_changes
from chalicelib.domain.publishing.documents import KINDS, DefinitionName, Document, build_row, parse_row
from chalicelib.domain.publishing.impact.measure import Impact, find_dependents, measure_impact
from chalicelib.domain.publishing.kills import find_kill, may_be_on
from chalicelib.domain.publishing.plan_changes import describe_plan_change
from chalicelib.domain.publishing.split_changes import describe_split_change
from chalicelib.domain.recent_contexts import RecentContext

Wanted: TypeAlias = Mapping[DefinitionName, Document | None]
"""What each definition shall be; None removes it. What is not named stays."""


@dataclass(frozen=True)
class Published:
    """All published definitions as of ``version``."""

    version: int
    rows: Mapping[DefinitionName, DefinitionRow]

    @cached_property
    def documents(self) -> dict[DefinitionName, Document]:
        """Those that are valid."""
        documents = {name: parse_row(row) for name, row in self.rows.items()}
        return {name: document for name, document in documents.items() if document}


@dataclass(frozen=True, slots=True)
class PlannedChange:
    """``impact`` is None for what is added or removed. ``notes``: what its publisher should know.

    ``kill`` is the kill that held a flag off until this change.
    """

    change: DefinitionChange
    impact: Impact | None
    notes: Sequence[str] = ()
    kill: DefinitionRow | None = None


class Dependent(NamedTuple):
    """A definition that does not change, and of which users get another answer all the same."""

    name: DefinitionName
    causes: Sequence[DefinitionName]
    impact: Impact
    keeps_assignments: bool


@dataclass(frozen=True)
class Plan:
    """What would lead from ``published`` to what is wanted. Impacts are measured when they are asked for."""

    published: Published
    changes: Sequence[DefinitionChange]
    definitions: Definitions
    now: float
    recent: Sequence[RecentContext] = ()

    def describe_changes(self) -> Sequence[PlannedChange]:
        return [self._describe(change) for change in self.changes]

    def find_dependents(self) -> Sequence[Dependent]:
        """Only those whose answers change."""
        dependents = []
        for name, causes in find_dependents(self.changes, self.after):
            impact = measure_impact(name, self.before, self.after, self.now, self.recent)
            document = self.after[name]
            if impact.share or impact.other_share:
                keeps = isinstance(document, ExperimentDocument) and document.sticky
                dependents.append(Dependent(name, causes, impact, keeps))
        return dependents

    @cached_property
    def revived(self) -> Mapping[DefinitionName, DefinitionRow]:
        """The kill of each flag that is killed and would be on again."""
        kills = ((change.name, self._find_undone_kill(change)) for change in self.changes)
        return {name: kill for name, kill in kills if kill}

    def summarize(self) -> str:
        """Such as ``1 added, 2 changed``."""
        words = {"+": "added", "~": "changed", "-": "removed"}
        counts = {word: sum(change.sign == sign for change in self.changes) for sign, word in words.items()}
        return ", ".join(f"{count} {word}" for word, count in counts.items() if count)

    def publish(self, author: Author) -> int:
        """Returns the version. Raises Conflict if somebody has published since; also what stores raise."""
        return self.definitions.publish(self.rows, self.published.version, self.now, author.by, author.note)

    @property
    def rows(self) -> Sequence[DefinitionRow]:
        """What is published; a row without text removes its definition."""
        return [_build_change_row(change) for change in self.changes]

    @property
    def before(self) -> Mapping[DefinitionName, Document]:
        return self.published.documents

    @cached_property
    def after(self) -> Mapping[DefinitionName, Document]:
        wanted = {change.name: change.after for change in self.changes}
        return {name: document for name, document in ({**self.before} | wanted).items() if document}

    def _describe(self, change: DefinitionChange) -> PlannedChange:
        impact: Impact | None = None
        notes: list[str] = []
        if change.before is not None and change.after is not None:
            impact = measure_impact(change.name, self.before, self.after, self.now, self.recent)
        if isinstance(change.after, ExperimentDocument):
            history = self.definitions.get_history("experiment", change.after.key)
            before = change.before if isinstance(change.before, ExperimentDocument) else None
            notes += describe_split_change(change.after, history)
            notes += describe_plan_change(before, change.after, history, self.now)
        kill = self.revived.get(change.name)
        return PlannedChange(change, impact, notes, kill)

    def _find_undone_kill(self, change: DefinitionChange) -> DefinitionRow | None:
        before, after = change.before, change.after
        if not isinstance(before, FlagDocument) or not isinstance(after, FlagDocument):
            return None
        if may_be_on(before) or not may_be_on(after):
            return None
        return find_kill(self.definitions.get_history("flag", after.key))


def load_published(definitions: Definitions) -> Published:
    """Raises StorageUnavailable or Throttled."""
    version = definitions.get_changes(None).version  # read first, so that a later publish is a conflict
    rows = {(kind, key): row for kind in KINDS for key, row in definitions.get_all(kind).items()}
    return Published(version, rows)


def make_plan(
    definitions: Definitions,
    published: Published,
    wanted: Wanted,
    now: float,
    recent: Sequence[RecentContext] = (),
) -> Plan:
    """``recent`` decisions say whom it changes; without them users are made up."""
    return Plan(published, find_changes(published.rows, wanted), definitions, now, recent)


def find_set_problems(
    written: DefinitionSet, published: Published, removed: Collection[DefinitionName] = ()
) -> Sequence[Problem]:
    """What is wrong with ``written``, by itself and beside what stays published. Freezes its metrics."""
    if not written.problems:
        written.freeze_metrics(published.documents)
    if written.problems:
        return written.problems
    kept = {name: document for name, document in published.documents.items() if name not in removed}
    return written.find_conflicts(kept | written.documents)


def find_rollback(definitions: Definitions, published: Published, version: int) -> Wanted:
    """What was in force at ``version``. Raises InvalidInput."""
    if not 0 <= version < published.version:
        raise InvalidInput("invalid_version", f"Choose a version from 0 to {published.version - 1}.")
    wanted: dict[DefinitionName, Document | None] = {}
    for row in sorted(definitions.get_versions(), key=lambda row: row.version):
        name = row.kind, row.key
        wanted.setdefault(name, None)
        if row.version <= version:
            wanted[name] = parse_row(row) if row.text else None
            if row.text and wanted[name] is None:
                message = f"{row.kind} {row.key} of version {row.version} is not valid any more."
                raise InvalidInput("invalid_version", message)
    return wanted


def describe_rollback(version: int, note: str) -> str:
    """The note of the history."""
    return ", ".join(filter(None, (f"rollback to {version}", note)))


def _build_change_row(change: DefinitionChange) -> DefinitionRow:
    if change.after is None:
        kind, key = change.name
        return DefinitionRow(kind, key, "", "removed")
    return build_row(change.after)
