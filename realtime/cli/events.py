"""Events: sent again, and counted again."""

import time
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from realtime.cli import program
from realtime.cli.program import UsageError

if TYPE_CHECKING:
    pass

app = program.make_app()


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
    """Send the events of files, resumable. Example: python -m realtime replay purchases.csv.gz"""
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
    ingest = partial(program.plane().ingest, trusted=True, backfill=backfill)
    run = Replay(
        program.console, ingest, options, restart=restart, skip_refused=skip_refused, dry_run=dry_run
    )
    raise typer.Exit(run.run(files))


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
    """Compare counters with the archive. Example: python -m realtime recount --experiment cdnow-aa"""
    from realtime.analysis.archive.places import open_archive
    from realtime.analysis.model import ArchiveError
    from realtime.commands.recount import recount

    if experiment is not None and flag is not None:
        raise UsageError("name either --experiment or --flag")
    services = program.plane()
    try:
        opened = open_archive(archive, services.clients.s3, services.settings.archive_bucket)
        status = recount(
            program.console,
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
