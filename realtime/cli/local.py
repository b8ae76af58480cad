"""The local stack."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from realtime.cli import program
from realtime.cli.program import COMPLETE, SCRIPT, UsageError

if TYPE_CHECKING:
    pass

app = program.make_app()


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
    keep: Annotated[
        bool, typer.Option("--keep", help="Go on with what the last run with it has left, keys and data too.")
    ] = False,
    snapshot: Annotated[
        Path | None,
        typer.Option(help="Publish what `snapshot --to FILE` saved, and nothing of the demo."),
    ] = None,
) -> None:
    """Start everything on this machine until Ctrl-C. Example: python -m realtime up --full"""
    from realtime.commands.snapshot_file import read_snapshot
    from realtime.commands.up import run_stack

    if snapshot and full:
        raise UsageError("choose --snapshot or --full: a snapshot takes the place of the demo")
    if snapshot and keep:
        raise UsageError("choose --snapshot or --keep: each says what the stack begins with")
    read = read_snapshot(snapshot) if snapshot else None
    run_stack(
        program.console,
        full=full,
        demo=demo and not snapshot,
        postgres=postgres,
        front=front,
        snapshot=read,
        keep=keep,
    )


@app.command()
def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="The shell that you use.")],
) -> None:
    """Print what lets a shell complete commands. Example: python -m realtime completion bash

    It is for the name `realtime`, which `source .venv/bin/activate` makes known. In bash and zsh:

    eval "$(realtime completion bash)"
    """
    from typer._completion_shared import get_completion_script

    typer.echo(get_completion_script(prog_name=SCRIPT, complete_var=COMPLETE, shell=shell))
