"""What is in force: publications, and what containers decide by."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from realtime.cli import program
from realtime.cli.program import UsageError, is_local

if TYPE_CHECKING:
    from chalicelib.domain.definitions.model import DefinitionKind
    from chalicelib.domain.definitions.schema import ExperimentDocument
    from realtime.commands.publish import Submission

app = program.make_app()
Reason = Annotated[str, typer.Option(help="Why, for the history and for who approves it.")]
Strict = Annotated[bool, typer.Option("--strict", help="Treat lint warnings as errors.")]


@app.command()
def publish(
    paths: Annotated[list[Path] | None, typer.Argument(help="Definition files, folders, or -.")] = None,
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
    reason: Reason = "",
    propose: Annotated[
        bool, typer.Option("--propose", help="Ask for approval, also where it is not needed.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Show what changes, then publish it. Example: python -m realtime publish flags.yaml"""
    from rich.console import Console

    from chalicelib.domain.publishing.author import Author
    from realtime.commands.publish import confirm_on_terminal, refuse_to_ask, roll_back
    from realtime.commands.publish import publish as run
    from realtime.commands.publisher import get_caller_arn, identify_publisher

    if bool(paths) == (version is not None):
        raise UsageError("name either files to publish or --rollback VERSION")
    services = program.plane()
    definitions, read_recent = services.definitions, services.recent_contexts.get_all
    publisher = Author("") if dry_run else identify_publisher(by, None if is_local() else get_caller_arn)
    publisher = publisher._replace(note=", ".join(filter(None, (reason, publisher.note))))
    what = f"rollback to {version}" if version is not None else ""
    submission = make_submission(reason, what, proposes=propose)
    confirm = (lambda _: True) if yes else refuse_to_ask if as_json else confirm_on_terminal
    report: dict[str, Any] = {}
    options: dict[str, Any] = {
        "publisher": publisher,
        "confirm": confirm,
        "dry_run": dry_run,
        "read_recent": read_recent,
        "submission": submission,
        "record": report.update if as_json else None,
    }
    console = Console(quiet=True) if as_json else program.console
    if version is not None:
        status = roll_back(console, definitions, version, **options)
    else:
        status = run(
            console, definitions, paths or [], strict, prune=prune, estimate=_estimate_duration, **options
        )
    if as_json:
        print(json.dumps(report, ensure_ascii=False))
    raise typer.Exit(status)


def make_submission(reason: str, what: str = "", *, proposes: bool = False) -> "Submission":
    """``what`` stands before the reason of a proposal."""
    from chalicelib.admin.wiring import Admin
    from realtime.commands.publish import Submission

    said = f"{what}: {reason}" if what and reason else reason
    return Submission(Admin(program.plane()).approvals, said, proposes, program.show_warning)


def _estimate_duration(experiment: "ExperimentDocument") -> str:
    from realtime.commands.plan_estimate import estimate_duration

    return estimate_duration(program.plane(), experiment)


@app.command()
def kill(
    flag: Annotated[str, typer.Argument(help="The flag's key or alias.")],
    reason: Annotated[str, typer.Option(help="Why; the history keeps it.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Turn it on again, as it was.")] = False,
    by: Annotated[str, typer.Option(help="Who does it; as of `publish`.")] = "",
) -> None:
    """Turn a flag off for everybody, at once. Example: python -m realtime kill x --reason errors"""
    from chalicelib.domain.publishing.kills import UNDO_NOTE, check_reason
    from realtime.commands.kill import kill_flag, undo_kill
    from realtime.commands.publisher import get_caller_arn, identify_publisher

    if not undo:
        check_reason(reason)  # before AWS is asked who this is
    definitions = program.plane().definitions
    publisher = identify_publisher(by, None if is_local() else get_caller_arn)
    if undo:
        submission = make_submission(reason, UNDO_NOTE)
        undo_kill(program.console, definitions, flag, reason, publisher, time.time(), submission)
    else:
        announce = program.plane().webhooks.announce
        kill_flag(program.console, definitions, flag, reason, publisher, time.time(), announce)


@app.command()
def history(
    flag: Annotated[str, typer.Option(help="A flag's key.")] = "",
    experiment: Annotated[str, typer.Option(help="An experiment's key.")] = "",
    segment: Annotated[str, typer.Option(help="A segment's key.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Show who published what and when. Example: python -m realtime history --flag new-checkout"""
    from realtime.commands.history import show_definition_history, show_history

    keys: dict[DefinitionKind, str] = {"flag": flag, "experiment": experiment, "segment": segment}
    named = [(kind, key) for kind, key in keys.items() if key]
    if len(named) > 1:
        raise UsageError("name --flag KEY, --experiment KEY or --segment KEY, or none for everything")
    definitions = program.plane().definitions
    if named:
        show_definition_history(program.console, definitions, *named[0], as_json=as_json)
    else:
        show_history(program.console, definitions, as_json=as_json)


@app.command()
def snapshot(
    to: Annotated[Path | None, typer.Option(help="Save it in a new file instead.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Write what containers decide by without DynamoDB. Example: python -m realtime snapshot

    Every publish writes it; this repairs one that is missing or behind.
    """
    import time

    from chalicelib.stores.definitions import DefinitionStore
    from realtime.commands.snapshot import write_snapshot
    from realtime.commands.snapshot_file import save_snapshot

    if to and as_json:
        raise UsageError("choose --to or --json")
    services = program.plane()
    definitions = DefinitionStore(services.clients, services.settings)
    if to:
        save_snapshot(program.console, definitions.take_snapshot(), to, time.time())
    else:
        write_keys = services.write_key_snapshot
        write_snapshot(
            program.console, definitions, services.snapshots, write_keys, time.time(), as_json=as_json
        )
