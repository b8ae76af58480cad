"""`sync`: all assignments of DynamoDB into PostgreSQL, and the differences between the two."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from chalicelib.stores.postgres import AssignmentHistory
from chalicelib.wiring import Plane
from realtime.postgres.assignment_table import AssignmentTable, Pace
from realtime.postgres.backfill import Position, backfill
from realtime.postgres.check import MEANINGS, Report, build_comparison
from realtime.postgres.connection import connect, find_target
from realtime.postgres.migrate import require_fit
from realtime.postgres.table_shape import is_there

POSITIONS = Path(".realtime") / "sync"


def run_backfill(
    console: Console, services: Plane, rate: float, *, restart: bool, as_json: bool = False
) -> int:
    """Exit status 1 if PostgreSQL refused rows."""
    settings, address = services.settings, find_target(services)
    _require_table(services)
    table = AssignmentTable(services.clients.dynamodb, settings.assignments_table)
    source = quote(f"{os.environ.get('AWS_ENDPOINT_URL', 'aws')}-{settings.assignments_table}", safe="")
    file = POSITIONS / f"{source}-{quote(str(address), safe='')}.json"
    if restart:
        file.unlink(missing_ok=True)
    position = Position.load(file)
    if position.rows and not as_json:
        console.print(f"Resuming after {position.rows:,} rows; --restart begins again.", highlight=False)
    with _show_progress(console, "rows", table.estimate(), hidden=as_json) as (progress, task):
        try:
            backfill(
                table,
                lambda: AssignmentHistory(services.clients, settings),
                position,
                Pace(rate),
                lambda rows: progress.update(task, completed=rows),
            )
        except BaseException:
            if position.rows:
                console.print(f"Stopped after {position.rows:,} rows; the next run goes on from there.")
            raise
    _report_backfill(console, position, str(address), as_json=as_json)
    return int(position.refused.total() > 0)


def _report_backfill(console: Console, position: Position, address: str, *, as_json: bool) -> None:
    refused = position.refused.total()
    written = position.rows - position.skipped - refused
    if as_json:
        names = {"rows": position.rows, "written": written, "skipped": position.skipped}
        print(json.dumps(names | {"refused": position.refused, "first_refused": position.first_refused}))
        return
    console.print(f"{written:,} assignments are in PostgreSQL at {address}.", highlight=False, markup=False)
    if position.skipped:
        console.print(f"{position.skipped:,} items are not assignments of this service.", highlight=False)
    for code, number in sorted(position.refused.items()):
        first = position.first_refused[code]
        console.print(f"{number:,} refused: {code}, first {first}", highlight=False, markup=False)


def run_check(console: Console, services: Plane, rate: float, grace: float, *, as_json: bool) -> int:
    """Exit status 1 if there are differences."""
    settings, address = services.settings, find_target(services)
    _require_table(services)
    table = AssignmentTable(services.clients.dynamodb, settings.assignments_table)
    comparison = build_comparison(table, address, Pace(rate), grace, settings.assignment_ttl_days)
    with _show_progress(console, "rows of both", 2 * table.estimate(), hidden=as_json) as (progress, task):
        report = comparison.run(
            lambda report: progress.update(task, completed=report.dynamodb + report.postgres)
        )
    if as_json:
        print(json.dumps(_to_json(report)))
    else:
        _show_report(console, report)
    return int(report.differences.total() > 0)


def _to_json(report: Report) -> dict[str, object]:
    differences = {
        kind: {"count": number, "examples": report.examples[kind]}
        for kind, number in report.differences.items()
    }
    counts = {"dynamodb": report.dynamodb, "postgres": report.postgres}
    return counts | {"differences": differences, "explained": report.explained}


def _show_report(console: Console, report: Report) -> None:
    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    say(f"{report.dynamodb:,} rows in DynamoDB, {report.postgres:,} in PostgreSQL.")
    for explanation, number in sorted(report.explained.items()):
        say(f"{number:,} {MEANINGS[explanation]}: no difference.")
    for kind, number in sorted(report.differences.items()):
        say(f"{number:,} {MEANINGS[kind]}:")
        for assignment_id in report.examples[kind]:
            say(f"  {assignment_id}")
        if number > len(report.examples[kind]):
            say(f"  … and {number - len(report.examples[kind]):,} more")
    say("They differ." if report.differences else "No differences.")


def _require_table(services: Plane) -> None:
    with connect(find_target(services)) as connection:
        if not is_there(connection, "assignments"):
            raise ValueError("PostgreSQL has no table assignments: run `python -m realtime migrate` first")
        require_fit(connection)


@contextmanager
def _show_progress(
    console: Console, what: str, total: int, *, hidden: bool
) -> Iterator[tuple[Progress, TaskID]]:
    """``total`` is an estimate, which DynamoDB makes every six hours."""
    columns = BarColumn(20), TextColumn("{task.completed:,.0f} of about {task.total:,.0f} {task.description}")
    with Progress(*columns, console=console, disable=hidden) as progress:
        yield progress, progress.add_task(what, total=total)
