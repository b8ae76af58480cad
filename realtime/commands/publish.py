"""`publish` and `publish --rollback`: show what changes, then publish all of it or nothing."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import typer
from rich.console import Console
from rich.markup import escape

from chalicelib.domain.definitions.model import DefinitionRow, Definitions
from chalicelib.domain.definitions.schema import ExperimentDocument
from chalicelib.domain.errors import InvalidInput, StorageUnavailable, Throttled
from chalicelib.domain.proposals import Proposal
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.publishing.documents import DefinitionName, Document, parse_row
from chalicelib.domain.publishing.impact.sampled import ReadRecent
from chalicelib.domain.publishing.impact.text import describe_impact, describe_share
from chalicelib.domain.publishing.kills import describe_kill
from chalicelib.domain.publishing.plan_changes import is_plan_missing
from chalicelib.domain.recent_contexts import RecentContext
from chalicelib.services.admin.approvals import Approvals, Tell, ignore
from chalicelib.services.admin.publishing import (
    Plan,
    PlannedChange,
    Published,
    Wanted,
    describe_rollback,
    find_rollback,
    find_set_problems,
    load_published,
    make_plan,
)
from realtime.commands.validate import describe_report, print_report
from realtime.definition_files.prune import find_obstacles, find_skipped_definitions
from realtime.definition_files.read import read_definitions

Confirm: TypeAlias = Callable[[str], bool]
"""Asks a question, and says whether the answer is yes."""
Estimate: TypeAlias = Callable[[ExperimentDocument], str]
"""Says how many users an experiment without a plan needs, and for how long it runs."""
Record: TypeAlias = Callable[[dict[str, Any]], object]
"""Takes a part of what happened, as JSON. With it the plan is not printed, which would measure it twice."""
NOBODY = Author("")
WHY_ASKED = "this removes definitions, or turns on what was killed"
COLOURS = {"+": "green", "~": "yellow", "-": "red"}


@dataclass(frozen=True)
class Submission:
    """How a plan is published, or proposed if it has to wait. Without ``approvals`` nothing has to."""

    approvals: Approvals | None = None
    reason: str = ""
    proposes: bool = False
    tell: Tell = ignore

    def has_to_wait(self, plan: Plan) -> bool:
        return self.approvals is not None and (self.proposes or self.approvals.are_needed(plan))

    def submit(self, plan: Plan, author: Author) -> int | Proposal:
        if self.approvals is None:
            return plan.publish(author)
        submit = self.approvals.submit
        return submit(plan, author, self.reason, proposes=self.proposes, tell=self.tell)


AT_ONCE = Submission()


def list_nothing(_now: float) -> Sequence[RecentContext]:
    """Where no recent contexts are kept."""
    return ()


def name_planner(experiment: ExperimentDocument) -> str:
    """Where no archive is read."""
    command = f"python -m realtime plan-experiment {experiment.key}"
    return f"`{command}` says how many it needs, and how long that takes"


def refuse_to_ask(_question: str) -> bool:
    """Where the answer is JSON, which a question would be in the middle of."""
    raise ValueError(f"{WHY_ASKED}: with --json, add --yes")


def confirm_on_terminal(question: str, reason: str = WHY_ASKED) -> bool:
    """Raises ValueError without a terminal: nobody would see the question."""
    if not sys.stdin.isatty():
        raise ValueError(f"{reason}, and nobody can be asked without a terminal: add --yes")
    return typer.prompt(f"{question} [y/N]", default="n", show_default=False).strip().lower() in ("y", "yes")


def publish(
    console: Console,
    definitions: Definitions,
    paths: Sequence[Path],
    strict: bool,
    *,
    publisher: Author = NOBODY,
    prune: bool = False,
    confirm: Confirm = confirm_on_terminal,
    dry_run: bool = False,
    now: float | None = None,
    read_recent: ReadRecent = list_nothing,
    estimate: Estimate = name_planner,
    submission: Submission = AT_ONCE,
    record: Record | None = None,
) -> int:
    """Print the difference, then publish all of it or nothing. Returns the exit status.

    Published definitions that are not in the files stay, unless ``prune``. The files are checked together
    with them: a flag may name a prerequisite that another repository publishes. ``prune`` removes no
    definition of a file that was skipped, and none unless ``confirm`` agrees. It is also asked before a
    flag that was killed is turned on again. ``estimate`` is asked when all is published.
    """
    files = read_definitions(paths)
    if files.problems:  # reported without asking the store
        if record:
            record(describe_report(files, files.problems, strict) | {"changes": []} | _describe("invalid"))
        return print_report(console, files, files.problems, strict)
    published = load_published(definitions)
    absent = published.rows.keys() - files.documents.keys()
    skipped = find_skipped_definitions(files.skipped, absent) if prune else {}
    removed = absent - skipped.keys() if prune else set()
    problems = [*find_set_problems(files, published, removed)]
    obstacles = find_obstacles(files.skipped) if prune and not files.problems else ()
    if record:
        record(describe_report(files, [*problems, *obstacles], strict))
    status = print_report(console, files, [*problems, *obstacles], strict)
    if status:
        if record:
            record({"changes": [], **_describe("invalid", published.version)})
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
        submission=submission,
        record=record,
    )


def roll_back(
    console: Console,
    definitions: Definitions,
    version: int,
    *,
    publisher: Author = NOBODY,
    confirm: Confirm = confirm_on_terminal,
    dry_run: bool = False,
    now: float | None = None,
    read_recent: ReadRecent = list_nothing,
    submission: Submission = AT_ONCE,
    record: Record | None = None,
) -> int:
    """Publish again what was in force at ``version``, as a new version. Returns the exit status."""
    published = load_published(definitions)
    try:
        wanted = find_rollback(definitions, published, version)
    except InvalidInput as error:
        raise ValueError(f"--rollback: {error} `history` lists them.") from None
    marked = publisher._replace(note=describe_rollback(version, publisher.note))
    return _publish_changes(
        console,
        definitions,
        published,
        wanted,
        marked,
        dry_run,
        now,
        read_recent,
        confirm,
        submission=submission,
        record=record,
    )


def publish_backup(
    console: Console,
    definitions: Definitions,
    latest: Sequence[DefinitionRow],
    *,
    publisher: Author,
    confirm: Confirm,
    dry_run: bool = False,
    now: float | None = None,
    read_recent: ReadRecent = list_nothing,
    submission: Submission = AT_ONCE,
) -> int:
    """Publish the ``latest`` version of each definition of a backup, as one new version.

    What the backup does not have is removed, if ``confirm`` agrees. Returns the exit status.
    """
    published = load_published(definitions)
    wanted: dict[DefinitionName, Document | None] = dict.fromkeys(published.rows)
    for row in latest:
        document = parse_row(row) if row.text else None
        if row.text and document is None:
            raise ValueError(f"{row.kind} {row.key} is not valid in this version of the program")
        if document or (row.kind, row.key) in published.rows:
            wanted[row.kind, row.key] = document
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
        asks=True,
        submission=submission,
    )


def _publish_changes(
    console: Console,
    definitions: Definitions,
    published: Published,
    wanted: Wanted,
    publisher: Author,
    dry_run: bool,
    now: float | None,
    read_recent: ReadRecent,
    confirm: Confirm,
    *,
    submission: Submission,
    asks: bool = False,
    estimate: Estimate = name_planner,
    record: Record | None = None,
) -> int:
    """``confirm`` is asked if ``asks``, or if a killed flag would be on again."""
    now = time.time() if now is None else now
    plan = make_plan(definitions, published, wanted, now)
    if plan.changes:
        plan = replace(plan, recent=read_recent_or_none(console, read_recent, now))
    if record:
        from chalicelib.admin.rendering import render_plan

        record(
            {"changes": render_plan(plan)}
        )  # now: an error after the publish would look as if it had failed
    else:
        print_plan(console, plan)
    outcome, done, notes = "unchanged", None, list[str]()
    if not plan.changes:
        console.print(f"Nothing changes: version {published.version} stays in force.")
    elif dry_run:
        outcome, has_to_wait = "dry_run", submission.has_to_wait(plan)
        waiting = " It would wait for approval." if has_to_wait else ""
        console.print(f"{plan.summarize()}. Nothing is published (--dry-run).{waiting}")
        if record:
            record({"needs_approval": has_to_wait})
    elif (asks or plan.revived) and not confirm(f"{plan.summarize()}. Publish?"):
        console.print(f"Nothing is published: version {published.version} stays in force.")
        return 1
    else:
        done = submission.submit(plan, publisher)
        outcome = "published" if isinstance(done, int) else "proposed"
        print_submitted(console, done, f": {plan.summarize()}")
    for change in plan.changes:
        if isinstance(change.after, ExperimentDocument) and is_plan_missing(change.after):
            notes.append(f"{change.after.key} has no planned_users: {estimate(change.after)}")
            _print_data(console, notes[-1])
    if record:
        record(_describe(outcome, published.version, done, notes))
    return 0


def _describe(
    outcome: str, version: int | None = None, done: int | Proposal | None = None, notes: Sequence[str] = ()
) -> dict[str, Any]:
    """``version``: the one in force, unless a new one was published."""
    return {
        "outcome": outcome,
        "version": done if isinstance(done, int) else version,
        "proposal": done.id if isinstance(done, Proposal) else None,
        "notes": [*notes],
    }


def print_submitted(console: Console, submitted: int | Proposal, what: str = "") -> None:
    if isinstance(submitted, int):
        console.print(f"[green]Published version {submitted}[/green]{what}.", highlight=False)
        return
    console.print(
        f"[yellow]Proposed as {submitted.id}[/yellow]{what}. Nothing is published yet.", highlight=False
    )
    _print_data(console, f"Somebody else approves it: python -m realtime proposals approve {submitted.id}")


def print_plan(console: Console, plan: Plan) -> None:
    """What it changes, and for whom."""
    for planned in plan.describe_changes():
        _print_change(console, planned)
    for dependent in plan.find_dependents():
        used = ", ".join(" ".join(cause) for cause in dependent.causes)
        share = describe_share(dependent.name, dependent.impact, dependent.keeps_assignments)
        _print_data(console, f"  {' '.join(dependent.name)} uses {used}: {share}")


def read_recent_or_none(console: Console, read_recent: ReadRecent, now: float) -> Sequence[RecentContext]:
    """None where they cannot be read: a publish does not depend on them."""
    try:
        return read_recent(now)
    except (StorageUnavailable, Throttled):
        console.print("[dim]Recent contexts cannot be read; users are made up.[/dim]", highlight=False)
        return ()


def _print_change(console: Console, planned: PlannedChange) -> None:
    change = planned.change
    kind, key = change.name
    colour = COLOURS[change.sign]
    console.print(f"[{colour}]{change.sign} {kind} {key}[/{colour}]", highlight=False)
    if planned.impact:
        for difference in change.list_differences():
            _print_data(console, f"    {difference.path}: {difference.before} → {difference.after}")
        _print_data(console, f"    {describe_share(change.name, planned.impact, change.keeps_assignments)}")
        for line in describe_impact(planned.impact):
            _print_data(console, f"      {line}")
    for note in planned.notes:
        console.print(f"    [yellow]{escape(note)}[/yellow]", highlight=False, soft_wrap=True)
    if planned.kill:
        _print_data(console, f"    turns it on again: it was {describe_kill(planned.kill)}")


def _print_data(console: Console, text: str) -> None:
    """As it is: no markup, no emoji codes, no line break at the console's width."""
    console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)
