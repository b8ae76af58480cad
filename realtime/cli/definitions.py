"""Definitions: what is in files, and what they answer."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realtime.cli import program
from realtime.cli.program import UsageError, parse_json_object

if TYPE_CHECKING:
    pass

app = typer.Typer()
PANEL = "Definitions"
Paths = Annotated[list[Path], typer.Argument(help="Definition files (YAML or JSON) or folders of them.")]
Strict = Annotated[bool, typer.Option("--strict", help="Treat lint warnings as errors.")]


@app.command(rich_help_panel=PANEL)
def validate(paths: Paths, strict: Strict = False) -> None:
    """Check definitions without publishing. Example: [b]python -m realtime validate definitions/[/b]"""
    from realtime.commands.validate import validate as run

    raise typer.Exit(run(program.console, paths, strict))


@app.command(rich_help_panel=PANEL)
def schema() -> None:
    """Print the JSON Schema of definitions. Example: [b]python -m realtime schema > schema.json[/b]"""
    from realtime.commands.schema import print_schema

    print_schema()


@app.command(rich_help_panel=PANEL)
def flags(
    stale: Annotated[bool, typer.Option("--stale", help="Show only flags that can go.")] = False,
) -> None:
    """List flags, and which of them can go. Example: [b]python -m realtime flags --stale[/b]"""
    from realtime.commands.flags import list_flags

    services = program.plane()
    list_flags(program.console, services.definitions, services.counters, stale)


@app.command("check-rules", rich_help_panel=PANEL)
def check_rules(
    files: Annotated[list[Path], typer.Argument(help="Corpora of targeting cases, JSON Lines.")],
) -> None:
    """Run targeting cases, print disagreements. Example: [b]python -m realtime check-rules cases.jsonl[/b]"""
    from realtime.commands.check_rules import run

    raise typer.Exit(run(files, program.console))


@app.command(rich_help_panel=PANEL)
def explain(
    user: Annotated[str, typer.Option(help="The user's id.")],
    experiment: Annotated[str, typer.Option(help="An experiment's key.")] = "",
    flag: Annotated[str, typer.Option(help="A flag's key.")] = "",
    context: Annotated[str, typer.Option(help="Attributes as a JSON object.")] = "{}",
) -> None:
    """Show how it is decided. Example: [b]python -m realtime explain --user u1 --flag new-checkout[/b]"""
    from chalicelib.admin.wiring import Admin
    from realtime.commands.explain import show_explanation

    if bool(experiment) == bool(flag):
        raise UsageError("name either --experiment KEY or --flag KEY")
    attributes = parse_json_object(context, "--context")
    explainer, now = Admin(program.plane()).explainer, time.time()
    if experiment:
        explained = explainer.explain_experiment(user, experiment, attributes, now)
    else:
        explained = explainer.explain_flag(user, flag, attributes, now)
    show_explanation(program.console, explained)
