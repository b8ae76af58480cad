"""`python -m realtime`: the commands, by what they are for. Each imports its module when it runs."""

import os
import sys
from typing import Annotated, NoReturn

import typer

from chalicelib import __version__
from realtime.cli.groups import Program
from realtime.cli.program import COMPLETE, PROGRAM, make_app

HELP = "Experiments, feature flags and events. Example: python -m realtime up"
app = make_app(HELP)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"realtime {__version__}")
        raise typer.Exit


@app.callback(cls=Program, help=HELP)
def _options(
    _: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None: ...


def main() -> None:
    """Run the command line. A mistake of the user is one line on standard error, with exit status 1 or 2."""
    try:
        if COMPLETE in os.environ:  # the shell asks for what may follow
            from typer._completion_classes import completion_init

            completion_init()
        sys.exit(app(prog_name=PROGRAM, standalone_mode=False, complete_var=COMPLETE))
    except typer.TyperException as error:
        message = error.format_message()
        if type(error).__name__ == "NoArgsIsHelpError":  # whose message is the help
            print(message, file=sys.stderr)
            sys.exit(error.exit_code)
        context = getattr(error, "ctx", None)
        command = context.command_path if context else PROGRAM
        _exit(f"{message} Try: {command} --help", error.exit_code)
    except Exception as error:
        from realtime.cli.failures import describe_failure

        described = describe_failure(error)
        if described is None:
            raise
        _exit(*described)


def _exit(message: str, status: int = 1) -> NoReturn:
    from realtime.safe_reading.shown_text import escape_controls

    print(f"realtime: {escape_controls(message)}", file=sys.stderr)
    sys.exit(status)
