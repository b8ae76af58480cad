"""A function gets the messages of its queue as Lambda gives them, and again what it could not deliver."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.settings import Settings
from realtime.local.clients import Clients
from realtime.local.provision import provision
from realtime.local.queue_pump import QueuePump
from realtime.resources import DeliveryQueue, describe
from tests.support.poll import wait_until
from tests.support.unique_names import unique_names


@pytest.fixture
def queue(aws_clients: Clients) -> DeliveryQueue:
    """One whose messages come again at once, and are given up after three attempts."""
    resources = describe(unique_names(Settings.from_env({})))
    queue = replace(resources.webhooks, hidden_seconds=0, receives=3)
    provision(replace(resources, webhooks=queue), aws_clients)
    return queue


class Receiver:
    def __init__(self, answer: Callable[[list[str]], object]) -> None:
        self.answer, self.seen, self.attempts = answer, list[str](), list[int]()

    def __call__(self, event: Any, context: Any) -> object:
        assert context.get_remaining_time_in_millis() > 0
        records = event["Records"]
        assert {record["eventSource"] for record in records} == {"aws:sqs"}
        self.seen += [record["body"] for record in records]
        self.attempts += [int(record["attributes"]["ApproximateReceiveCount"]) for record in records]
        return self.answer([record["messageId"] for record in records])


def send(clients: Clients, queue: DeliveryQueue, *bodies: str) -> None:
    url = clients.sqs.get_queue_url(QueueName=queue.name)["QueueUrl"]
    for body in bodies:
        clients.sqs.send_message(QueueUrl=url, MessageBody=body)


def count(clients: Clients, name: str) -> int:
    """Messages that wait or are in flight."""
    url = clients.sqs.get_queue_url(QueueName=name)["QueueUrl"]
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes: Any = clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def deliver(pump: QueuePump, receiver: Receiver, times: int) -> None:
    wait_until(lambda: pump.run_once() >= 0 and len(receiver.seen) >= times)


def test_what_was_delivered_is_gone(aws_clients: Clients, queue: DeliveryQueue) -> None:
    receiver = Receiver(lambda _: {"batchItemFailures": []})
    send(aws_clients, queue, "a", "b")
    deliver(QueuePump(queue, aws_clients.sqs, receiver), receiver, 2)
    assert sorted(receiver.seen) == ["a", "b"]
    assert count(aws_clients, queue.name) == 0


@pytest.mark.parametrize("broken", ["raises", "names another message", "reports it"])
def test_what_failed_comes_again_and_is_given_up_at_last(
    aws_clients: Clients, queue: DeliveryQueue, broken: str
) -> None:
    def fail(ids: list[str]) -> object:
        if broken == "raises":
            raise RuntimeError
        return {"batchItemFailures": [{"itemIdentifier": "x" if broken != "reports it" else ids[0]}]}

    receiver = Receiver(fail)
    send(aws_clients, queue, "a")
    pump = QueuePump(queue, aws_clients.sqs, receiver)
    wait_until(lambda: pump.run_once() == 0 and count(aws_clients, queue.dead_letters) == 1)
    assert receiver.seen == ["a"] * 3
    assert receiver.attempts == [1, 2, 3]
    assert count(aws_clients, queue.name) == 0


def test_one_that_failed_holds_up_no_other(aws_clients: Clients, queue: DeliveryQueue) -> None:
    def fail_once(ids: list[str]) -> object:
        is_first = len(receiver.seen) == len(ids)
        return {"batchItemFailures": [{"itemIdentifier": ids[0]}] if is_first else []}

    receiver = Receiver(fail_once)
    send(aws_clients, queue, "a", "b")
    pump = QueuePump(queue, aws_clients.sqs, receiver)
    pump.start()
    try:
        wait_until(lambda: count(aws_clients, queue.name) == 0)
    finally:
        pump.stop()
    assert len(receiver.seen) == 3
    assert {*receiver.seen} == {"a", "b"}
