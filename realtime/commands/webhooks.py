"""`webhooks`: add, list, remove and test receivers. Each change leaves a line in the audit."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from chalicelib.domain.audit import Action, AuditTrail, audited
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.webhooks import Webhook, describe_webhook
from chalicelib.services.admin.webhooks import WebhookService


@dataclass(frozen=True)
class Operator:
    """Who acts and why, and where it is written down."""

    trail: AuditTrail
    author: Author
    reason: str = ""

    def describe(self, name: str, selection: str) -> Action:
        author = self.author
        return Action(name, author.by, note=author.note, selection=selection, reason=self.reason)


def add(
    console: Console,
    webhooks: WebhookService,
    operator: Operator,
    url: str,
    events: Sequence[str],
    *,
    as_json: bool = False,
) -> None:
    """Raises InvalidInput."""
    with audited(operator.trail, operator.describe("add webhook", ",".join(events))):
        webhook = webhooks.add(url, events)
    if as_json:
        print(json.dumps({**describe_webhook(webhook), "secret": webhook.secret}))
        return
    _show(console, webhook.secret)
    _show(console, f"Shown once: messages are signed with it. Id: {webhook.id}.")
    _show(console, f"python -m realtime webhooks test {webhook.id} sends a test.")


def list_all(console: Console, webhooks: WebhookService, *, as_json: bool = False) -> None:
    """Lines, not a table: an address does not fit beside anything."""
    listed = webhooks.get_all()
    if as_json:
        console.print_json(json.dumps([describe_webhook(webhook) for webhook in listed]))
        return
    if not listed:
        _show(console, "There is no webhook.")
    for webhook in listed:
        _show(console, f"{webhook.id}  {webhook.shown_url}")
        _show(console, f"  {', '.join(webhook.events)}")
        _show(console, f"  {_describe_last(webhook)}")


def remove(console: Console, webhooks: WebhookService, operator: Operator, webhook_id: str) -> None:
    """Raises NotFound."""
    with audited(operator.trail, operator.describe("remove webhook", webhook_id)):
        webhook = webhooks.remove(webhook_id)
    _show(console, f"Removed {webhook.id}. Messages that wait for it are dropped.")


def send_test(console: Console, webhooks: WebhookService, operator: Operator, webhook_id: str) -> None:
    """Raises NotFound."""
    delivery = webhooks.test(webhook_id, operator.author)
    _show(console, f"A test waits in the queue as {delivery}. `webhooks list` shows what became of it.")


def _describe_last(webhook: Webhook) -> str:
    last = webhook.last_delivery
    if last is None:
        return "no message yet"
    return f"last message {last.at}: {last.error or f'taken, {last.status}'}"


def _show(console: Console, text: str) -> None:
    """As it is: addresses are no markup."""
    console.print(text, highlight=False, markup=False, emoji=False, soft_wrap=True)
