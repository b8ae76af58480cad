"""`publish` and `publish --rollback`: show what changes, then publish all of it or nothing."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import typer
from rich.console import Console
from rich.markup import escape

from chalicelib.domain.definitions.model import DefinitionRow, Definitions
from chalicelib.domain.definitions.schema import ExperimentDocument, FlagDocument
from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.publishing.diff import DefinitionChange, find_changes
from chalicelib.domain.publishing.documents import KINDS, DefinitionName, Document, build_row, parse_row
from chalicelib.domain.publishing.impact.measure import Documents, Impact, find_dependents, measure_impact
from chalicelib.domain.publishing.impact.sampled import ReadRecent
from chalicelib.domain.publishing.impact.text import describe_impact, format_share
from chalicelib.domain.publishing.kills import describe_kill, find_kill, may_be_on
from chalicelib.domain.publishing.plan_changes import describe_plan_change, is_plan_missing
from chalicelib.domain.publishing.split_changes import describe_split_change
from chalicelib.domain.recent_contexts import RecentContext
from realtime.commands.publisher import PublisherName
from realtime.commands.validate import print_report
from realtime.definition_files.prune import find_obstacles, find_skipped_definitions
from realtime.definition_files.read import read_definitions

Confirm: TypeAlias = Callable[[str], bool]
"""Asks a question, and says whether the answer is yes."""
Estimate: TypeAlias = Callable[[ExperimentDocument], str]
"""Says how many users an experiment without a plan needs, and for how long it runs."""
NOBODY = PublisherName("")
SIGNS = {"+": ("added", "green"), "~": ("changed", "yellow"), "-": ("removed", "red")}


def list_nothing(_now: float) -> Sequence[RecentContext]:
    """Where no recent contexts are kept."""
    return ()


def name_planner(experiment: ExperimentDocument) -> str:
    """Where no archive is read."""
    command = f"python -m realtime plan-experiment {experiment.key}"
    return f"`{command}` says how many it needs, and how long that takes"


def confirm_on_terminal(
    question: str, reason: str = "this removes definitions, or turns on what was killed"
) -> bool:
    """Raises ValueError without a terminal: nobody would see the question."""
    if not sys.stdin.isatty():
        raise ValueError(f"{reason}, and nobody can be asked without a terminal: add --yes")
    return typer.prompt(f"{question} [y/N]", default="n", show_default=False).strip().lower() in ("y", "yes")


@dataclass(frozen=True, slots=True)
class Published:
    """All published definitions as of ``version``."""

    version: int
    rows: Mapping[DefinitionName, DefinitionRow]

    def parse_rows(self) -> dict[DefinitionName, Document]:
        """Those that are valid."""
        documents = {name: parse_row(row) for name, row in self.rows.items()}
        return {name: document for name, document in documents.items() if document}


def publish(
    console: Console,
    definitions: Definitions,
    paths: Sequence[Path],
    strict: bool,
    *,
    publisher: PublisherName = NOBODY,
    prune: bool = False,
    confirm: Confirm = confirm_on_terminal,
    dry_run: bool = False,
    now: float | None = None,
    read_recent: ReadRecent = list_nothing,
    estimate: Estimate = name_planner,
) -> int:
    """Print the difference, then publish all of it or nothing. Returns the exit status.

    Published definitions that are not in the files stay, unless ``prune``. The files are checked together
    with them: a flag may name a prerequisite that another repository publishes. ``prune`` removes no
    definition of a file that was skipped, and none unless ``confirm`` agrees. It is also asked before a
    flag that was killed is turned on again. ``estimate`` is asked when all is published.
    """
    files = read_definitions(paths)
    if files.problems:  # reported without asking the store
        return print_report(console, files, files.problems, strict)
    published = _load_published(definitions)
    files.freeze_metrics(published.parse_rows())
    if files.problems:
        return print_report(console, files, files.problems, strict)
    absent = published.rows.keys() - files.documents.keys()
    skipped = find_skipped_definitions(files.skipped, absent) if prune else {}
    removed = absent - skipped.keys() if prune else set()
    kept = {name: document for name, document in published.parse_rows().items() if name not in removed}
    problems = files.find_conflicts(kept | files.documents)
    status = print_report(
        console, files, [*problems, *(find_obstacles(files.skipped) if prune else ())], strict
    )
    if status:
        return status
    wanted: dict[DefinitionName, Document | None] = dict(files.documents)
    wanted |= dict.fromkeys(name for name in published.rows if name in removed)
    for (kind, key), file in skipped.items():
        line = f"[dim]{kind} {key} is kept: {escape(str(file))}, which is skipped, has it.[/dim]"
        console.print(line, highlight=False, soft_wrap=True)
    if absent and not prune:
        console.print(f"[dim]{len(absent)} published, not in these files: kept (--prune removes them).[/dim]")
    return _publish_changes(
        console,
        definitions,
        published,
        wanted,
        publisher,
        dry_run,
        now,
        read_recent,
        confirm,
        asks=bool(removed),
        estimate=estimate,
    )


def roll_back(
    console: Console,
    definitions: Definitions,
    version: int,
    *,
    publisher: PublisherName = NOBODY,
    confirm: Confirm = confirm_on_terminal,
    dry_run: bool = False,
    now: float | None = None,
    read_recent: ReadRecent = list_nothing,
) -> int:
    """Publish again what was in force at ``version``, as a new version. Returns the exit status."""
    published = _load_published(definitions)
    if not 0 <= version < published.version:
        raise ValueError(f"--rollback: choose a version from 0 to {published.version - 1}; see `history`")
    wanted: dict[DefinitionName, Document | None] = {}
    for row in sorted(definitions.get_versions(), key=lambda row: row.version):
        name = row.kind, row.key
        wanted.setdefault(name, None)
        if row.version <= version:
            wanted[name] = parse_row(row) if row.text else None
            if row.text and wanted[name] is None:
                raise ValueError(f"{row.kind} {row.key} of version {row.version} is not valid any more")
    note = ", ".join(filter(None, (f"rollback to {version}", publisher.note)))
    marked = publisher._replace(note=note)
    return _publish_changes(
        console, definitions, published, wanted, marked, dry_run, now, read_recent, confirm
    )


def publish_backup(
    console: Console,
    definitions: Definitions,
    latest: Sequence[DefinitionRow],
    *,
    publisher: PublisherName,
    confirm: Confirm,
    dry_run: bool = False,
    now: float | None = None,
    read_recent: ReadRecent = list_nothing,
) -> int:
    """Publish the ``latest`` version of each definition of a backup, as one new version.

    What the backup does not have is removed, if ``confirm`` agrees. Returns the exit status.
    """
    published = _load_published(definitions)
    wanted: dict[DefinitionName, Document | None] = dict.fromkeys(published.rows)
    for row in latest:
        document = parse_row(row) if row.text else None
        if row.text and document is None:
            raise ValueError(f"{row.kind} {row.key} is not valid in this version of the program")
        if document or (row.kind, row.key) in published.rows:
            wanted[row.kind, row.key] = document
    return _publish_changes(
        console, definitions, published, wanted, publisher, dry_run, now, read_recent, confirm, asks=True
    )


def _load_published(definitions: Definitions) -> Published:
    version = definitions.get_changes(None).version  # read first, so that a later publish is a conflict
    rows = {(kind, key): row for kind in KINDS for key, row in definitions.get_all(kind).items()}
    return Published(version, rows)


def _publish_changes(
    console: Console,
    definitions: Definitions,
    published: Published,
    wanted: Mapping[DefinitionName, Document | None],
    publisher: PublisherName,
    dry_run: bool,
    now: float | None,
    read_recent: ReadRecent,
    confirm: Confirm,
    *,
    asks: bool = False,
    estimate: Estimate = name_planner,
) -> int:
    """``confirm`` is asked if ``asks``, or if a killed flag would be on again."""
    now = time.time() if now is None else now
    changes = find_changes(published.rows, wanted)
    documents = published.parse_rows()
    before = documents
    after = {name: document for name, document in (documents | dict(wanted)).items() if document}
    recent = _read_recent(console, read_recent, now) if changes else ()
    for change in changes:
        _print_change(console, change, before, after, now, recent)
        if isinstance(change.after, ExperimentDocument):
            history = definitions.get_history("experiment", change.after.key)
            before_it = change.before if isinstance(change.before, ExperimentDocument) else None
            plan = describe_plan_change(before_it, change.after, history, now)
            for line in (*describe_split_change(change.after, history), *plan):
                console.print(f"    [yellow]{line}[/yellow]", highlight=False, soft_wrap=True)
        kill = _find_undone_kill(definitions, change)
        if kill:
            asks = True
            _print_data(console, f"    turns it on again: it was {describe_kill(kill)}")
    for name, causes in find_dependents(changes, after):
        impact = measure_impact(name, before, after, now, recent)
        if impact.share or impact.other_share:
            used = ", ".join(" ".join(cause) for cause in causes)
            document = after[name]
            keeps = isinstance(document, ExperimentDocument) and document.sticky
            _print_data(console, f"  {' '.join(name)} uses {used}: {_describe_share(name, impact, keeps)}")
    if not changes:
        console.print(f"Nothing changes: version {published.version} stays in force.")
    elif dry_run:
        console.print(f"{_summarize(changes)}. Nothing is published (--dry-run).")
    elif asks and not confirm(f"{_summarize(changes)}. Publish?"):
        console.print(f"Nothing is published: version {published.version} stays in force.")
        return 1
    else:
        rows = [_build_change_row(change) for change in changes]
        version = definitions.publish(rows, published.version, now, publisher.by, publisher.note)
        console.print(f"[green]Published version {version}[/green]: {_summarize(changes)}.", highlight=False)
    for change in changes:
        if isinstance(change.after, ExperimentDocument) and is_plan_missing(change.after):
            said = estimate(change.after)
            _print_data(console, f"{change.after.key} has no planned_users: {said}")
    return 0


def _find_undone_kill(definitions: Definitions, change: DefinitionChange) -> DefinitionRow | None:
    """The kill that held a flag off until this change."""
    before, after = change.before, change.after
    if not isinstance(before, FlagDocument) or not isinstance(after, FlagDocument):
        return None
    if may_be_on(before) or not may_be_on(after):
        return None
    return find_kill(definitions.get_history("flag", after.key))


def _read_recent(console: Console, read_recent: ReadRecent, now: float) -> Sequence[RecentContext]:
    """None where they cannot be read: a publish does not depend on them."""
    try:
        return read_recent(now)
    except (StorageUnavailable, Throttled):
        console.print("[dim]Recent contexts cannot be read; users are made up.[/dim]", highlight=False)
        return ()


def _build_change_row(change: DefinitionChange) -> DefinitionRow:
    if change.after is None:
        kind, key = change.name
        return DefinitionRow(kind, key, "", "removed")
    return build_row(change.after)


def _print_change(
    console: Console,
    change: DefinitionChange,
    before: Documents,
    after: Documents,
    now: float,
    recent: Sequence[RecentContext],
) -> None:
    kind, key = change.name
    _, colour = SIGNS[change.sign]
    console.print(f"[{colour}]{change.sign} {kind} {key}[/{colour}]", highlight=False)
    if change.before is None or change.after is None:
        return
    for difference in change.list_differences():
        _print_data(console, f"    {difference.path}: {difference.before} → {difference.after}")
    impact = measure_impact(change.name, before, after, now, recent)
    _print_data(console, f"    {_describe_share(change.name, impact, change.keeps_assignments)}")
    for line in describe_impact(impact):
        _print_data(console, f"      {line}")


def _describe_share(name: DefinitionName, impact: Impact, keeps_assignments: bool) -> str:
    verb = "enter or leave" if name[0] == "segment" else "get another answer"
    is_changed = bool(impact.share or impact.other_share)
    note = " (those who are assigned already keep theirs)" if keeps_assignments and is_changed else ""
    return f"{format_share(impact)} {verb}{note}"


def _print_data(console: Console, text: str) -> None:
    """As it is: no markup, no emoji codes, no line break at the console's width."""
    console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)


def _summarize(changes: Sequence[DefinitionChange]) -> str:
    counts = {word: sum(change.sign == sign for change in changes) for sign, (word, _) in SIGNS.items()}
    return ", ".join(f"{count} {word}" for word, count in counts.items() if count)
