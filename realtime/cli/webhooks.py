"""Webhooks: who is told of publications, kills, alarms of a split and proposals."""

from typing import TYPE_CHECKING, Annotated

import typer

from realtime.cli import program
from realtime.cli.approvals import identify

if TYPE_CHECKING:
    from realtime.commands.webhooks import Operator

app = program.make_app("URLs that get changes and alarms. Example: python -m realtime webhooks list")
Id = Annotated[str, typer.Argument(metavar="ID", help="Such as wh_3f2a9c01d4, as `webhooks list` shows.")]
By = Annotated[str, typer.Option(help="Who you are; as of `publish`.")]
Reason = Annotated[str, typer.Option(help="Why, for the audit.")]


@app.command("add")
def add_webhook(
    url: Annotated[str, typer.Argument(help="An https address; its path may be a password, as Slack's is.")],
    events: Annotated[
        str, typer.Option(help="Of publication, kill, split_alarm, proposal; separated by commas.")
    ] = "publication,kill,split_alarm,proposal",
    reason: Reason = "",
    by: By = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Add a receiver; its secret is shown once.

    Example: python -m realtime webhooks add https://example.com/hook --events kill,split_alarm
    """
    from realtime.commands.webhooks import add

    wanted = [event.strip() for event in events.split(",") if event.strip()]
    operator = _make_operator(by, reason)
    add(program.console, program.plane().webhooks, operator, url, wanted, as_json=as_json)


@app.command("list")
def list_webhooks(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """List receivers and their last message. Example: python -m realtime webhooks list"""
    from realtime.commands.webhooks import list_all

    list_all(program.console, program.plane().webhooks, as_json=as_json)


@app.command("remove")
def remove_webhook(webhook_id: Id, reason: Reason = "", by: By = "") -> None:
    """Tell it nothing any more. Example: python -m realtime webhooks remove wh_3f2a9c01d4"""
    from realtime.commands.webhooks import remove

    remove(program.console, program.plane().webhooks, _make_operator(by, reason), webhook_id)


@app.command("test")
def send_test(webhook_id: Id, by: By = "") -> None:
    """Send it a message of the event test. Example: python -m realtime webhooks test wh_3f2a9c01d4"""
    from realtime.commands.webhooks import send_test as run

    run(program.console, program.plane().webhooks, _make_operator(by, ""), webhook_id)


def _make_operator(by: str, reason: str) -> "Operator":
    from realtime.commands.webhooks import Operator

    return Operator(program.plane().actions, identify(by), reason)
