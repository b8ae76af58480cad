"""A running environment."""

import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from realtime.cli import program
from realtime.cli.program import UsageError, is_local

if TYPE_CHECKING:
    pass

app = program.make_app()


@app.command()
def status(
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every few seconds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Show what is well and what is not. Example: python -m realtime status --watch

    Exits with 0 if all is green, 1 if the worst is amber, 2 if it is red or unknown.
    """
    from chalicelib.stores.status_sources import StatusSources
    from realtime.commands.status import show_status, watch_status

    if watch and as_json:
        raise UsageError("choose --watch or --json: JSON is printed once")
    services = program.plane()
    sources = StatusSources(services.settings, services.clients, services.definitions)
    if watch:
        watch_status(program.console, sources)
    else:
        raise typer.Exit(show_status(program.console, sources, as_json=as_json))


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Check this machine and the environment. Example: python -m realtime doctor

    Python, packages, region, credentials, clock, tables, stream, bucket, queues, ports. Exits with 1 if
    something is missing.
    """
    from pathlib import Path

    from realtime.commands.doctor import Machine, examine, show
    from realtime.commands.publisher import format_identity, get_caller_arn
    from realtime.local.ports import HOST, read_port

    services = program.plane()
    root = Path(__file__).parents[2]
    machine = Machine(
        services.settings,
        services.clients,
        lambda: format_identity(get_caller_arn()),
        time.time(),
        (root / "requirements.txt", root / "realtime" / "requirements.txt"),
        f"http://{HOST}:{read_port('PORT', 8000)}",
    )
    raise typer.Exit(show(program.console, list(examine(machine)), as_json=as_json))


@app.command()
def backup(
    to: Annotated[str, typer.Option(help="A new file, or s3://BUCKET/KEY.")],
    with_keys: Annotated[
        bool, typer.Option("--keys", help="Also the API keys: labels, scopes and hashes.")
    ] = False,
) -> None:
    """Save all definitions and their history. Example: python -m realtime backup --to defs.jsonl.gz"""

    from realtime.backup.places import find_place
    from realtime.commands.backup import back_up

    services = program.plane()
    back_up(
        program.console,
        services.definitions,
        services.keys if with_keys else None,
        find_place(to, services.clients),
        to,
        environment=services.settings.env,
        now=time.time(),
    )


@app.command()
def restore(
    source: Annotated[str, typer.Argument(help="A file that `backup` wrote, or s3://BUCKET/KEY.")],
    with_keys: Annotated[bool, typer.Option("--keys", help="Also the API keys that are not there.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Publish the backup's definitions as one new version.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the file and say what would happen.")
    ] = False,
    by: Annotated[str, typer.Option(help="Who restores, with --replace; as of `publish`.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Let --replace publish without asking.")] = False,
    reason: Annotated[str, typer.Option(help="Why, with --replace; as of `publish`.")] = "",
) -> None:
    """Bring definitions back from a backup. Example: python -m realtime restore defs.jsonl.gz"""
    from chalicelib.domain.publishing.author import Author
    from realtime.backup.places import find_place
    from realtime.cli.publishing import make_submission
    from realtime.commands.publish import confirm_on_terminal
    from realtime.commands.publisher import get_caller_arn, identify_publisher
    from realtime.commands.restore import restore as run

    def confirm(question: str) -> bool:
        return yes or confirm_on_terminal(question, "--replace changes what is in force")

    services = program.plane()
    publisher = (
        identify_publisher(by, None if is_local() else get_caller_arn)
        if replace and not dry_run
        else Author("")
    )
    publisher = publisher._replace(note=", ".join(filter(None, (reason, publisher.note))))
    raise typer.Exit(
        run(
            program.console,
            services.definitions,
            services.keys if with_keys else None,
            find_place(source, services.clients),
            source,
            write_key_snapshot=services.write_key_snapshot,
            publisher=publisher,
            confirm=(lambda _: True)
            if yes
            else lambda question: confirm_on_terminal(question, "--replace changes what is in force"),
            replace=replace,
            dry_run=dry_run,
            read_recent=services.recent_contexts.get_all,
            submission=make_submission(reason, f"restore of {source}"),
        )
    )


@app.command()
def capacity(
    rps: Annotated[float, typer.Option(min=0.01, help="Decisions in the busiest second.")],
    users: Annotated[int, typer.Option(min=0, help="Distinct users a month.")] = 1_000_000,
    events: Annotated[float, typer.Option(min=0, help="Events in the busiest hour, from clients.")] = 0,
    front: Annotated[
        Literal["rest", "http", "alb"], typer.Option(help="REST API, HTTP API or load balancer.")
    ] = "rest",
    requests: Annotated[
        float | None, typer.Option(help="Decisions a month; by default the busiest second all month.")
    ] = None,
    assign_share: Annotated[
        float, typer.Option(min=0, max=1, help="Of the decisions: assignments; flags are the rest.")
    ] = 1 / 3,
    start: Annotated[
        Literal["cold", "snapstart", "provisioned"], typer.Option(help="How new environments begin.")
    ] = "snapstart",
    events_per_request: Annotated[float, typer.Option(help="Events that a client sends together.")] = 10,
    tracked: Annotated[
        float, typer.Option(min=0, help="Events that a flag request sends; 0 without tracking.")
    ] = 1,
    assignment_hits: Annotated[
        float, typer.Option(help="Share of assignments that a container has in memory.")
    ] = 0,
    experiments: Annotated[float, typer.Option(min=0, help="New assignments of a user in a month.")] = 1,
    firewall: Annotated[bool, typer.Option(help="AWS WAF before a REST API or load balancer.")] = True,
    api_keys: Annotated[int, typer.Option(min=1, help="API keys in use.")] = 10,
    rise: Annotated[float, typer.Option(min=0, help="Simulate: seconds from none to the peak.")] = 30,
    stay: Annotated[float, typer.Option(min=0, help="Simulate: seconds at the peak; 0 and 0: none.")] = 15,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Size and price a load. Example: python -m realtime capacity --rps 10000 --events 1000000

    It asks no AWS. docs/capacity.md says how it reckons, and with which assumptions.
    """
    from realtime.capacity.load import Load
    from realtime.commands.capacity import find_share, show_capacity

    load = Load(
        assigns=rps * assign_share,
        flags=rps - rps * assign_share,
        users=users,
        events_per_hour=events,
        share=find_share(rps, requests),
        front=front,
        start=start,
        events_per_request=events_per_request,
        tracked=tracked,
        assignment_hits=assignment_hits,
        experiments=experiments,
        keys=api_keys,
        has_firewall=firewall,
    )
    show_capacity(program.console, load, rise, stay, as_json=as_json)


@app.command()
def migrate(
    table: Annotated[
        Literal["own", "platform"] | None,
        typer.Option(help="Whose table it is. By default the platform's where REALTIME_PLATFORM=existing."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the SQL and change nothing.")] = False,
) -> None:
    """Prepare PostgreSQL for assignments. Example: python -m realtime migrate --dry-run"""
    from realtime.commands.migrate import run_migrate
    from realtime.postgres.connection import find_target

    services = program.plane()
    owner = table or ("platform" if services.settings.platform == "existing" else "own")
    run_migrate(program.console, find_target(services), owner, dry_run=dry_run)


@app.command()
def sync(
    backfill: Annotated[bool, typer.Option("--backfill", help="Write every assignment; resumable.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Show differences; exit 1 if any.")] = False,
    rate: Annotated[float, typer.Option(min=0, help="Rows a second at most; 0: no limit.")] = 5000,
    grace: Annotated[
        float, typer.Option(min=0, help="Seconds that a change may take to arrive (--check).")
    ] = 60,
    restart: Annotated[
        bool, typer.Option("--restart", help="Forget the position of an earlier run (--backfill).")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Fill or check PostgreSQL from DynamoDB. Example: python -m realtime sync --check"""
    from realtime.commands.sync import run_backfill, run_check

    if backfill == check:
        raise UsageError("name either --backfill or --check")
    if backfill:
        raise typer.Exit(
            run_backfill(program.console, program.plane(), rate, restart=restart, as_json=as_json)
        )
    raise typer.Exit(run_check(program.console, program.plane(), rate, grace, as_json=as_json))
