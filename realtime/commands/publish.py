"""`validate`, `publish`, `publish --rollback`: checked as a set, shown as a difference, all or nothing."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.markup import escape

from chalicelib.domain.definitions import consistency
from chalicelib.domain.definitions.model import Changes, DefinitionKind, DefinitionRow
from chalicelib.domain.definitions.schema import ExperimentDocument, FlagDocument
from chalicelib.domain.errors import Problem
from chalicelib.domain.targeting import parse
from chalicelib.domain.targeting.lint.rules import lint_rules
from realtime.definition_files.diff import Change, changes, comparable, dependents, moved, readable
from realtime.definition_files.read import DefinitionSet, Document, Name, definition, read
from realtime.definition_files.unknown_fields import find_unknown_fields

KINDS: tuple[DefinitionKind, ...] = ("experiment", "flag")


class Definitions(Protocol):
    def since(self, version: int | None) -> Changes: ...
    def load_all(self, kind: DefinitionKind) -> Mapping[str, DefinitionRow]: ...
    def published(self) -> Sequence[DefinitionRow]: ...
    def publish(self, definitions: Sequence[DefinitionRow], expected: int, now: float, by: str) -> int: ...


class Plane(Protocol):
    @property
    def definitions(self) -> Definitions: ...


@dataclass(frozen=True, slots=True)
class State:
    """All that is published, as of ``version``."""

    version: int
    rows: Mapping[Name, DefinitionRow]

    def documents(self) -> dict[Name, Document]:
        found = {name: readable(row) for name, row in self.rows.items()}
        return {name: document for name, document in found.items() if document}


def check(console: Console, paths: Sequence[Path], strict: bool) -> int:
    """Prints every problem and warning; the exit status."""
    found = read(paths)
    return _report(console, found, found.problems or _whole(found.documents, found), strict)


def publish(
    console: Console,
    plane: Plane,
    paths: Sequence[Path],
    strict: bool,
    *,
    by: str = "",
    prune: bool = False,
    dry_run: bool = False,
    now: float | None = None,
) -> int:
    """Prints the difference, then publishes all of it or nothing; the exit status.

    What is published and not in the files stays, unless ``prune``. The set is checked together with it:
    a flag may name a prerequisite that another repository publishes.
    """
    found = read(paths)
    if found.problems:  # of the files alone, so nothing need be asked
        return _report(console, found, found.problems, strict)
    state = _state(plane.definitions)
    kept = {} if prune else state.documents()
    status = _report(console, found, _whole(kept | found.documents, found), strict)
    if status:
        return status
    absent = [name for name in state.rows if name not in found.documents]
    wanted: dict[Name, Document | None] = dict(found.documents)
    if prune:
        wanted |= dict.fromkeys(absent)
    elif absent:
        console.print(f"[dim]{len(absent)} published, not in these files: kept (--prune removes them).[/dim]")
    return _apply(console, plane.definitions, state, wanted, by, dry_run, now)


def rollback(
    console: Console,
    plane: Plane,
    version: int,
    *,
    by: str = "",
    dry_run: bool = False,
    now: float | None = None,
) -> int:
    """Publishes again what was in force at ``version``, as a new version; the exit status."""
    state = _state(plane.definitions)
    if not 0 <= version < state.version:
        raise ValueError(f"--rollback: choose a version from 0 to {state.version - 1}; see `history`")
    history = plane.definitions.published()
    wanted: dict[Name, Document | None] = {}
    for row in sorted(history, key=lambda row: row.version):
        name = row.kind, row.key
        wanted.setdefault(name, None)
        if row.version <= version:
            wanted[name] = readable(row) if row.text else None
            if row.text and wanted[name] is None:
                raise ValueError(f"{row.kind} {row.key} of version {row.version} is not valid any more")
    return _apply(console, plane.definitions, state, wanted, by, dry_run, now)


def _state(definitions: Definitions) -> State:
    version = definitions.since(None).version  # read first: whoever publishes from now on is noticed
    rows = {(kind, key): row for kind in KINDS for key, row in definitions.load_all(kind).items()}
    return State(version, rows)


def _whole(documents: Mapping[Name, Document], found: DefinitionSet) -> list[Problem]:
    """What is wrong between definitions, each told where it stands in the files."""
    problems = consistency.check(
        [document for document in documents.values() if isinstance(document, ExperimentDocument)],
        [document for document in documents.values() if isinstance(document, FlagDocument)],
    )
    return [problem.within(found.named(name)) for name, problem in problems]


def _report(console: Console, found: DefinitionSet, problems: Sequence[Problem], strict: bool) -> int:
    warnings = _warnings(found)
    for problem in problems:
        console.print(f"[red]error[/red]   {escape(str(problem))}", highlight=False, soft_wrap=True)
    for warning in warnings:
        console.print(f"[yellow]warning[/yellow] {escape(str(warning))}", highlight=False, soft_wrap=True)
    failed = bool(problems) or (strict and bool(warnings))
    verdict = "[red]Nothing is published.[/red]" if failed else "[green]Valid.[/green]"
    count = f"{len(found.documents)} valid definitions, {len(problems)} errors, {len(warnings)} warnings."
    console.print(f"{count} {verdict}", highlight=False)
    return int(failed)


def _warnings(found: DefinitionSet) -> list[Problem]:
    warnings = []
    for name, document in found.documents.items():
        rules = document.targeting_rules
        if rules is not None:
            warnings += [
                problem.within("targeting_rules").within(found.named(name))
                for problem in (*lint_rules(parse(rules)), *find_unknown_fields(rules, name[0]))
            ]
    return warnings


def _apply(
    console: Console,
    definitions: Definitions,
    state: State,
    wanted: Mapping[Name, Document | None],
    by: str,
    dry_run: bool,
    now: float | None,
) -> int:
    at = time.time() if now is None else now
    found = changes(state.rows, wanted)
    published = state.documents()
    before, after = comparable(
        published, {name: document for name, document in (published | dict(wanted)).items() if document}
    )
    for change in found:
        _show(console, change, before, after, at)
    for name, causes in dependents(found, after):
        if share := moved(name, before, after, at):
            line = f"  flag {name[1]} requires {', '.join(causes)}: {share:.1%} of users get another answer"
            console.print(line, highlight=False)
    if not found:
        console.print(f"Nothing changes: version {state.version} stays in force.")
    elif dry_run:
        console.print(f"{_summary(found)}. Nothing is published (--dry-run).")
    else:
        rows = [_row(change) for change in found]
        version = definitions.publish(rows, state.version, at, by)
        console.print(f"[green]Published version {version}[/green]: {_summary(found)}.", highlight=False)
    return 0


def _row(change: Change) -> DefinitionRow:
    if change.after is None:
        kind, key = change.name
        return DefinitionRow(kind, key, "", "removed")
    return definition(change.after)


def _show(
    console: Console,
    change: Change,
    before: Mapping[Name, Document],
    after: Mapping[Name, Document],
    now: float,
) -> None:
    kind, key = change.name
    colour = {"+": "green", "-": "red", "~": "yellow"}[change.sign]
    console.print(f"[{colour}]{change.sign} {kind} {key}[/{colour}]", highlight=False)
    if change.before is None or change.after is None:
        return
    for field, old, new in change.fields():
        console.print(f"    {field}: {old} → {new}", highlight=False, markup=False)
    share = moved(change.name, before, after, now)
    note = " (those who are assigned already keep theirs)" if change.keeps_assigned and share else ""
    console.print(f"    {share:.1%} of users get another answer{note}", highlight=False)


def _summary(found: Sequence[Change]) -> str:
    counts = ((word, sum(change.sign == sign for change in found)) for sign, word in _WORDS.items())
    return ", ".join(f"{count} {word}" for word, count in counts if count)


_WORDS = {"+": "added", "~": "changed", "-": "removed"}
