"""`python -m realtime quarantine …`: its table of commands. Each imports its module when it runs."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from realtime.cli import program

if TYPE_CHECKING:
    from rich.console import Console

    from chalicelib.domain.audit import AuditTrail
    from chalicelib.wiring import Plane
    from realtime.commands.quarantine_changes import Operator
    from realtime.quarantine.failed_batches import FailedBatchQueue
    from realtime.quarantine.selection import Selection
    from realtime.quarantine.targets import Target, Targets

WATCH_SECONDS = 5.0
Codes = Annotated[list[str] | None, typer.Option("--code", help="Only this code; may be repeated.")]
Shards = Annotated[
    list[str] | None, typer.Option("--shard", help="Only this shard, with or without its stream.")
]
Places = Annotated[list[str] | None, typer.Option("--place", help="Only this place or id of `list`.")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="Only event or assignment_row.")]
Since = Annotated[str, typer.Option(help="Arrived then or later: ISO 8601, or an age such as 90m, 2h.")]
Until = Annotated[str, typer.Option(help="Arrived before: ISO 8601, or an age such as 90m, 2h.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one line for each.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and stop.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
By = Annotated[str, typer.Option(help="Who you are. On AWS a note beside the identity of your credentials.")]
Reason = Annotated[str, typer.Option(help="For the audit. Name no user.")]
Backfill = Annotated[
    bool, typer.Option("--backfill", help="Take events whatever their age, as after an outage.")
]
Record = Annotated[str, typer.Argument(help="A place or an id, as `list` shows.")]


@dataclass(frozen=True)
class CliContext:
    """``context.obj`` of each command. ``get_plane`` is called when it runs."""

    console: "Console"
    get_plane: Callable[[], "Plane"]
    is_local: Callable[[], bool]


app = program.make_app()


@app.callback()
def quarantine(context: typer.Context) -> None:
    """Records that could not be processed. Example: python -m realtime quarantine list"""
    context.obj = CliContext(program.console, program.plane, program.is_local)


@app.command("list")
def list_records(
    context: typer.Context,
    code: Codes = None,
    since: Since = "",
    until: Until = "",
    shard: Shards = None,
    place: Places = None,
    kind: Kinds = None,
    limit: Annotated[int, typer.Option(min=0, help="Rows of the table at most; 0: all.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line each, with payload.")] = False,
) -> None:
    """List records and their errors. Example: python -m realtime quarantine list --since 2h"""
    from realtime.commands.quarantine import list_quarantine

    selection = _select(code, since, until, shard, place, kind)
    with _stoppable() as is_stopping:
        list_quarantine(
            context.obj.console,
            context.obj.get_plane().quarantine,
            selection,
            limit=0 if as_json else limit,
            as_json=as_json,
            is_stopping=is_stopping,
        )


@app.command()
def stats(
    context: typer.Context,
    code: Codes = None,
    since: Since = "",
    until: Until = "",
    shard: Shards = None,
    kind: Kinds = None,
    as_json: Json = False,
) -> None:
    """Count by code, shard and hour. Example: python -m realtime quarantine stats --since 1d"""
    from realtime.commands.quarantine import show_stats

    selection = _select(code, since, until, shard, None, kind)
    with _stoppable() as is_stopping:
        show_stats(
            context.obj.console,
            context.obj.get_plane().quarantine,
            selection,
            as_json=as_json,
            is_stopping=is_stopping,
        )


@app.command()
def show(
    context: typer.Context,
    places: Annotated[list[str], typer.Argument(help="Places or ids, as `list` shows.")],
    as_json: Json = False,
) -> None:
    """Show records with payload. Example: python -m realtime quarantine show 3f2a9c01"""
    from realtime.commands.quarantine import show_records

    selection = _select(None, "", "", None, places, None)
    with _stoppable() as is_stopping:
        show_records(
            context.obj.console,
            context.obj.get_plane().quarantine,
            selection,
            as_json=as_json,
            is_stopping=is_stopping,
        )


@app.command()
def sample(
    context: typer.Context,
    number: Annotated[int, typer.Option("-n", min=1, help="Records of each code.")] = 1,
    code: Codes = None,
    since: Since = "",
    until: Until = "",
    shard: Shards = None,
    kind: Kinds = None,
    as_json: Json = False,
) -> None:
    """Show one of each code with payload. Example: python -m realtime quarantine sample -n 2"""
    from realtime.commands.quarantine import show_records

    selection = _select(code, since, until, shard, None, kind)
    with _stoppable() as is_stopping:
        show_records(
            context.obj.console,
            context.obj.get_plane().quarantine,
            selection,
            per_code=number,
            as_json=as_json,
            is_stopping=is_stopping,
        )


@app.command()
def redrive(
    context: typer.Context,
    code: Codes = None,
    since: Since = "",
    until: Until = "",
    shard: Shards = None,
    place: Places = None,
    kind: Kinds = None,
    backfill: Backfill = False,
    dry_run: DryRun = False,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to look for records that come back.")
    ] = WATCH_SECONDS,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Send records back, each once. Example: python -m realtime quarantine redrive"""
    from realtime.commands.quarantine_changes import redrive_quarantine

    selection, services = _select(code, since, until, shard, place, kind), context.obj.get_plane()
    with _stoppable() as is_stopping:
        report = redrive_quarantine(
            context.obj.console,
            services.quarantine,
            _make_targets(services, backfill=backfill),
            _identify(context, services, by, reason),
            selection,
            backfill=backfill,
            dry_run=dry_run,
            wait=wait,
            is_stopping=is_stopping,
        )
    raise typer.Exit(int(bool(report.refused or report.not_removed)))


@app.command()
def edit(
    context: typer.Context,
    place: Record,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="field=value, JSON or text; repeatable.")
    ] = None,
    unset: Annotated[list[str] | None, typer.Option("--unset", help="Remove a field; repeatable.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="The whole new payload.")] = None,
    backfill: Backfill = False,
    dry_run: DryRun = False,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Change one and send it; without options in $EDITOR. Example: python -m realtime quarantine edit 3f2a9c01 --set value=12.5"""  # noqa: E501 - one line of help
    from realtime.commands.quarantine_changes import Edit, edit_record

    if file is not None and (assignments or unset):
        raise ValueError("give either --file or --set and --unset")
    services = context.obj.get_plane()
    with _stoppable() as is_stopping:
        report = edit_record(
            context.obj.console,
            services.quarantine,
            _make_targets(services, backfill=backfill),
            _identify(context, services, by, reason),
            place,
            Edit(assignments or (), unset or (), file),
            backfill=backfill,
            dry_run=dry_run,
            is_stopping=is_stopping,
        )
    raise typer.Exit(int(bool(report.refused or report.not_removed)))


@app.command()
def drop(
    context: typer.Context,
    code: Codes = None,
    since: Since = "",
    until: Until = "",
    shard: Shards = None,
    place: Places = None,
    kind: Kinds = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Delete a selection. Example: python -m realtime quarantine drop --code invalid_json"""
    selection = _select(code, since, until, shard, place, kind)
    if selection.is_everything:
        raise ValueError("drop: name what to delete, such as --code invalid_json; see also `purge`")
    _drop(context, "drop", selection, dry_run, yes, by, reason)


@app.command()
def purge(
    context: typer.Context, dry_run: DryRun = False, yes: Yes = False, by: By = "", reason: Reason = ""
) -> None:
    """Delete everything. Example: python -m realtime quarantine purge --reason test"""
    _drop(context, "purge", _select(None, "", "", None, None, None), dry_run, yes, by, reason)


@app.command()
def audit(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="Actions at most.")] = 50,
    as_json: Json = False,
) -> None:
    """Show who changed what and why. Example: python -m realtime quarantine audit"""
    from realtime.commands.quarantine import show_audit

    show_audit(context.obj.console, _open_trail(context.obj.get_plane()), limit, as_json=as_json)


batches = program.make_app()
app.add_typer(batches, name="batches")


@batches.callback(invoke_without_command=True)
def list_failed_batches(
    context: typer.Context,
    since: Since = "",
    until: Until = "",
    shard: Shards = None,
    place: Places = None,
    as_json: Json = False,
) -> None:
    """Batches that Lambda gave up. Example: python -m realtime quarantine batches"""
    if context.invoked_subcommand:
        return
    from realtime.commands.quarantine import list_quarantine
    from realtime.commands.quarantine_batches import list_batches

    selection = _select(None, since, until, shard, place, None)
    queue = _open_failed_batches(context.obj.get_plane())
    with _stoppable() as is_stopping:
        if as_json:
            list_quarantine(context.obj.console, queue, selection, as_json=True, is_stopping=is_stopping)
        else:
            list_batches(context.obj.console, queue, selection, is_stopping=is_stopping)


@batches.command("redrive")
def redrive_failed_batches(
    context: typer.Context,
    since: Since = "",
    until: Until = "",
    shard: Shards = None,
    place: Places = None,
    archived_too: Annotated[
        bool, typer.Option("--archived-too", help="Also what is in the archive; it may count twice.")
    ] = False,
    dry_run: DryRun = False,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Count what was never counted. Example: python -m realtime quarantine batches redrive"""
    from realtime.commands.quarantine_batches import redrive_batches

    selection, services = _select(None, since, until, shard, place, None), context.obj.get_plane()
    with _stoppable() as is_stopping:
        report = redrive_batches(
            context.obj.console,
            _open_failed_batches(services),
            services,
            _identify(context, services, by, reason),
            selection,
            archived_too=archived_too,
            dry_run=dry_run,
            is_stopping=is_stopping,
        )
    raise typer.Exit(int(report.failed))


@batches.command("drop")
def drop_failed_batches(
    context: typer.Context,
    since: Since = "",
    until: Until = "",
    shard: Shards = None,
    place: Places = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    by: By = "",
    reason: Reason = "",
) -> None:
    """Forget batches. Example: python -m realtime quarantine batches drop --place 3f2a9c01"""
    from realtime.commands.quarantine_changes import confirm_on_terminal, drop_records

    selection, services = _select(None, since, until, shard, place, None), context.obj.get_plane()
    with _stoppable() as is_stopping:
        drop_records(
            context.obj.console,
            _open_failed_batches(services),
            _identify(context, services, by, reason),
            selection,
            (lambda _: True) if yes else confirm_on_terminal,
            name="drop batches",
            dry_run=dry_run,
            is_stopping=is_stopping,
        )


def _open_failed_batches(services: "Plane") -> "FailedBatchQueue":
    from chalicelib.stores.message_queue import MessageQueue
    from realtime.quarantine.failed_batches import FailedBatchQueue

    return FailedBatchQueue(MessageQueue(services.clients, services.settings.failure_queue))


def _drop(
    context: typer.Context, name: str, selection: "Selection", dry_run: bool, yes: bool, by: str, reason: str
) -> None:
    from realtime.commands.quarantine_changes import confirm_on_terminal, drop_records

    services = context.obj.get_plane()
    with _stoppable() as is_stopping:
        drop_records(
            context.obj.console,
            services.quarantine,
            _identify(context, services, by, reason),
            selection,
            (lambda _: True) if yes else confirm_on_terminal,
            name=name,
            dry_run=dry_run,
            is_stopping=is_stopping,
        )


def _select(
    codes: list[str] | None,
    since: str,
    until: str,
    shards: list[str] | None,
    places: list[str] | None,
    kinds: list[str] | None,
) -> "Selection":
    from realtime.quarantine.selection import Selection, parse_moment

    now = time.time()
    return Selection(
        codes or (),
        shards or (),
        places or (),
        kinds or (),
        parse_moment("--since", since, now),
        parse_moment("--until", until, now),
    )


def _make_targets(services: "Plane", *, backfill: bool) -> "Targets":
    from realtime.quarantine.targets import EventTarget, send_rows

    targets: dict[str, Target] = {"event": EventTarget(services.stream, backfill=backfill)}
    if services.history is not None:
        targets["assignment_row"] = send_rows(services.history)
    return targets


def _open_trail(services: "Plane") -> "AuditTrail":
    from chalicelib.stores.audit import TableAuditTrail

    return TableAuditTrail(services.clients, services.settings.publications_table, "quarantine")


def _identify(context: typer.Context, services: "Plane", by: str, reason: str) -> "Operator":
    from realtime.commands.publisher import get_caller_arn, identify_publisher
    from realtime.commands.quarantine_changes import Operator

    publisher = identify_publisher(by, None if context.obj.is_local() else get_caller_arn)
    return Operator(_open_trail(services), publisher.by, publisher.note, reason)


def _stoppable() -> Any:
    """Ctrl-C ends the command between two steps, with status 130."""
    from realtime.quarantine.interrupt import exit_on_interrupt

    return exit_on_interrupt()
