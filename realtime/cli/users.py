"""What is stored about a user."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realtime.cli import program
from realtime.cli.program import UsageError

if TYPE_CHECKING:
    pass

app = program.make_app()
Users = Annotated[list[str] | None, typer.Option("--user", help="A user's id; may be repeated.")]
AlsoIds = Annotated[
    list[str] | None, typer.Option("--also-id", help="Another id of the same user; may be repeated.")
]


@app.command()
def forget(
    user: Users = None,
    also_id: AlsoIds = None,
    user_file: Annotated[
        Path | None, typer.Option(help="A user a line; further ids of the user after tabs.")
    ] = None,
    pseudonymise: Annotated[
        bool, typer.Option("--pseudonymise", help="Keep events and history under a pseudonym.")
    ] = False,
    drop: Annotated[
        str, typer.Option(help="With --pseudonymise: fields that go, such as properties,metadata.")
    ] = "",
    mentions: Annotated[
        str, typer.Option(help="Ids in others' data: auto, own (leave them) or all (also short ids).")
    ] = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what is there and stop.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only search; exit 1 if anything is left.")
    ] = False,
    scan: Annotated[
        bool, typer.Option("--scan", help="Read the whole assignments table, not only published keys.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Write stores and counts as JSON.")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Begin an interrupted run again.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a user everywhere. Example: python -m realtime forget --user u1 --dry-run"""
    from realtime.commands import forget as command
    from realtime.user_data.people import list_people

    people = list_people(user or [], also_id or [], user_file)
    options = command.read_options(
        is_pseudonymised=pseudonymise, drop=drop, mentions=mentions, restart=restart, has_to_scan=scan
    )
    if dry_run and verify:
        raise UsageError("name either --dry-run or --verify")
    services = program.plane()
    people = command.find_linked_ids(program.console, people, services.assignments)
    if dry_run or verify:
        raise typer.Exit(
            command.search_user(program.console, services, people, options, report, is_proof=verify)
        )
    if not yes and not command.confirm(people, options, services.settings.env):
        raise UsageError("nothing was changed")
    raise typer.Exit(command.forget_user(program.console, services, people, options, report))


@app.command("export-user")
def export_user(
    user: Annotated[str, typer.Option(help="The user's id.")],
    also_id: AlsoIds = None,
    out: Annotated[Path | None, typer.Option(help="A new folder, or a new .zip file.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    scan: Annotated[
        bool, typer.Option("--scan", help="Read the whole assignments table, not only published keys.")
    ] = False,
) -> None:
    """Hand out a user's data. Example: python -m realtime export-user --user u1 --out u1.zip"""
    from realtime.commands.export_user import export_user as run
    from realtime.commands.replay_position import POSITIONS
    from realtime.user_data.people import add_linked_ids, list_people
    from realtime.user_data.places import list_stores

    if bool(out) == dry_run:
        raise UsageError("name either --out FILE.zip or --dry-run")
    services = program.plane()
    [person] = add_linked_ids(list_people([user], also_id or [], None), services.assignments)
    stores = list_stores(services, POSITIONS, has_to_scan=scan)
    run(program.console, stores, person, out, services.clock())
