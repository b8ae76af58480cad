"""A batch of the event stream through the real processor, over stores in memory."""

import gzip
from typing import Any

import orjson
import pytest

from chalicelib.domain.stream.amounts import SCALE
from tests.support.plane import EventPlane, purchase_experiment
from tests.support.streams import ARRIVED, kinesis, purchase

DAY = 20_779  # 2026-11-22
CENT = SCALE // 100


def test_an_event_counts_for_the_variant_of_its_user() -> None:
    plane = EventPlane()
    plane.assign("u1", "treatment")

    answer = plane.deliver(kinesis([purchase("u1", value=12.34), purchase("u1", value=1)]))

    assert answer == {"batchItemFailures": []}
    assert plane.counted() == {
        ("treatment", "purchase", DAY, 10): (2, 1334 * CENT, (1234 * CENT) ** 2 + (100 * CENT) ** 2)
    }


def test_a_user_without_an_assignment_is_counted_as_such() -> None:
    plane = EventPlane()
    plane.deliver(kinesis([purchase("nobody")]))
    assert plane.counted() == {("$unassigned", "purchase", DAY, 10): (1, 0, 0)}


def test_a_batch_that_is_delivered_again_adds_nothing() -> None:
    plane = EventPlane()
    plane.assign("u1", "control")
    event = kinesis([purchase("u1") for _ in range(20)])
    plane.deliver(event)
    before = plane.counted()
    for start, end in [(0, 20), (0, 7), (3, 12), (19, 20)]:
        plane.new_container().process({"Records": event["Records"][start:end]}, lambda: 60.0, 0.0)
    assert plane.counted() == before


def test_poison_goes_into_quarantine_and_the_batch_goes_on() -> None:
    plane = EventPlane()
    answer = plane.deliver(kinesis([purchase(), b"{", purchase()]))
    assert answer == {"batchItemFailures": []}
    assert [entry.poison.refusal.code for entry in plane.quarantine.entries] == ["invalid_json"]
    assert plane.counted() == {("$unassigned", "purchase", DAY, 10): (2, 0, 0)}


def test_the_archive_has_every_field_that_was_sent_and_what_it_counted_for() -> None:
    plane = EventPlane()
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
            "rule": "assignment",
            "assigned_at": ARRIVED - 60.0,
            "seconds_since_assignment": 60.0,
        }
    ]


OTHERS = [{"key": "treatment", "allocation": 0.5}, {"key": "other", "allocation": 0.5}]


@pytest.mark.parametrize(
    ("fields", "row", "later"),
    [
        ({}, {"expires_at": ARRIVED + 10}, {}),
        ({}, {}, {"iteration": 2, "salt": "restarted"}),
        ({}, {}, {"variants": OTHERS}),
        ({"sticky": False}, {}, {"sticky": False}),
    ],
    ids=["expired", "restarted", "variant removed", "not sticky"],
)
def test_a_container_that_remembers_a_row_counts_as_one_that_does_not(
    fields: dict[str, Any], row: dict[str, Any], later: dict[str, Any]
) -> None:
    plane = EventPlane(purchase_experiment(**fields))
    plane.assign("u1", "control", **row)
    plane.deliver(kinesis([purchase("u1")]))
    plane.experiments.by_key = {"checkout": purchase_experiment(**later)}
    plane.assign("u1", "treatment", at=ARRIVED + 12, iteration=later.get("iteration", 1))
    for number, container in enumerate((plane.processor, plane.new_container()), 1):
        event = kinesis(
            [
                purchase(
                    "u1", event_type="exposure", experiment_key="checkout", timestamp="2026-11-22T10:00:20Z"
                )
            ],
            start=number,
            arrived=ARRIVED + 20,
        )
        container.process(event, lambda: 60.0, ARRIVED + 21)
    scope = "checkout@2" if "iteration" in later else "checkout"
    counts = {key[:2]: sums[0] for key, sums in plane.counted(scope).items() if key[1] == "exposure"}
    assert counts == {("treatment", "exposure"): 2}


def test_a_row_is_read_once_as_long_as_it_holds() -> None:
    plane = EventPlane()
    plane.assign("u1", "control")
    plane.deliver(kinesis([purchase("u1")]))
    plane.assignments.rows.clear()
    plane.deliver(kinesis([purchase("u1")], start=1))
    assert plane.counted() == {("control", "purchase", DAY, 10): (2, 0, 0)}
