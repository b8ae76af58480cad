"""Webhooks over stores in memory: who is told, and what is delivered again."""

import hashlib
import hmac
import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.domain.announcements import announce_kill, announce_publication
from chalicelib.domain.errors import InvalidInput, NotFound, StorageUnavailable
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.webhooks import Delivery, Unreachable, Webhook
from chalicelib.services.admin.split_alarms import SplitAlarms
from chalicelib.services.admin.webhooks import MAX_WEBHOOKS, WebhookService
from chalicelib.services.concurrency import Parallel
from realtime.testing.webhooks import MemoryAlarmMarks, MemoryQueue, MemorySender, MemoryWebhooks
from tests.support.experiments import experiment

NOW = 1_800_000_000.0
ADA = Author("ada", "", "key 1")
URL = "https://hooks.example/services/secret-path?token=secret-token"
KILL = announce_kill(14, ADA, "errors", "dark", NOW)


class BrokenQueue(MemoryQueue):
    """``refuses`` is how many messages of each call are not taken; below 0 it does not answer."""

    refuses = 0

    def send(self, bodies: Sequence[str]) -> list[bool]:
        if self.refuses < 0:
            raise StorageUnavailable
        taken = len(bodies) - min(self.refuses, len(bodies))
        return super().send(bodies[:taken]) + [False] * (len(bodies) - taken)


class World:
    def __init__(self) -> None:
        self.store, self.queue, self.sender = MemoryWebhooks(), BrokenQueue(), MemorySender()
        serial = Parallel(1)
        self.service = WebhookService("prod", self.store, self.queue, self.sender, lambda: NOW, serial)

    def add(self, *events: str) -> Webhook:
        return self.service.add(URL, events or ("kill",))

    def deliver(self) -> list[str]:
        """What is to be delivered again, of all that is in the queue."""
        records = [{"messageId": f"m{n}", "body": body} for n, body in enumerate(self.queue.bodies)]
        answer = self.service.deliver({"Records": records})
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def get_last_delivery(self) -> Delivery | None:
        return self.store.get_all()[0].last_delivery


@pytest.fixture
def world() -> World:
    return World()


def test_those_who_ask_for_an_event_are_told_of_it(world: World) -> None:
    first, second = world.add("kill", "proposal"), world.add("publication")
    assert world.service.announce(KILL) == ""
    [message] = [json.loads(body) for body in world.queue.bodies]
    assert message["webhook"] == first.id
    world.service.announce(announce_publication(15, ADA, "", (), NOW))
    assert json.loads(world.queue.bodies[1])["webhook"] == second.id


def test_a_message_is_posted_with_a_signature_that_the_receiver_can_compute(world: World) -> None:
    webhook = world.add()
    world.service.announce(KILL)
    assert world.deliver() == []
    [(url, body, headers)] = world.sender.posted
    assert url == URL
    fields = json.loads(body)
    assert (fields["event"], fields["environment"], fields["version"]) == ("kill", "prod", 14)
    assert headers["Content-Type"] == "application/json"
    assert headers["Realtime-Delivery"] == fields["id"]
    signed = b"1800000000." + body
    expected = hmac.new(webhook.secret.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["Realtime-Signature"] == f"t=1800000000,v1={expected}"
    assert world.get_last_delivery() == Delivery("2027-01-15T08:00:00Z", 200, "")


def test_every_webhook_has_a_secret_and_a_delivery_id_of_its_own(world: World) -> None:
    assert world.add().secret != world.add().secret
    world.service.announce(KILL)
    world.deliver()
    assert len({headers["Realtime-Delivery"] for _, _, headers in world.sender.posted}) == 2


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (500, 500, "answered 500"),
        (302, 302, "answered 302"),
        (404, 404, "answered 404"),
        (199, 199, "answered 199"),
        (410, 410, "answered 410: the receiver is gone, remove the webhook"),
        (Unreachable("timed out"), None, "timed out"),
    ],
)
def test_whatever_is_no_success_is_delivered_again(
    world: World, answer: int | Unreachable, status: int | None, error: str
) -> None:
    world.add()
    world.service.announce(KILL)
    world.sender.statuses = [answer]
    assert world.deliver() == ["m0"]
    assert world.get_last_delivery() == Delivery("2027-01-15T08:00:00Z", status, error)
    assert world.deliver() == []
    first, second = world.sender.posted
    assert (first[1], first[2]["Realtime-Delivery"]) == (second[1], second[2]["Realtime-Delivery"])


def test_one_receiver_that_fails_holds_up_no_other(world: World) -> None:
    world.add()
    world.add()
    world.service.announce(KILL)
    world.sender.statuses = [500]
    assert world.deliver() == ["m0"]
    assert len(world.sender.posted) == 2


@pytest.mark.parametrize("poison", ["", "[]", "{}", '{"webhook": 1, "body": "{}"}', '{"webhook": "x"}'])
def test_a_message_that_nobody_can_read_holds_up_no_other(world: World, poison: str) -> None:
    world.add()
    world.service.announce(KILL)
    world.queue.bodies.insert(0, poison)
    assert world.deliver() == ["m0"]
    assert len(world.sender.posted) == 1


def test_receivers_do_not_wait_for_each_other(world: World) -> None:
    together = threading.Barrier(3)

    class Waiting(MemorySender):
        def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
            together.wait(30)
            return super().post(url, body, headers)

    world.service = replace(world.service, sender=Waiting(), parallel=Parallel(3))
    for _ in range(3):
        world.add()
    world.service.announce(KILL)
    assert world.deliver() == []


def test_a_message_for_a_webhook_that_was_removed_is_dropped(world: World) -> None:
    webhook = world.add()
    world.service.announce(KILL)
    assert world.service.remove(webhook.id) == webhook
    assert world.deliver() == []
    assert world.sender.posted == []


@pytest.mark.parametrize(
    ("refuses", "said"), [(1, "1 of 1 webhooks are not told"), (-1, "Webhooks are not told")]
)
def test_a_queue_that_fails_is_told_to_the_publisher_and_stops_nothing(
    world: World, refuses: int, said: str
) -> None:
    world.add()
    world.queue.refuses = refuses
    assert said in world.service.announce(KILL)


def test_more_webhooks_than_a_call_takes_are_all_told(world: World) -> None:
    for _ in range(23):
        world.add()
    world.service.announce(KILL)
    assert len(world.queue.bodies) == 23


def test_a_webhook_can_be_tested_whatever_it_asks_for(world: World) -> None:
    webhook = world.add("proposal")
    delivery = world.service.test(webhook.id, ADA)
    world.deliver()
    fields = json.loads(world.sender.posted[0][1])
    assert (fields["event"], fields["id"]) == ("test", delivery)
    world.queue.refuses = 1
    with pytest.raises(StorageUnavailable):
        world.service.test(webhook.id, ADA)


def test_an_address_that_may_not_be_used_is_refused_at_once(world: World) -> None:
    world.sender.unresolvable = Unreachable("the host's address is not on the Internet")
    with pytest.raises(InvalidInput, match="url: the host's address is not on the Internet"):
        world.add()
    with pytest.raises(InvalidInput, match="https"):
        world.service.add("http://hooks.example/", ["kill"])
    assert world.service.get_all() == []


def test_webhooks_are_limited(world: World) -> None:
    for _ in range(MAX_WEBHOOKS):
        world.add()
    with pytest.raises(InvalidInput, match="remove one first"):
        world.add()


@pytest.mark.parametrize("webhook_id", ["wh_0000000001", "nonsense"])
def test_an_unknown_webhook_is_not_found(world: World, webhook_id: str) -> None:
    with pytest.raises(NotFound):
        world.service.remove(webhook_id)
    with pytest.raises(NotFound):
        world.service.test(webhook_id, ADA)


def test_no_log_has_a_secret_or_an_address(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    webhook = world.add()
    world.service.announce(KILL)
    world.sender.statuses = [500, Unreachable("timed out")]
    world.deliver()
    world.deliver()
    world.queue.refuses = 1
    world.service.announce(KILL)
    world.service.remove(webhook.id)
    world.deliver()
    assert webhook.id in caplog.text
    for private in ("secret", webhook.secret, "hooks.example", "ada", "errors"):
        assert private not in caplog.text


class TestSplitAlarms:
    @pytest.fixture
    def alarms(self, world: World) -> SplitAlarms:
        self.marks = MemoryAlarmMarks()
        return SplitAlarms(world.service, self.marks)

    def announce(self, alarms: SplitAlarms, **fields: Any) -> None:
        alarms.announce(experiment("checkout", **fields), 0.0001, NOW)

    def test_each_iteration_is_announced_once_by_all_containers(
        self, world: World, alarms: SplitAlarms
    ) -> None:
        world.add("split_alarm")
        for each in (alarms, alarms, SplitAlarms(world.service, self.marks)):
            self.announce(each)
        assert len(world.queue.bodies) == 1
        self.announce(alarms, iteration=2)
        assert len(world.queue.bodies) == 2

    def test_who_listens_later_is_told_at_the_next_check(self, world: World, alarms: SplitAlarms) -> None:
        world.add("kill")
        self.announce(alarms)
        world.add("split_alarm")
        self.announce(alarms)
        assert len(world.queue.bodies) == 1

    def test_what_the_queue_does_not_take_is_tried_at_the_next_check(
        self, world: World, alarms: SplitAlarms
    ) -> None:
        world.add("split_alarm")
        world.queue.refuses = -1
        self.announce(alarms)
        world.queue.refuses = 0
        self.announce(alarms)
        assert len(world.queue.bodies) == 1
