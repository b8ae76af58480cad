"""Other systems' definitions and assignments."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from realtime.cli import program
from realtime.cli.program import exiting, read_pairs, read_time

if TYPE_CHECKING:
    pass

app = program.make_app()
Users = Annotated[list[str] | None, typer.Option("--user", help="A user's id; may be repeated.")]


@app.command(name="import")
def import_(
    vendor: Annotated[str, typer.Argument(help="The system that the documents come from, such as unleash.")],
    files: Annotated[list[Path], typer.Argument(help="What its SDK downloads, as JSON.")],
    out: Annotated[Path, typer.Option(help="The definition file to write, .yaml or .json.")],
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, such as fractional=v1.")] = None,
) -> None:
    """Take over another system's flags, of which no user gets another variant.

    Example: python -m realtime import unleash x.json --out x.yaml
    """
    from realtime.commands.import_definitions import import_definitions

    with exiting(2):  # 1 says that a flag was refused
        status = import_definitions(
            program.console, vendor, files, out, read_pairs("--option", "NAME=VALUE", option or [])
        )
    raise typer.Exit(status)


@app.command()
def check_import(
    files: Annotated[list[Path], typer.Argument(help="Cases as JSON Lines; .gz is unpacked.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Compare imports with what a vendor answers. Example: python -m realtime check-import x.jsonl"""
    from realtime.commands.check_import import check_import as run

    with exiting(2):
        status = run(program.console, files, as_json=as_json)
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

    Example: python -m realtime import-assignments users.csv --experiment checkout
    """
    from rich.console import Console

    from realtime.assignment_files.formats import Form
    from realtime.commands.import_assignments import import_assignments as run

    form = Form(
        file_format, user_column, variant_column, time_column, from_experiment or experiment, bucket_version
    )
    with exiting(2):  # 1 says that a line cannot be used
        status = run(
            program.console,
            Console(stderr=True),
            program.plane(),
            files,
            experiment,
            form,
            read_pairs("--variants", "OLD=NEW", variants or []),
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

    Example: python -m realtime compare unleash x.json --users users.csv

    Exits with 0 if none would, 1 if some would, 2 if a file cannot be read.
    """
    from realtime.commands.compare import Source, load_file, load_published
    from realtime.commands.compare import compare as run
    from realtime.migration.users import Cells

    with exiting(2):
        status = run(
            program.console,
            Source(vendor, files, read_pairs("--option", "NAME=VALUE", option or [])),
            load_file(definitions) if definitions else load_published(program.plane().definitions),
            users,
            Cells(user_column, typed, text or ()),
            read_time(now, "--now"),
            key=key,
            limit=limit,
            as_json=as_json,
        )
    raise typer.Exit(status)
