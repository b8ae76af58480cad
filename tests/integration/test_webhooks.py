"""From an announcement to a receiver, through the queue of the local AWS as Lambda reads it."""

import hashlib
import hmac
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.domain.announcements import announce_kill
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.webhooks import Webhook, sign
from chalicelib.settings import Settings
from chalicelib.stores.clients import Clients as ServiceClients
from chalicelib.wiring import Plane
from realtime.local.clients import Clients
from realtime.local.ports import HOST, find_free_port
from realtime.local.provision import provision
from realtime.local.queue_pump import QueuePump
from realtime.resources import describe
from tests.support.assignments import change, row
from tests.support.experiments import published
from tests.support.paths import ROOT
from tests.support.poll import wait_until
from tests.support.receiver import Receiver, run_receiver
from tests.support.unique_names import unique_names

WEBHOOKS = ROOT / "docs/webhooks.md"
NOW = 1_800_000_000.0
KILL = announce_kill(14, Author("ada", "", "key 1"), "errors", "dark", NOW)


class World:
    """A queue whose messages come again at once."""

    def __init__(self, clients: Clients, service_clients: ServiceClients) -> None:
        settings = unique_names(Settings.from_env({}))
        resources = describe(settings)
        queue = replace(resources.webhooks, hidden_seconds=0)
        provision(replace(resources, webhooks=queue), clients)
        self.plane = Plane(settings, clients=service_clients)
        self.pump = QueuePump(queue, clients.sqs, lambda event, _: self.plane.deliver_webhooks(event))

    def add(self, receiver: Receiver) -> Webhook:
        return self.plane.webhooks.add(receiver.url, ["kill"])

    def deliver(self) -> None:
        wait_until(lambda: self.pump.run_once() > 0)


@pytest.fixture
def world(aws_clients: Clients, service_clients: ServiceClients) -> World:
    return World(aws_clients, service_clients)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with run_receiver() as running:
        yield running


def test_a_receiver_that_fails_twice_gets_the_message_in_the_end(world: World, receiver: Receiver) -> None:
    webhook = world.add(receiver)
    receiver.statuses = [500, 410]
    assert world.plane.webhooks.announce(KILL) == ""
    world.deliver()
    assert len(receiver.received) == 3
    assert len({received.body for received in receiver.received}) == 1
    for received in receiver.received:
        fields = json.loads(received.body)
        assert received.headers["Realtime-Delivery"] == fields["id"]
        time, _, signature = received.headers["Realtime-Signature"].partition(",v1=")
        signed = time.removeprefix("t=").encode() + b"." + received.body
        assert hmac.new(webhook.secret.encode(), signed, hashlib.sha256).hexdigest() == signature
    [kept] = world.plane.webhooks.get_all()
    assert kept.last_delivery
    assert (kept.last_delivery.status, kept.last_delivery.error) == (204, "")


def test_a_failure_is_kept_until_it_succeeds(world: World, receiver: Receiver) -> None:
    world.add(receiver)
    receiver.statuses = [503]
    world.plane.webhooks.announce(KILL)
    wait_until(lambda: world.pump.run_once() == 0 and receiver.received)
    [kept] = world.plane.webhooks.get_all()
    assert kept.last_delivery
    assert (kept.last_delivery.status, kept.last_delivery.error) == (503, "answered 503")


def test_a_webhook_that_was_removed_gets_nothing(world: World, receiver: Receiver) -> None:
    webhook = world.add(receiver)
    world.plane.webhooks.announce(KILL)
    world.plane.webhooks.remove(webhook.id)
    world.deliver()
    assert receiver.received == []


def test_a_receiver_in_the_network_of_the_functions_is_refused_on_aws(
    world: World, receiver: Receiver, service_clients: ServiceClients
) -> None:
    """Its name may have resolved to another address when it was added."""
    world.plane.webhooks.add(f"https://localhost:{receiver.port}/", ["kill"])
    world.plane.webhooks.announce(KILL)
    world.plane = Plane(replace(world.plane.settings, env="prod"), clients=service_clients)
    wait_until(lambda: world.pump.run_once() == 0 and world.plane.webhooks.get_all()[0].last_delivery)
    [kept] = world.plane.webhooks.get_all()
    assert kept.last_delivery
    assert kept.last_delivery.error == "the host's address is not on the Internet"
    assert receiver.received == []


def test_a_split_that_is_wrong_is_told_once_by_all_containers(world: World, receiver: Receiver) -> None:
    world.plane.definitions.publish([published()], 0, NOW)
    world.plane.webhooks.add(receiver.url, ["split_alarm"])
    users = [change(number, row(f"u{number}", "control")) for number in range(1, 101)]
    for number, part in enumerate((users[:50], users[50:])):
        container = Plane(world.plane.settings, clients=world.plane.clients)
        batch = {"Records": part, "shardId": f"shardId-{number}"}
        assert container.sync(batch, lambda: 60.0) == {"batchItemFailures": []}
    world.deliver()
    assert world.pump.run_once() == 0
    [received] = receiver.received
    assert json.loads(received.body)["definitions"] == [
        {"kind": "experiment", "key": "checkout", "change": None}
    ]


def test_the_receiver_of_the_documentation_takes_what_is_signed(world: World, tmp_path: Path) -> None:
    [code] = re.findall(r"```python\n(.*?)```", WEBHOOKS.read_text(), re.DOTALL)
    (tmp_path / "receiver.py").write_text(code)
    port = find_free_port(0)
    url = f"http://{HOST}:{port}/"
    webhook = world.plane.webhooks.add(url, ["kill"])
    environment = {"SECRET": webhook.secret, "PORT": str(port)}
    command = [sys.executable, str(tmp_path / "receiver.py")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            world.plane.webhooks.announce(KILL)
            world.deliver()  # again until it listens
            forged = {"Realtime-Signature": sign("whsec_other", b"{}", world.plane.clock())}
            recorded = {"Realtime-Signature": sign(webhook.secret, b"{}", world.plane.clock() - 301)}
            for headers in (forged, recorded, {}):
                assert world.plane.webhooks.sender.post(url, b"{}", headers) == 401
        finally:
            process.terminate()
        assert process.stdout
        assert process.stdout.read() == "kill ada killed the flag dark in local, version 14. Reason: errors\n"
