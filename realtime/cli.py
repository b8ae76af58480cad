"""`python -m realtime`: the table of commands. Each imports its module when it runs."""

import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer
from rich.console import Console

from chalicelib.domain.errors import RealtimeError, StorageUnavailable
from realtime.local.ports import LocalError
from realtime.quarantine_cli import CliContext
from realtime.quarantine_cli import app as quarantine_app
from realtime.safe_reading.shown_text import escape_controls
from realtime.safe_reading.strict_json import parse_json

if TYPE_CHECKING:
    from datetime import date

    from chalicelib.domain.definitions.model import DefinitionKind
    from chalicelib.wiring import Plane

app = typer.Typer(
    help="Experiments, feature flags and events. Example: [b]python -m realtime up[/b]",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
keys_app = typer.Typer(
    help="API keys and their scopes. Example: [b]python -m realtime keys list[/b]", no_args_is_help=True
)
app.add_typer(keys_app, name="keys")
console = Console()
app.add_typer(quarantine_app, name="quarantine")
PROGRAM = "python -m realtime"

Paths = Annotated[list[Path], typer.Argument(help="Definition files (YAML or JSON) or folders of them.")]
Strict = Annotated[bool, typer.Option("--strict", help="Treat lint warnings as errors.")]


class UsageError(Exception):
    """A mistake in the command line or in a file, with one line for the user."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


@app.command()
def up(
    full: Annotated[bool, typer.Option("--full", help="Replay all 69,659 purchases, not a sample.")] = False,
    demo: Annotated[bool, typer.Option(help="Publish the demo and replay purchases.")] = True,
    postgres: Annotated[
        bool, typer.Option(help="Sync assignments into PostgreSQL: an embedded one, or DATABASE_URL.")
    ] = True,
    front: Annotated[
        Literal["rest", "http", "url", "alb"],
        typer.Option(help="The gateway whose events the app gets: REST API, HTTP API, function URL, ALB."),
    ] = "rest",
    snapshot: Annotated[
        Path | None,
        typer.Option(help="Publish what `snapshot --to FILE` saved, and nothing of the demo."),
    ] = None,
) -> None:
    """Start everything on this machine until Ctrl-C. Example: [b]python -m realtime up --full[/b]"""
    from realtime.commands.snapshot_file import read_snapshot
    from realtime.commands.up import run_stack

    if snapshot and full:
        raise UsageError("choose --snapshot or --full: a snapshot takes the place of the demo")
    read = read_snapshot(snapshot) if snapshot else None
    run_stack(console, full=full, demo=demo and not snapshot, postgres=postgres, front=front, snapshot=read)


@app.command()
def validate(paths: Paths, strict: Strict = False) -> None:
    """Check definitions without publishing. Example: [b]python -m realtime validate definitions/[/b]"""
    from realtime.commands.validate import validate as run

    raise typer.Exit(run(console, paths, strict))


@app.command()
def schema() -> None:
    """Print the JSON Schema of definitions. Example: [b]python -m realtime schema > schema.json[/b]"""
    from realtime.commands.schema import print_schema

    print_schema()


@app.command()
def publish(
    paths: Annotated[list[Path] | None, typer.Argument(help="Definition files or folders.")] = None,
    strict: Strict = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove definitions that are not in the files.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the difference and stop.")] = False,
    version: Annotated[
        int | None, typer.Option("--rollback", help="Restore a version, as a new one.")
    ] = None,
    by: Annotated[
        str, typer.Option(help="Who publishes. On AWS a note beside the identity of your credentials.")
    ] = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before --prune removes, or a killed flag is on again.")
    ] = False,
) -> None:
    """Show what changes, then publish it. Example: [b]python -m realtime publish flags.yaml[/b]"""
    from realtime.commands.publish import confirm_on_terminal, roll_back
    from realtime.commands.publish import publish as run
    from realtime.commands.publisher import PublisherName, get_caller_arn, identify_publisher

    if bool(paths) == (version is not None):
        raise UsageError("name either files to publish or --rollback VERSION")
    services = plane()
    definitions, read_recent = services.definitions, services.recent_contexts.get_all
    publisher = (
        PublisherName("") if dry_run else identify_publisher(by, None if _is_local() else get_caller_arn)
    )
    confirm = (lambda _: True) if yes else confirm_on_terminal
    if version is not None:
        raise typer.Exit(
            roll_back(
                console,
                definitions,
                version,
                publisher=publisher,
                confirm=confirm,
                dry_run=dry_run,
                read_recent=read_recent,
            )
        )
    raise typer.Exit(
        run(
            console,
            definitions,
            paths or [],
            strict,
            publisher=publisher,
            prune=prune,
            confirm=confirm,
            dry_run=dry_run,
            read_recent=read_recent,
        )
    )


@app.command()
def kill(
    flag: Annotated[str, typer.Argument(help="The flag's key or alias.")],
    reason: Annotated[str, typer.Option(help="Why; the history keeps it.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Turn it on again, as it was.")] = False,
    by: Annotated[str, typer.Option(help="Who does it; as of `publish`.")] = "",
) -> None:
    """Turn a flag off for everybody, at once. Example: [b]python -m realtime kill x --reason "errors"[/b]"""
    from realtime.commands.kill import kill_flag, undo_kill
    from realtime.commands.publisher import get_caller_arn, identify_publisher
    from realtime.definition_files.kills import check_reason

    if not undo:
        check_reason(reason)  # before AWS is asked who this is
    definitions = plane().definitions
    publisher = identify_publisher(by, None if _is_local() else get_caller_arn)
    run = undo_kill if undo else kill_flag
    run(console, definitions, flag, reason, publisher, time.time())


@app.command(name="import")
def import_(
    vendor: Annotated[str, typer.Argument(help="The system that the documents come from, such as unleash.")],
    files: Annotated[list[Path], typer.Argument(help="What its SDK downloads, as JSON.")],
    out: Annotated[Path, typer.Option(help="The definition file to write, .yaml or .json.")],
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, such as fractional=v1.")] = None,
) -> None:
    """Take over another system's flags, of which no user gets another variant.

    Example: [b]python -m realtime import unleash x.json --out x.yaml[/b]
    """
    from realtime.commands.import_definitions import import_definitions

    with _exiting(2):  # 1 says that a flag was refused
        status = import_definitions(
            console, vendor, files, out, _read_pairs("--option", "NAME=VALUE", option or [])
        )
    raise typer.Exit(status)


@app.command()
def check_import(
    files: Annotated[list[Path], typer.Argument(help="Cases as JSON Lines; .gz is unpacked.")],
) -> None:
    """Compare imports with what a vendor answers. Example: [b]python -m realtime check-import x.jsonl[/b]"""
    from realtime.commands.check_import import check_import as run

    with _exiting(2):
        status = run(console, files)
    raise typer.Exit(status)


@app.command("import-assignments")
def import_assignments(
    files: Annotated[
        list[str], typer.Argument(help="Files, folders or s3:// prefixes: CSV, JSON, Parquet, packed or not.")
    ],
    experiment: Annotated[str, typer.Option(help="The key of the experiment here.")],
    file_format: Annotated[
        Literal["rows", "growthbook", "optimizely"],
        typer.Option("--format", help="A table, GrowthBook's sticky buckets, Optimizely's user profiles."),
    ] = "rows",
    variants: Annotated[
        list[str] | None, typer.Option(help="OLD=NEW: the other system's name of a variant, and ours.")
    ] = None,
    user_column: Annotated[
        str, typer.Option(help="By default user_id. With growthbook the attribute, by default id.")
    ] = "",
    variant_column: Annotated[str, typer.Option(help="Of a table.")] = "variant",
    time_column: Annotated[str, typer.Option(help="When the user was assigned.")] = "assigned_at",
    from_experiment: Annotated[
        str, typer.Option(help="Its key or id in the other system; by default the key here.")
    ] = "",
    bucket_version: Annotated[str, typer.Option(help="That GrowthBook uses now, if there are several.")] = "",
    per_second: Annotated[float, typer.Option(min=0, help="Rows a second at most; 0: no limit.")] = 1000,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Forget the position of an earlier run.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Let users keep a variant that another system has stored. Nobody who has one here is moved.

    Example: [b]python -m realtime import-assignments users.csv --experiment checkout[/b]
    """
    from realtime.assignment_files.formats import Form
    from realtime.commands.import_assignments import import_assignments as run

    form = Form(
        file_format, user_column, variant_column, time_column, from_experiment or experiment, bucket_version
    )
    with _exiting(2):  # 1 says that a line cannot be used
        status = run(
            console,
            Console(stderr=True),
            plane(),
            files,
            experiment,
            form,
            _read_pairs("--variants", "OLD=NEW", variants or []),
            per_second,
            dry_run=dry_run,
            restart=restart,
            as_json=as_json,
        )
    raise typer.Exit(status)


@app.command()
def compare(
    vendor: Annotated[str, typer.Argument(help="The system that the documents come from, such as unleash.")],
    files: Annotated[list[Path], typer.Argument(help="What its SDK downloads, as JSON.")],
    users: Annotated[Path, typer.Option(help="Users and what clients send for them: CSV or JSON Lines.")],
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, as of `import`.")] = None,
    definitions: Annotated[
        Path | None, typer.Option(help="A definition file, in place of what is published.")
    ] = None,
    key: Annotated[str, typer.Option(help="Only this flag, by the other system's key.")] = "",
    user_column: Annotated[str, typer.Option(help="The column of CSV with the ids.")] = "",
    typed: Annotated[bool, typer.Option("--typed", help="Read 12, true and null in CSV as JSON.")] = False,
    text: Annotated[list[str] | None, typer.Option(help="A column that stays text with --typed.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Differences of a flag to show.")] = 3,
    now: Annotated[str, typer.Option(help="The time of the questions, such as 2026-11-27T08:00Z.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Count your users who would get another answer here than from another system.

    Example: [b]python -m realtime compare unleash x.json --users users.csv[/b]

    Exits with 0 if none would, 1 if some would, 2 if a file cannot be read.
    """
    from realtime.commands.compare import Source, load_file, load_published
    from realtime.commands.compare import compare as run
    from realtime.migration.users import Cells

    with _exiting(2):
        status = run(
            console,
            Source(vendor, files, _read_pairs("--option", "NAME=VALUE", option or [])),
            load_file(definitions) if definitions else load_published(plane().definitions),
            users,
            Cells(user_column, typed, text or ()),
            _read_time(now, "--now"),
            key=key,
            limit=limit,
            as_json=as_json,
        )
    raise typer.Exit(status)


@app.command()
def history(
    flag: Annotated[str, typer.Option(help="A flag's key.")] = "",
    experiment: Annotated[str, typer.Option(help="An experiment's key.")] = "",
    segment: Annotated[str, typer.Option(help="A segment's key.")] = "",
) -> None:
    """Show who published what and when. Example: [b]python -m realtime history --flag new-checkout[/b]"""
    from realtime.commands.history import show_definition_history, show_history

    keys: dict[DefinitionKind, str] = {"flag": flag, "experiment": experiment, "segment": segment}
    named = [(kind, key) for kind, key in keys.items() if key]
    if len(named) > 1:
        raise UsageError("name --flag KEY, --experiment KEY or --segment KEY, or none for everything")
    definitions = plane().definitions
    if named:
        show_definition_history(console, definitions, *named[0])
    else:
        show_history(console, definitions)


@app.command()
def snapshot(
    to: Annotated[Path | None, typer.Option(help="Save it in a new file instead.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Write what containers decide by without DynamoDB. Example: [b]python -m realtime snapshot[/b]

    Every publish writes it; this repairs one that is missing or behind.
    """
    import time

    from chalicelib.stores.definitions import DefinitionStore
    from realtime.commands.snapshot import write_snapshot
    from realtime.commands.snapshot_file import save_snapshot

    if to and as_json:
        raise UsageError("choose --to or --json")
    services = plane()
    definitions = DefinitionStore(services.clients, services.settings)
    if to:
        save_snapshot(console, definitions.take_snapshot(), to, time.time())
    else:
        write_keys = services.write_key_snapshot
        write_snapshot(console, definitions, services.snapshots, write_keys, time.time(), as_json=as_json)


@app.command()
def status(
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every few seconds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Show what is well and what is not. Example: [b]python -m realtime status --watch[/b]

    Exits with 0 if all is green, 1 if the worst is amber, 2 if it is red or unknown.
    """
    from realtime.commands.status import show_status, watch_status
    from realtime.status.sources import Sources

    if watch and as_json:
        raise UsageError("choose --watch or --json: JSON is printed once")
    services = plane()
    sources = Sources(services.settings, services.clients, services.definitions)
    if watch:
        watch_status(console, sources)
    else:
        raise typer.Exit(show_status(console, sources, as_json=as_json))


@app.command()
def backup(
    to: Annotated[str, typer.Option(help="A new file, or s3://BUCKET/KEY.")],
    with_keys: Annotated[
        bool, typer.Option("--keys", help="Also the API keys: labels, scopes and hashes.")
    ] = False,
) -> None:
    """Save all definitions and their history. Example: [b]python -m realtime backup --to defs.jsonl.gz[/b]"""
    import time

    from realtime.backup.places import find_place
    from realtime.commands.backup import back_up

    services = plane()
    back_up(
        console,
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
) -> None:
    """Bring definitions back from a backup. Example: [b]python -m realtime restore defs.jsonl.gz[/b]"""
    from realtime.backup.places import find_place
    from realtime.commands.publish import confirm_on_terminal
    from realtime.commands.publisher import PublisherName, get_caller_arn, identify_publisher
    from realtime.commands.restore import restore as run

    def confirm(question: str) -> bool:
        return yes or confirm_on_terminal(question, "--replace changes what is in force")

    services = plane()
    publisher = (
        identify_publisher(by, None if _is_local() else get_caller_arn)
        if replace and not dry_run
        else PublisherName("")
    )
    raise typer.Exit(
        run(
            console,
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
        )
    )


@app.command()
def flags(
    stale: Annotated[bool, typer.Option("--stale", help="Show only flags that can go.")] = False,
) -> None:
    """List flags, and which of them can go. Example: [b]python -m realtime flags --stale[/b]"""
    from realtime.commands.flags import list_flags

    services = plane()
    list_flags(console, services.definitions, services.counters, stale)


@app.command("check-rules")
def check_rules(
    files: Annotated[list[Path], typer.Argument(help="Corpora of targeting cases, JSON Lines.")],
) -> None:
    """Run targeting cases, print disagreements. Example: [b]python -m realtime check-rules cases.jsonl[/b]"""
    from realtime.commands.check_rules import run

    raise typer.Exit(run(files, console))


@app.command()
def explain(
    user: Annotated[str, typer.Option(help="The user's id.")],
    experiment: Annotated[str, typer.Option(help="An experiment's key.")] = "",
    flag: Annotated[str, typer.Option(help="A flag's key.")] = "",
    context: Annotated[str, typer.Option(help="Attributes as a JSON object.")] = "{}",
) -> None:
    """Show how it is decided. Example: [b]python -m realtime explain --user u1 --flag new-checkout[/b]"""
    from chalicelib.services.definitions.segments import find_by_key
    from realtime.commands.explain import explain_experiment, explain_flag

    if bool(experiment) == bool(flag):
        raise UsageError("name either --experiment KEY or --flag KEY")
    attributes = _parse_json_object(context, "--context")
    services = plane()
    find_flag, find_segment = services.catalog.flags.find, find_by_key(services.catalog.segments)
    find, assignments = services.get_experiment, services.assignments
    if experiment:
        explain_experiment(
            console,
            find,
            assignments,
            user,
            experiment,
            attributes,
            find_segment=find_segment,
            find_flag=find_flag,
            identities=assignments if services.settings.identity else None,
        )
    else:
        explain_flag(
            console,
            find_flag,
            user,
            flag,
            attributes,
            find_segment=find_segment,
            find_experiment=find,
            assignments=assignments,
        )


@app.command()
def replay(
    files: Annotated[
        list[str], typer.Argument(help="Files, folders or s3:// prefixes: CSV, JSON, Parquet, packed or not.")
    ],
    maps: Annotated[
        list[str] | None, typer.Option("--map", help="FIELD=COLUMN: which column a field is.")
    ] = None,
    constants: Annotated[
        list[str] | None, typer.Option("--const", help="FIELD=VALUE: the same for every row.")
    ] = None,
    timestamp_format: Annotated[
        str, typer.Option(help="iso, epoch_s, epoch_ms, epoch_us, epoch_ns or a strptime pattern.")
    ] = "",
    timezone: Annotated[str, typer.Option(help="Of times without one, such as Europe/Berlin.")] = "",
    shape: Annotated[str, typer.Option(help="The system that wrote the files, such as segment.")] = "",
    delimiter: Annotated[str, typer.Option(help="Between cells: one character, or tab.")] = "",
    decimal: Annotated[str, typer.Option(help="Of numbers: a comma or a point.")] = "",
    encoding: Annotated[str, typer.Option(help="Of texts, such as cp1252.")] = "",
    columns: Annotated[str, typer.Option(help="Names of the columns, for CSV without a header.")] = "",
    null_texts: Annotated[
        list[str] | None, typer.Option("--null", help="A text that means no value, such as NULL.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the first ten events and send nothing.")
    ] = False,
    backfill: Annotated[
        bool, typer.Option("--backfill", help="Send events of any age, as after an outage.")
    ] = False,
    skip_refused: Annotated[
        bool, typer.Option("--skip-refused", help="Go on without the rows that can never be sent.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Forget the position of an earlier run.")
    ] = False,
) -> None:
    """Send the events of files, resumable. Example: [b]python -m realtime replay purchases.csv.gz[/b]"""
    from realtime.commands.replay import Replay
    from realtime.event_files.options import parse_options

    options = parse_options(
        maps=maps or [],
        constants=constants or [],
        timestamp_format=timestamp_format,
        timezone=timezone,
        shape=shape,
        delimiter=delimiter,
        decimal=decimal,
        encoding=encoding,
        columns=columns,
        null_texts=null_texts or [],
    )
    ingest = partial(plane().ingest, trusted=True, backfill=backfill)
    run = Replay(console, ingest, options, restart=restart, skip_refused=skip_refused, dry_run=dry_run)
    raise typer.Exit(run.run(files))


@app.command()
def results(
    key: Annotated[str, typer.Argument(help="An experiment's key.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, as the route answers.")] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Draw cumulative conversion per variant.")] = False,
) -> None:
    """Show results and the sample-ratio test. Example: [b]python -m realtime results cdnow-aa[/b]"""
    from realtime.commands.results import show_results

    answer = plane().results(key)
    if as_json:
        print(json.dumps(answer))
    else:
        show_results(console, answer, plot=plot)


@app.command(name="recount")
def recount_counters(
    experiment: Annotated[str | None, typer.Option(help="Only this experiment, by its key.")] = None,
    flag: Annotated[str | None, typer.Option(help="Only this flag, by its key.")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Write a correction where they differ.")] = False,
    metric: Annotated[
        str | None, typer.Option(help="A type of event: count back what counted as $other.")
    ] = None,
    archive: Annotated[
        str | None, typer.Option(help="s3://BUCKET or a folder; else the stack's own.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare counters with the archive. Example: [b]python -m realtime recount --experiment cdnow-aa[/b]"""
    from realtime.analysis.archive.places import open_archive
    from realtime.analysis.model import ArchiveError
    from realtime.commands.recount import recount

    if experiment is not None and flag is not None:
        raise UsageError("name either --experiment or --flag")
    services = plane()
    try:
        opened = open_archive(archive, services.clients.s3, services.settings.archive_bucket)
        status = recount(
            console,
            services.definitions,
            services.counters,
            opened,
            time.time(),
            experiment=experiment,
            flag=flag,
            metric=metric,
            repair=repair,
            as_json=as_json,
        )
    except ArchiveError as error:
        raise UsageError(str(error)) from None
    raise typer.Exit(status)


@app.command("plan-experiment")
def plan_experiment(
    key: Annotated[str | None, typer.Argument(help="An experiment, published or of --metrics.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="One metric, in place of those that the experiment plans.")
    ] = None,
    metrics: Annotated[
        Path | None, typer.Option(help="A definition file with metrics, and with the experiment.")
    ] = None,
    lift: Annotated[str, typer.Option(help="The change to see: 5% of today's mean.")] = "",
    power: Annotated[float | None, typer.Option(min=0.5, max=0.999, help="0.8 unless planned.")] = None,
    alpha: Annotated[float | None, typer.Option(min=0.0001, max=0.499, help="0.05 unless planned.")] = None,
    sequential: Annotated[
        bool | None, typer.Option("--sequential/--fixed", help="To be looked at always, or once.")
    ] = None,
    variants: Annotated[int | None, typer.Option(min=2, max=20, help="With the control.")] = None,
    ratio: Annotated[str, typer.Option(help="Control to each treatment: 1:3.")] = "",
    entry: Annotated[str | None, typer.Option(help="The event with which users come in.")] = None,
    traffic: Annotated[str, typer.Option(help="Of them, who is in the experiment: 80%.")] = "",
    share: Annotated[str, typer.Option(help="Of these, who is in the control: 50%.")] = "",
    since: Annotated[str, typer.Option(help="Users who came in on this UTC day or later.")] = "",
    until: Annotated[str, typer.Option(help="Users and events before this UTC day.")] = "",
    archive: Annotated[
        str | None,
        typer.Option(help="s3://BUCKET/PREFIX or a folder; by default the environment's bucket."),
    ] = None,
    rate: Annotated[str, typer.Option(help="Without an archive: a conversion of 10%.")] = "",
    mean: Annotated[float | None, typer.Option(help="Without an archive: of a user's number.")] = None,
    variance: Annotated[float | None, typer.Option(min=0, help="Of the same.")] = None,
    correlation: Annotated[
        float, typer.Option(min=0, max=0.999, help="Its ρ² with the time before, which CUPED takes off.")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Say how many users and weeks it takes.

    Example: [b]python -m realtime plan-experiment cdnow-free-shipping --lift 5%[/b], or
    [b]python -m realtime plan-experiment --rate 10% --lift 10% --fixed[/b]
    """
    from realtime.analysis.plan_question import Ask
    from realtime.commands.plan_experiment import (
        find_known,
        find_source,
        read_ratio,
        read_share,
        run_plan,
    )

    ask = Ask(
        metric,
        read_share(lift, "--lift") if lift else None,
        alpha,
        power,
        sequential,
        variants,
        read_ratio(ratio) if ratio else None,
        read_share(share, "--share") if share else None,
        entry,
        read_share(traffic, "--traffic") if traffic else None,
    )
    run_plan(
        console,
        lambda: plane().definitions,
        lambda: find_source(plane(), archive, since, until),
        ask,
        key=key,
        file=metrics,
        known=find_known(read_share(rate, "--rate") if rate else None, mean, variance, correlation),
        as_json=as_json,
    )


@app.command("analyze")
def analyze(
    key: Annotated[str, typer.Argument(help="An experiment's key.")],
    metrics: Annotated[
        Path | None, typer.Option(help="A definition file with metrics, in place of the published ones.")
    ] = None,
    archive: Annotated[
        str | None,
        typer.Option(help="s3://BUCKET or a folder; by default the environment's bucket."),
    ] = None,
    engine: Annotated[
        Literal["duckdb", "athena"], typer.Option(help="Where it is counted: on this machine, or in Athena.")
    ] = "duckdb",
    athena_workgroup: Annotated[str, typer.Option(help="Of Athena, with --engine athena.")] = "primary",
    athena_output: Annotated[
        str | None, typer.Option(help="s3://… for Athena's results, if the workgroup names none.")
    ] = None,
    athena_database: Annotated[str, typer.Option(help="Of Athena's table of the archive.")] = "default",
    anchor: Annotated[
        str | None, typer.Option(help="The type of event that a user's time begins with, or assignment.")
    ] = None,
    since: Annotated[str, typer.Option(help="Only users who began at this UTC day or time, or later.")] = "",
    until: Annotated[str, typer.Option(help="Only users and events before this UTC day or time.")] = "",
    fixed: Annotated[
        bool, typer.Option("--fixed", help="Also the numbers that are valid for one look only.")
    ] = False,
    by: Annotated[
        str | None, typer.Option(help="A property of events: the same for each value of it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Also draw the effect and the users by day.")] = False,
    html: Annotated[Path | None, typer.Option(help="Also write one page with all plots.")] = None,
    sql: Annotated[bool, typer.Option("--sql", help="Print the SQL and stop.")] = False,
) -> None:
    """Say which variant won. Example: [b]python -m realtime analyze cdnow-free-shipping[/b]

    Exits with 0 whenever there is an answer, also if it is that the data has a problem.
    """
    from realtime.analysis.engines.athena_engine import AthenaOptions
    from realtime.commands.analyze import Form, Question, find_sources, read_time, run_analyze

    if sum((as_json, plot, sql)) > 1 or (sql and html):
        raise UsageError("choose --json, --plot or --sql; --html goes with --json or --plot")
    question = Question(
        key,
        metrics=metrics,
        archive=archive,
        engine=engine,
        anchor=anchor,
        since=read_time(since, "--since"),
        until=read_time(until, "--until"),
        is_fixed_asked=fixed,
        by=by,
        athena=AthenaOptions(athena_database, workgroup=athena_workgroup, output=athena_output),
    )
    form = Form(as_json=as_json, has_plots=plot, page=html, as_sql=sql)
    run_analyze(console, find_sources(plane(), question), question, form)


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
    """Remove a user everywhere. Example: [b]python -m realtime forget --user u1 --dry-run[/b]"""
    from realtime.commands import forget as command
    from realtime.user_data.people import list_people

    people = list_people(user or [], also_id or [], user_file)
    options = command.read_options(
        is_pseudonymised=pseudonymise, drop=drop, mentions=mentions, restart=restart, has_to_scan=scan
    )
    if dry_run and verify:
        raise UsageError("name either --dry-run or --verify")
    services = plane()
    people = command.find_linked_ids(console, people, services.assignments)
    if dry_run or verify:
        raise typer.Exit(command.search_user(console, services, people, options, report, is_proof=verify))
    if not yes and not command.confirm(people, options, services.settings.env):
        raise UsageError("nothing was changed")
    raise typer.Exit(command.forget_user(console, services, people, options, report))


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
    """Hand out a user's data. Example: [b]python -m realtime export-user --user u1 --out u1.zip[/b]"""
    from realtime.commands.export_user import export_user as run
    from realtime.commands.replay_position import POSITIONS
    from realtime.user_data.people import add_linked_ids, list_people
    from realtime.user_data.places import list_stores

    if bool(out) == dry_run:
        raise UsageError("name either --out FILE.zip or --dry-run")
    services = plane()
    [person] = add_linked_ids(list_people([user], also_id or [], None), services.assignments)
    stores = list_stores(services, POSITIONS, has_to_scan=scan)
    run(console, stores, person, out, services.clock())


Archive = Annotated[
    str | None,
    typer.Option("--archive", help="s3://BUCKET or a folder; by default the environment's bucket."),
]


@app.command()
def export(
    experiment: Annotated[str, typer.Option(help="An experiment's key.")],
    out: Annotated[Path, typer.Option(help="A new folder.")],
    file_format: Annotated[
        Literal["parquet", "csv"], typer.Option("--format", help="Of the files.")
    ] = "parquet",
    archive: Archive = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Write users and their numbers. Example: [b]python -m realtime export --experiment e1 --out e1[/b]

    Assignments, exposures and the metrics of each user, for a notebook. They hold users.
    """
    from realtime.commands.export import run_export

    run_export(console, plane(), experiment, out, file_format, archive, as_json=as_json)


@app.command("compact")
def compact(
    archive: Archive = None,
    since: Annotated[str, typer.Option(help="The first day, such as 2026-11-01.")] = "",
    until: Annotated[str, typer.Option(help="The last day.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the days and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Write Parquet beside the archive. Example: [b]python -m realtime compact --dry-run[/b]

    Whole days that are too old for new events, one at a time. The raw objects stay.
    """
    from chalicelib.settings import Settings
    from realtime.analysis.archive.places import open_archive
    from realtime.analysis.model import ArchiveError
    from realtime.commands.compact import run_compact

    services = plane()
    settings = services.settings
    is_endless = settings.event_max_age == float("inf")  # the local stack takes events of any age
    try:
        status = run_compact(
            console,
            open_archive(archive, services.clients.s3, settings.archive_bucket),
            max_age=Settings().event_max_age if is_endless else settings.event_max_age,
            since=_parse_day(since, "--since"),
            until=_parse_day(until, "--until"),
            dry_run=dry_run,
            as_json=as_json,
        )
    except ArchiveError as error:
        raise UsageError(str(error)) from None
    raise typer.Exit(status)


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
    """Size and price a load. Example: [b]python -m realtime capacity --rps 10000 --events 1000000[/b]

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
    show_capacity(console, load, rise, stay, as_json=as_json)


@keys_app.command("create")
def keys_create(
    scopes: Annotated[
        str,
        typer.Option(
            help="Of assign, flags, flags:client, events, events:client, results, admin; separated by commas."
        ),
    ],
    label: Annotated[str, typer.Option(help="Whose key it is.")],
    expires: Annotated[
        str, typer.Option(help="Refuse it after a time (12h, 90d, 52w), or from a date on (2027-03-31).")
    ] = "",
) -> None:
    """Create a key; it is shown once.

    Example: [b]python -m realtime keys create --scopes flags --label web --expires 90d[/b]
    """
    from realtime.commands.keys import create_key

    services = plane()
    create_key(console, services.keys, scopes, label, expires, snapshots=services.key_snapshots)


@keys_app.command("list")
def keys_list(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """List the keys, when each was last used and until when it is good. Keys themselves are never stored.

    Example: [b]python -m realtime keys list[/b]
    """
    from realtime.commands.keys import list_keys

    list_keys(console, plane().keys, as_json=as_json)


@keys_app.command("revoke")
def keys_revoke(key_id: Annotated[str, typer.Argument(help="The id that `keys list` shows.")]) -> None:
    """Refuse a key from now on. Example: [b]python -m realtime keys revoke 3f2a9c01d4e5[/b]"""
    from realtime.commands.keys import revoke_key

    services = plane()
    raise typer.Exit(revoke_key(console, services.keys, key_id, snapshots=services.key_snapshots))


@app.command()
def migrate(
    table: Annotated[
        Literal["own", "platform"] | None,
        typer.Option(help="Whose table it is. By default the platform's where REALTIME_PLATFORM=existing."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the SQL and change nothing.")] = False,
) -> None:
    """Prepare PostgreSQL for assignments. Example: [b]python -m realtime migrate --dry-run[/b]"""
    from realtime.commands.migrate import run_migrate
    from realtime.postgres.connection import find_target

    services = plane()
    owner = table or ("platform" if services.settings.platform == "existing" else "own")
    run_migrate(console, find_target(services), owner, dry_run=dry_run)


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
    """Fill or check PostgreSQL from DynamoDB. Example: [b]python -m realtime sync --check[/b]"""
    from realtime.commands.sync import run_backfill, run_check

    if backfill == check:
        raise UsageError("name either --backfill or --check")
    if backfill:
        raise typer.Exit(run_backfill(console, plane(), rate, restart=restart, as_json=as_json))
    raise typer.Exit(run_check(console, plane(), rate, grace, as_json=as_json))


@quarantine_app.callback()
def quarantine(context: typer.Context) -> None:
    """Records that could not be processed. Example: [b]python -m realtime quarantine list[/b]"""
    context.obj = CliContext(console, plane, _is_local)


def plane() -> "Plane":
    """The services on the AWS that the environment names; by default on the local stack."""
    from chalicelib.wiring import plane as get_plane
    from realtime.local.emulator import build_environment
    from realtime.local.ports import HOST, read_port
    from realtime.postgres.connection import name_postgres

    logging.getLogger("realtime").addHandler(logging.NullHandler())  # the error itself is shown
    if _is_local() and "AWS_ENDPOINT_URL" not in os.environ:
        os.environ.update(build_environment(f"http://{HOST}:{read_port('AWS_PORT', 4566)}"))
    name_postgres(read_port("AWS_PORT", 4566) if _is_local() else None)
    os.environ.setdefault("REALTIME_READ_TIMEOUT", "5")  # a command can wait longer than a request
    return get_plane()


def _is_local() -> bool:
    return (os.environ.get("REALTIME_ENV") or "local") == "local"


def _read_time(text: str, option: str) -> float:
    """Epoch seconds; now, if it is empty."""
    from chalicelib.domain.timestamps import parse_timestamp

    try:
        return parse_timestamp(text) if text else time.time()
    except (ValueError, RealtimeError):
        raise UsageError(f"{option}: {text!r} must be a time such as 2026-11-27T08:00:00Z", 2) from None


def _parse_day(text: str, option: str) -> "date | None":
    from datetime import date

    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"{option}: {text!r} must be a day such as 2026-11-01") from None


@contextmanager
def _exiting(status: int) -> Iterator[None]:
    """What a command cannot read ends it with this status."""
    try:
        yield
    except StorageUnavailable as error:
        raise UsageError(_describe_store_error(error), status) from None
    except OSError as error:
        raise UsageError(_describe_system_error(error), status) from None
    except ValueError as error:
        raise UsageError(str(error), status) from None


def _describe_system_error(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)


def _read_pairs(option: str, form: str, written: list[str]) -> dict[str, str]:
    pairs = {}
    for text in written:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise UsageError(f"{option} {text}: must be {form}", 2)
        pairs[name] = value
    return pairs


def _parse_json_object(text: str, option: str) -> dict[str, Any]:
    try:
        value = parse_json(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
    if not isinstance(value, dict):
        raise UsageError(f"{option} must be a JSON object")
    return value


def main() -> None:
    """Run the command line. A mistake of the user is one line on standard error, with exit status 1 or 2."""
    try:
        sys.exit(app(prog_name=PROGRAM, standalone_mode=False))
    except typer.TyperException as error:
        message = error.format_message()  # empty without a command: the help is printed then
        context = getattr(error, "ctx", None)
        command = context.command_path if context else PROGRAM
        _exit(f"{message} Try: {command} --help" if message else "", error.exit_code)
    except StorageUnavailable as error:
        _exit(_describe_store_error(error))
    except OSError as error:
        _exit(_describe_system_error(error))
    except UsageError as error:
        _exit(str(error), error.status)
    except (LocalError, RealtimeError, ValueError) as error:
        _exit(str(error))
    except Exception as error:
        if not type(error).__module__.startswith("botocore."):
            raise
        _exit(_describe_store_error(error))


def _describe_store_error(error: Any) -> str:
    from realtime.store_errors import describe_store_error

    return describe_store_error(error)


def _exit(message: str, status: int = 1) -> NoReturn:
    if message:
        print(f"realtime: {escape_controls(message)}", file=sys.stderr)
    sys.exit(status)
