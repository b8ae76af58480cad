"""Proposals, and whether every change of the environment has to be approved."""

import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from realtime.cli import program
from realtime.cli.program import UsageError, is_local

if TYPE_CHECKING:
    from chalicelib.domain.publishing.author import Author
    from chalicelib.services.admin.approvals import Approvals

app = program.make_app("Changes that wait for approval. Example: python -m realtime proposals list")
setting = program.make_app()
Id = Annotated[str, typer.Argument(metavar="ID", help="Such as p-12, as `proposals list` shows.")]
By = Annotated[str, typer.Option(help="Who you are; as of `publish`.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@setting.command("approvals")
def show_or_set_approvals(
    approvals: Annotated[
        int | None, typer.Argument(min=0, max=1, help="1: each change needs one; 0: none does.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why, for the audit.")] = "",
    by: By = "",
    as_json: Json = False,
) -> None:
    """Whether each change needs approval. Example: python -m realtime approvals 1 --reason launch"""
    from chalicelib.admin.wiring import Admin
    from realtime.commands.approvals import set_approvals, show_approvals

    admin = Admin(program.plane())
    if approvals is None:
        show_approvals(program.console, admin.plane.proposals, as_json=as_json)
    elif not reason.strip():
        raise UsageError("--reason: say why, for the audit")
    else:
        author = identify(by)
        set_approvals(program.console, admin.plane.proposals, admin.plane.actions, approvals, author, reason)


@app.command("list")
def list_proposals(
    state: Annotated[
        Literal["open", "approved", "rejected", "outdated", "all"], typer.Option(help="Which.")
    ] = "open",
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    as_json: Json = False,
) -> None:
    """List proposals, newest first. Example: python -m realtime proposals list --state all"""
    from realtime.commands.approvals import list_proposals as run

    run(program.console, _get_approvals(), None if state == "all" else state, limit, as_json=as_json)


@app.command("show")
def show_proposal(proposal_id: Id, as_json: Json = False) -> None:
    """Show what it would change now. Example: python -m realtime proposals show p-12"""
    from realtime.commands.approvals import show_proposal as run

    services = program.plane()
    run(
        program.console,
        _get_approvals(),
        services.definitions,
        proposal_id,
        time.time(),
        services.recent_contexts.get_all,
        as_json=as_json,
    )


@app.command("approve")
def approve_proposal(
    proposal_id: Id, note: Annotated[str, typer.Option(help="For the history.")] = "", by: By = ""
) -> None:
    """Publish it, if somebody else proposed it. Example: python -m realtime proposals approve p-12"""
    from realtime.commands.approvals import approve

    approve(
        program.console, _get_approvals(), proposal_id, identify(by), time.time(), note, program.show_warning
    )


@app.command("reject")
def reject_proposal(
    proposal_id: Id, reason: Annotated[str, typer.Option(help="Why, for who proposed it.")], by: By = ""
) -> None:
    """Refuse or withdraw it. Example: python -m realtime proposals reject p-12 --reason duplicate"""
    from realtime.commands.approvals import reject

    reject(
        program.console,
        _get_approvals(),
        proposal_id,
        identify(by),
        time.time(),
        reason,
        program.show_warning,
    )


def _get_approvals() -> "Approvals":
    from chalicelib.admin.wiring import Admin

    return Admin(program.plane()).approvals


def identify(by: str) -> "Author":
    from realtime.commands.publisher import get_caller_arn, identify_publisher

    return identify_publisher(by, None if is_local() else get_caller_arn)
