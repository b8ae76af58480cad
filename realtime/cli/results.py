"""What experiments have shown, from counters and from the archive."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from chalicelib.domain.timestamps import format_timestamp
from realtime.cli import program
from realtime.cli.program import UsageError, parse_day

if TYPE_CHECKING:
    from realtime.commands.archive_engine import EngineChoice

app = program.make_app()
Users = Annotated[list[str] | None, typer.Option("--user", help="A user's id; may be repeated.")]
Archive = Annotated[
    str | None,
    typer.Option("--archive", help="s3://BUCKET or a folder; by default the environment's bucket."),
]
EngineName = Annotated[
    Literal["duckdb", "athena"],
    typer.Option("--engine", help="Where it is counted: on this machine, or in Athena."),
]
Workgroup = Annotated[
    str | None, typer.Option("--athena-workgroup", help="Of Athena; by default the stack's, or primary.")
]
Output = Annotated[
    str | None,
    typer.Option("--athena-output", help="s3://… for Athena's results, if the workgroup names none."),
]
Database = Annotated[
    str | None,
    typer.Option("--athena-database", help="Of Athena's table; by default the stack's, or default."),
]


@app.command()
def results(
    key: Annotated[str, typer.Argument(help="An experiment's key.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, as the route answers.")] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Draw cumulative conversion per variant.")] = False,
) -> None:
    """Show results and the sample-ratio test. Example: python -m realtime results cdnow-aa"""
    from realtime.commands.results import show_results

    answer = program.plane().results(key)
    if as_json:
        print(json.dumps(answer))
    else:
        show_results(program.console, answer, plot=plot)


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
    archive: Archive = None,
    engine: EngineName = "duckdb",
    athena_workgroup: Workgroup = None,
    athena_output: Output = None,
    athena_database: Database = None,
    rate: Annotated[str, typer.Option(help="Without an archive: a conversion of 10%.")] = "",
    mean: Annotated[float | None, typer.Option(help="Without an archive: of a user's number.")] = None,
    variance: Annotated[float | None, typer.Option(min=0, help="Of the same.")] = None,
    correlation: Annotated[
        float, typer.Option(min=0, max=0.999, help="Its ρ² with the time before, which CUPED takes off.")
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Say how many users and weeks it takes.

    Example: python -m realtime plan-experiment cdnow-free-shipping --lift 5%, or
    python -m realtime plan-experiment --rate 10% --lift 10% --fixed
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
    choice = _choose(engine, athena_workgroup, athena_output, athena_database)
    run_plan(
        program.console,
        lambda: program.plane().definitions,
        lambda: find_source(program.plane(), archive, choice, since, until),
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
    archive: Archive = None,
    engine: EngineName = "duckdb",
    athena_workgroup: Workgroup = None,
    athena_output: Output = None,
    athena_database: Database = None,
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
    save: Annotated[bool, typer.Option("--save", help="Keep it for the console's page.")] = False,
) -> None:
    """Say which variant won. Example: python -m realtime analyze cdnow-free-shipping

    Exits with 0 whenever there is an answer, also if it is that the data has a problem.
    """
    from realtime.commands.analyze import Form, Question, find_sources, read_time, run_analyze

    if sum((as_json, plot, sql)) > 1 or (sql and html):
        raise UsageError("choose --json, --plot or --sql; --html goes with --json or --plot")
    if save and (sql or by or any((metrics, archive, anchor, since, until))):
        raise UsageError("--save keeps the answer for everybody, so it takes no option that changes it")
    question = Question(
        key,
        metrics=metrics,
        archive=archive,
        engine=_choose(engine, athena_workgroup, athena_output, athena_database),
        anchor=anchor,
        since=read_time(since, "--since"),
        until=read_time(until, "--until"),
        is_fixed_asked=fixed,
        by=by,
    )
    services = program.plane()

    def keep(report: dict[str, Any]) -> None:
        services.analyses.write(key, format_timestamp(services.clock(), "seconds"), report)

    form = Form(as_json=as_json, has_plots=plot, page=html, as_sql=sql, save=keep if save else None)
    run_analyze(program.console, find_sources(services, question), question, form)


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
    """Write users and their numbers. Example: python -m realtime export --experiment e1 --out e1

    Assignments, exposures and the metrics of each user, for a notebook. They hold users.
    """
    from realtime.commands.export import run_export

    run_export(program.console, program.plane(), experiment, out, file_format, archive, as_json=as_json)


@app.command("compact")
def compact(
    archive: Archive = None,
    since: Annotated[str, typer.Option(help="The first day, such as 2026-11-01.")] = "",
    until: Annotated[str, typer.Option(help="The last day.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the days and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Write Parquet beside the archive. Example: python -m realtime compact --dry-run

    Whole days that are too old for new events, one at a time. The raw objects stay.
    """
    from chalicelib.settings import Settings
    from realtime.analysis.archive.places import open_archive
    from realtime.analysis.model import ArchiveError
    from realtime.commands.compact import run_compact

    services = program.plane()
    settings = services.settings
    is_endless = settings.event_max_age == float("inf")  # the local stack takes events of any age
    try:
        status = run_compact(
            program.console,
            open_archive(archive, services.clients.s3, settings.archive_bucket),
            max_age=Settings().event_max_age if is_endless else settings.event_max_age,
            since=parse_day(since, "--since"),
            until=parse_day(until, "--until"),
            dry_run=dry_run,
            as_json=as_json,
        )
    except ArchiveError as error:
        raise UsageError(str(error)) from None
    raise typer.Exit(status)


def _choose(
    engine: Literal["duckdb", "athena"], workgroup: str | None, output: str | None, database: str | None
) -> "EngineChoice":
    from realtime.commands.archive_engine import EngineChoice

    return EngineChoice(engine, workgroup, output, database)
