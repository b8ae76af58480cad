"""Definitions: what is in files, and what they answer."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realtime.cli import program
from realtime.cli.program import UsageError, parse_json_object

if TYPE_CHECKING:
    from chalicelib.domain.definitions.model import DefinitionKind

app = program.make_app()
Paths = Annotated[list[Path], typer.Argument(help="Definition files (YAML or JSON), folders of them, or -.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Strict = Annotated[bool, typer.Option("--strict", help="Treat lint warnings as errors.")]


@app.command()
def validate(paths: Paths, strict: Strict = False, as_json: Json = False) -> None:
    """Check definitions without publishing. Example: python -m realtime validate definitions/"""
    from realtime.commands.validate import validate as run

    raise typer.Exit(run(program.console, paths, strict, as_json=as_json))


@app.command()
def schema() -> None:
    """Print the JSON Schema of definitions. Example: python -m realtime schema > schema.json"""
    from realtime.commands.schema import print_schema

    print_schema()


@app.command()
def flags(
    stale: Annotated[bool, typer.Option("--stale", help="Show only flags that can go.")] = False,
    as_json: Json = False,
) -> None:
    """List flags, and which of them can go. Example: python -m realtime flags --stale"""
    from realtime.commands.flags import list_flags

    services = program.plane()
    list_flags(program.console, services.definitions, services.counters, stale, as_json=as_json)


@app.command()
def experiments(as_json: Json = False) -> None:
    """List experiments, their split and status. Example: python -m realtime experiments"""
    _list("experiment", as_json)


@app.command()
def segments(as_json: Json = False) -> None:
    """List segments. Example: python -m realtime segments"""
    _list("segment", as_json)


@app.command()
def show(
    key: Annotated[str, typer.Argument(help="Of a flag, an experiment or a segment.")],
    as_json: Json = False,
) -> None:
    """Show a definition in words. Example: python -m realtime show new-checkout"""
    from chalicelib.admin.wiring import Admin
    from chalicelib.services.admin.listing import find, list_all
    from realtime.commands.listing import find_names, show_definitions

    services = program.plane()
    past = Admin(services).past_versions
    names = find_names(key, list_all(services.definitions, past)[1])
    found = [find(services.definitions, past, name) for name in names]
    show_definitions(program.console, found, time.time(), as_json=as_json)


def _list(kind: "DefinitionKind", as_json: bool) -> None:
    from chalicelib.admin.wiring import Admin
    from chalicelib.services.admin.listing import list_all
    from realtime.commands.listing import list_definitions

    services = program.plane()
    _, listed = list_all(services.definitions, Admin(services).past_versions)
    list_definitions(program.console, kind, listed, time.time(), as_json=as_json)


@app.command("check-rules")
def check_rules(
    files: Annotated[list[Path], typer.Argument(help="Corpora of targeting cases, JSON Lines, or -.")],
    as_json: Json = False,
) -> None:
    """Run targeting cases, print disagreements. Example: python -m realtime check-rules cases.jsonl"""
    from realtime.commands.check_rules import run

    raise typer.Exit(run(files, program.console, as_json=as_json))


@app.command()
def explain(
    user: Annotated[str, typer.Option(help="The user's id.")],
    experiment: Annotated[str, typer.Option(help="An experiment's key.")] = "",
    flag: Annotated[str, typer.Option(help="A flag's key.")] = "",
    context: Annotated[str, typer.Option(help="Attributes as a JSON object.")] = "{}",
    as_json: Json = False,
) -> None:
    """Show how it is decided. Example: python -m realtime explain --user u1 --flag new-checkout"""
    from chalicelib.admin.wiring import Admin
    from realtime.commands.explain import print_explanation, show_explanation

    if bool(experiment) == bool(flag):
        raise UsageError("name either --experiment KEY or --flag KEY")
    attributes = parse_json_object(context, "--context")
    explainer, now = Admin(program.plane()).explainer, time.time()
    if experiment:
        explained = explainer.explain_experiment(user, experiment, attributes, now)
    else:
        explained = explainer.explain_flag(user, flag, attributes, now)
    if as_json:
        print_explanation(("experiment", experiment) if experiment else ("flag", flag), user, explained)
    else:
        show_explanation(program.console, explained)
