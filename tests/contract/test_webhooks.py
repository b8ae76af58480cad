"""The contract of stores of webhooks and of announced alarms: in memory and in DynamoDB."""

from dataclasses import replace

import pytest

from chalicelib.domain.webhooks import Delivery, Webhook, Webhooks
from chalicelib.services.admin.split_alarms import AlarmMarks
from chalicelib.settings import Settings
from chalicelib.stores.alarm_marks import AlarmMarkStore
from chalicelib.stores.clients import Clients
from chalicelib.stores.webhooks import WebhookStore
from realtime.testing.webhooks import MemoryAlarmMarks, MemoryWebhooks

FIRST = Webhook(0xFF_0000_0007, "https://a.example/x?y=1", ("kill",), "whsec_1", "2027-01-15T08:00:00Z")
SECOND = replace(FIRST, number=5, events=("publication", "proposal"), created="2027-01-15T08:00:01Z")


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Webhooks:
    if request.param == "memory":
        return MemoryWebhooks()
    settings: Settings = request.getfixturevalue("aws_settings")
    clients: Clients = request.getfixturevalue("service_clients")
    return WebhookStore(clients, settings.publications_table)


@pytest.fixture(params=["memory", "dynamodb"])
def marks(request: pytest.FixtureRequest) -> AlarmMarks:
    if request.param == "memory":
        return MemoryAlarmMarks()
    settings: Settings = request.getfixturevalue("aws_settings")
    clients: Clients = request.getfixturevalue("service_clients")
    return AlarmMarkStore(clients, settings.counters_table)


def test_webhooks_are_read_as_they_were_added_oldest_first(store: Webhooks) -> None:
    assert (store.get_all(), store.get(5)) == ([], None)
    store.add(SECOND)
    store.add(FIRST)
    assert store.get_all() == [FIRST, SECOND]
    assert store.get(FIRST.number) == FIRST


def test_a_webhook_is_removed_once(store: Webhooks) -> None:
    store.add(FIRST)
    assert store.remove(FIRST.number)
    assert not store.remove(FIRST.number)
    assert store.get_all() == []


@pytest.mark.parametrize("status", [200, None])
def test_the_last_delivery_is_kept(store: Webhooks, status: int | None) -> None:
    store.add(FIRST)
    for delivery in (Delivery("2027-01-15T08:00:02Z", 500, "answered 500"), Delivery("x", status, "")):
        store.set_last_delivery(FIRST.number, delivery)
        assert store.get(FIRST.number) == replace(FIRST, last_delivery=delivery)


def test_a_late_delivery_does_not_bring_a_removed_webhook_back(store: Webhooks) -> None:
    store.set_last_delivery(FIRST.number, Delivery("x", 200, ""))
    assert store.get_all() == []


def test_an_alarm_is_marked_once(marks: AlarmMarks) -> None:
    assert marks.add("checkout#1")
    assert not marks.add("checkout#1")
    assert marks.add("checkout#2")
    marks.remove("checkout#1")
    assert marks.add("checkout#1")
