"""`python -m realtime`: the commands, by what they are for. Each imports its module when it runs."""

import sys
from typing import Annotated, NoReturn

import typer

from chalicelib import __version__
from chalicelib.domain.errors import RealtimeError, StorageUnavailable
from realtime.cli import (
    approvals,
    definitions,
    events,
    keys,
    local,
    migration,
    operations,
    publishing,
    quarantine,
    results,
    users,
    webhooks,
)
from realtime.cli.program import PROGRAM, UsageError, describe_store_error, describe_system_error
from realtime.local.ports import LocalError
from realtime.safe_reading.shown_text import escape_controls

app = typer.Typer(
    help="Experiments, feature flags and events. Example: [b]python -m realtime up[/b]",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for _group in (local, definitions, publishing, results, events, operations, migration, users):
    app.add_typer(_group.app)
app.command("approvals", rich_help_panel=publishing.PANEL)(approvals.show_or_set_approvals)
app.add_typer(approvals.app, name="proposals", rich_help_panel=publishing.PANEL)
app.add_typer(keys.app, name="keys", rich_help_panel=operations.PANEL)
app.add_typer(webhooks.app, name="webhooks", rich_help_panel=operations.PANEL)
app.add_typer(quarantine.app, name="quarantine", rich_help_panel=events.PANEL)


def _print_version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"realtime {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Experiments, feature flags and events. Example: [b]python -m realtime up[/b]"""


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
        _exit(describe_store_error(error))
    except OSError as error:
        _exit(describe_system_error(error))
    except UsageError as error:
        _exit(str(error), error.status)
    except (LocalError, RealtimeError, ValueError) as error:
        _exit(str(error))
    except Exception as error:
        if not type(error).__module__.startswith("botocore."):
            raise
        _exit(describe_store_error(error))


def _exit(message: str, status: int = 1) -> NoReturn:
    if message:
        print(f"realtime: {escape_controls(message)}", file=sys.stderr)
    sys.exit(status)
