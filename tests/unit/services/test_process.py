"""A batch of the event stream through the real processor, over stores in memory."""

import gzip

import orjson

from tests.support.plane import Plane
from tests.support.streams import ARRIVED, kinesis, purchase

DAY = 20_779  # 2026-11-22


def test_an_event_counts_for_the_variant_of_its_user() -> None:
    plane = Plane()
    plane.assign("u1", "treatment")

    answer = plane.deliver(kinesis([purchase("u1", value=12.34), purchase("u1", value=1)]))

    assert answer == {"batchItemFailures": []}
    assert plane.counted() == {("treatment", "purchase", DAY, 10): (2, 133_400, 123_400**2 + 10_000**2)}


def test_a_user_without_an_assignment_is_counted_as_such() -> None:
    plane = Plane()
    plane.deliver(kinesis([purchase("nobody")]))
    assert plane.counted() == {("$unassigned", "purchase", DAY, 10): (1, 0, 0)}


def test_a_batch_that_is_delivered_again_adds_nothing() -> None:
    plane = Plane()
    plane.assign("u1", "control")
    event = kinesis([purchase("u1") for _ in range(20)])
    plane.deliver(event)
    before = plane.counted()
    for start, end in [(0, 20), (0, 7), (3, 12), (19, 20)]:
        plane.container()({"Records": event["Records"][start:end]}, lambda: 60.0, 0.0)
    assert plane.counted() == before


def test_poison_goes_into_quarantine_and_the_batch_goes_on() -> None:
    plane = Plane()
    answer = plane.deliver(kinesis([purchase(), b"{", purchase()]))
    assert answer == {"batchItemFailures": []}
    assert [one.poison.refusal.code for one in plane.quarantine.poison] == ["invalid_json"]
    assert plane.counted() == {("$unassigned", "purchase", DAY, 10): (2, 0, 0)}


def test_the_archive_has_every_field_that_was_sent_and_what_it_counted_for() -> None:
    plane = Plane()
    plane.assign("u1", "control")
    sent = purchase("u1", value=3, colour="blue", properties={"a": [1]})
    plane.deliver(kinesis([sent]))
    [(key, body)] = plane.archive.objects.items()
    archived = orjson.loads(gzip.decompress(body))
    assert key.startswith("raw/events/year=2026/month=11/day=22/hour=10/events-shardId-000000000000-")
    assert {name: archived[name] for name in sent} == sent
    assert archived["realtime"]["experiments"] == [
        {
            "key": "checkout",
            "id": "checkout",
            "iteration": 1,
            "variant": "control",
            "assigned_at": ARRIVED - 60.0,
            "seconds_since_assignment": 60.0,
        }
    ]
