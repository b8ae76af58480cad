"""`webhooks` in the terminal."""

import io
import json
from dataclasses import dataclass, field

import pytest
from rich.console import Console

from chalicelib.domain.errors import InvalidInput, NotFound
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.webhooks import Delivery
from chalicelib.services.admin.webhooks import WebhookService
from realtime.commands import webhooks as commands
from realtime.commands.webhooks import Operator
from realtime.testing.stores import MemoryAuditTrail
from realtime.testing.webhooks import MemoryQueue, MemorySender, MemoryWebhooks

URL = "https://hooks.slack.com/services/very-secret-path"
NOW = 1_800_000_000.0


@dataclass
class World:
    store: MemoryWebhooks = field(default_factory=MemoryWebhooks)
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    trail: MemoryAuditTrail = field(default_factory=MemoryAuditTrail)
    console: Console = field(default_factory=lambda: Console(file=io.StringIO(), width=60))

    def __post_init__(self) -> None:
        self.service = WebhookService("prod", self.store, self.queue, MemorySender(), lambda: NOW)
        self.operator = Operator(self.trail, Author("ada", "--by grace", "ada"), "for the team")

    def add(self, *events: str) -> str:
        commands.add(self.console, self.service, self.operator, URL, events or ("kill", "publication"))
        return self.read()

    def list_all(self, *, as_json: bool = False) -> str:
        commands.list_all(self.console, self.service, as_json=as_json)
        return self.read()

    def read(self) -> str:
        assert isinstance(self.console.file, io.StringIO)
        text, self.console.file = self.console.file.getvalue(), io.StringIO()
        return text

    @property
    def webhook_id(self) -> str:
        return self.service.get_all()[0].id


@pytest.fixture
def world() -> World:
    return World()


def test_the_secret_is_shown_once(world: World) -> None:
    secret, said, test = world.add().splitlines()
    assert secret == world.service.get_all()[0].secret
    assert said == f"Shown once: messages are signed with it. Id: {world.webhook_id}."
    assert test.startswith(f"python -m realtime webhooks test {world.webhook_id}")
    for shown in (world.list_all(), world.list_all(as_json=True)):
        assert secret not in shown
        assert "very-secret" not in shown


def test_a_script_reads_the_secret_from_json(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    commands.add(world.console, world.service, world.operator, URL, ["kill"], as_json=True)
    shown = json.loads(capsys.readouterr().out)
    [webhook] = world.service.get_all()
    assert (shown["id"], shown["secret"], shown["events"]) == (webhook.id, webhook.secret, ["kill"])
    assert world.read() == ""


def test_the_list_says_what_became_of_the_last_message(world: World) -> None:
    assert world.list_all() == "There is no webhook.\n"
    world.add()
    number = world.service.get_all()[0].number
    for delivery, line in (
        (None, "no message yet"),
        (Delivery("2027-01-15T08:00:00Z", 204, ""), "last message 2027-01-15T08:00:00Z: taken, 204"),
        (Delivery("2027-01-15T08:00:00Z", None, "timed out"), "last message 2027-01-15T08:00:00Z: timed out"),
    ):
        if delivery:
            world.store.set_last_delivery(number, delivery)
        assert world.list_all().splitlines() == [
            f"{world.webhook_id}  https://hooks.slack.com/…path",
            "  publication, kill",
            f"  {line}",
        ]
    [listed] = json.loads(world.list_all(as_json=True))
    assert listed["last_delivery"] == {"at": "2027-01-15T08:00:00Z", "status": None, "error": "timed out"}


def test_a_test_waits_in_the_queue(world: World) -> None:
    world.add()
    commands.send_test(world.console, world.service, world.operator, world.webhook_id)
    body = json.loads(json.loads(world.queue.bodies[0])["body"])
    assert f"as {body['id']}." in world.read()
    assert body["by"] == "ada"


def test_a_removed_webhook_is_gone(world: World) -> None:
    world.add()
    removed = world.webhook_id
    commands.remove(world.console, world.service, world.operator, removed)
    assert world.list_all().endswith("There is no webhook.\n")
    with pytest.raises(NotFound):
        commands.remove(world.console, world.service, world.operator, removed)


def test_changes_are_audited_without_address_and_secret(world: World) -> None:
    world.add()
    commands.remove(world.console, world.service, world.operator, removed := world.webhook_id)
    with pytest.raises(InvalidInput):
        commands.add(world.console, world.service, world.operator, "http://x", ["kill"])
    failed, second, first = world.trail.read(10)
    assert (first.name, first.selection, first.outcome) == ("add webhook", "kill,publication", "done")
    assert (second.name, second.selection, second.reason) == ("remove webhook", removed, "for the team")
    assert (failed.name, failed.outcome, failed.by) == ("add webhook", "failed", "ada")
    assert "slack" not in repr(world.trail.read(10))
