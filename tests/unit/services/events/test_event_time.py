"""An event counts by its own time: what was active then, and which assignment its user had then."""

import gzip
from typing import Any

import orjson
import pytest
from aws_kinesis_agg.aggregator import RecordAggregator

from chalicelib.domain.definitions.model import Assignment
from chalicelib.domain.stream.amounts import SCALE
from chalicelib.domain.stream.event import Limits
from chalicelib.domain.timestamps import format_timestamp
from tests.support.experiments import published
from tests.support.plane import EventPlane, purchase_experiment
from tests.support.streams import ARRIVED, kinesis, purchase

HOUR = 3600.0
DAY = 24 * HOUR


class Published(EventPlane):
    """Experiments that are published one after the other, as the processor finds them."""

    def publish(self, at: float, **fields: Any) -> None:
        fields = {"metrics": ["purchase"]} | fields
        version = self.definitions.get_changes(None).version
        self.definitions.publish([published(**fields)], version, at)
        self.experiments.by_key = {"checkout": purchase_experiment(version=version + 1, **fields)}

    def remove(self, at: float) -> None:
        row = published()
        self.definitions.publish(
            [type(row)("experiment", "checkout", "", "")], self.definitions.get_changes(None).version, at
        )
        self.experiments.by_key = {}


def at(time: float, user: str = "u1", **fields: Any) -> dict[str, Any]:
    return purchase(user, timestamp=format_timestamp(time), **fields)


def variants(plane: EventPlane, scope: str = "checkout") -> dict[str, int]:
    counts: dict[str, int] = {}
    for key, sums in plane.counted(scope).items():
        counts[key[0]] = counts.get(key[0], 0) + sums[0]
    return counts


def rules(plane: EventPlane) -> list[str]:
    """Of the archived events, in the order of their times."""
    lines = [
        orjson.loads(line)
        for body in plane.archive.objects.values()
        for line in gzip.decompress(body).splitlines()
    ]
    lines.sort(key=lambda line: str(line["realtime"]["occurred_at"]))
    return [part["rule"] for line in lines for part in line["realtime"]["experiments"]]


def test_an_event_after_the_end_does_not_count_for_the_variant() -> None:
    plane = Published()
    plane.publish(ARRIVED - DAY, end_at=format_timestamp(ARRIVED - HOUR))
    plane.assign("u1", "control", at=ARRIVED - 20 * HOUR)
    before, after = at(ARRIVED - HOUR - 1), at(ARRIVED - HOUR)
    named = at(ARRIVED - 60, experiment_key="checkout")
    plane.deliver(kinesis([before, after, named]))
    assert variants(plane) == {"control": 1, "$unassigned": 1}
    assert rules(plane) == ["assignment", "not_active"]


def test_an_event_before_the_start_does_not_count_for_the_variant() -> None:
    plane = Published()
    plane.publish(ARRIVED - DAY, start_at=format_timestamp(ARRIVED - HOUR))
    plane.assign("u1", "control", at=ARRIVED - HOUR)
    plane.deliver(kinesis([at(ARRIVED - HOUR - 1), at(ARRIVED - HOUR)]))
    assert variants(plane) == {"control": 1}


@pytest.mark.parametrize("status", ["completed", "paused", "draft"])
@pytest.mark.parametrize("named", [{}, {"experiment_key": "checkout"}])
def test_an_event_that_comes_late_counts_as_it_would_have_in_time(status: str, named: dict[str, Any]) -> None:
    plane = Published()
    plane.publish(ARRIVED - 2 * DAY)
    plane.assign("u1", "treatment", at=ARRIVED - DAY)
    plane.publish(ARRIVED - HOUR, status=status)
    plane.deliver(kinesis([at(ARRIVED - HOUR - 1, **named), at(ARRIVED - HOUR + 1, **named)]))
    assert variants(plane) == {"treatment": 1} | ({"$unassigned": 1} if named else {})
    assert rules(plane) == ["assignment", "not_active"][: len(named) + 1]


def test_an_event_that_comes_after_its_experiment_was_removed_counts() -> None:
    plane = Published()
    plane.publish(ARRIVED - 2 * DAY)
    plane.assign("u1", "treatment", at=ARRIVED - DAY)
    plane.remove(ARRIVED - HOUR)
    plane.deliver(kinesis([at(ARRIVED - HOUR - 1), at(ARRIVED - HOUR + 1)]))
    assert variants(plane) == {"treatment": 1}


@pytest.mark.parametrize("is_assigned_again", [False, True])
def test_an_event_of_the_earlier_iteration_counts_there(is_assigned_again: bool) -> None:
    plane = Published()
    plane.publish(ARRIVED - 2 * DAY)
    first = Assignment("treatment", "a", ARRIVED - DAY)
    plane.assignments.rows["checkout", "u1"] = first
    plane.publish(ARRIVED - 2 * HOUR, iteration=2, salt="again")
    if is_assigned_again:
        second = Assignment("control", "b", ARRIVED - HOUR, 2)
        plane.assignments.rows["checkout", "u1"] = second.replace_row(first)
    plane.deliver(kinesis([at(ARRIVED - 3 * HOUR), at(ARRIVED - 60)]))
    assert variants(plane) == {"treatment": 1}
    assert variants(plane, "checkout@2") == {"control" if is_assigned_again else "$unassigned": 1}


def test_a_metric_counts_from_when_it_was_published() -> None:
    plane = Published()
    plane.publish(ARRIVED - 2 * DAY, metrics=["refund"])
    plane.publish(ARRIVED - HOUR, metrics=["purchase"])
    plane.assign("u1", "control", at=ARRIVED - DAY)
    plane.deliver(kinesis([at(ARRIVED - HOUR - 1), at(ARRIVED - HOUR)]))
    assert variants(plane) == {"control": 1}


def test_changes_by_the_clock_count_from_their_time() -> None:
    changes = [{"at": format_timestamp(ARRIVED - HOUR), "set": {"status": "completed"}}]
    plane = Published()
    plane.publish(ARRIVED - 2 * DAY, changes=changes)
    plane.assign("u1", "control", at=ARRIVED - DAY)
    plane.deliver(kinesis([at(ARRIVED - HOUR - 1), at(ARRIVED - HOUR)]))
    assert variants(plane) == {"control": 1}
    plane.publish(ARRIVED - HOUR / 2, changes=changes, description="again")
    plane.deliver(kinesis([at(ARRIVED - HOUR - 1), at(ARRIVED - 60)], start=5))
    assert variants(plane) == {"control": 2}


def test_an_event_from_before_the_assignment_is_not_credited() -> None:
    plane = Published()
    plane.publish(ARRIVED - 2 * DAY)
    plane.assign("u1", "control", at=ARRIVED - HOUR)
    plane.deliver(kinesis([at(ARRIVED - HOUR - 11), at(ARRIVED - HOUR - 10), at(ARRIVED - HOUR)]))
    assert variants(plane) == {"control": 2, "$unassigned": 1}
    assert rules(plane) == ["before_assignment", "assignment", "assignment"]


def test_the_tolerance_of_clocks_is_a_setting() -> None:
    plane = Published(limits=Limits(clock_tolerance=0.0))
    plane.publish(ARRIVED - 2 * DAY)
    plane.assign("u1", "control", at=ARRIVED - HOUR)
    plane.deliver(kinesis([at(ARRIVED - HOUR - 0.001), at(ARRIVED - HOUR)]))
    assert variants(plane) == {"control": 1, "$unassigned": 1}


def test_an_arrival_before_the_time_of_the_row_is_credited() -> None:
    """Kinesis promises no accuracy for it."""
    plane = Published()
    plane.assign("u1", "control", at=ARRIVED + 0.004)
    plane.deliver(kinesis([at(ARRIVED)], arrived=ARRIVED - 0.1))
    assert variants(plane) == {"control": 1}


def test_a_user_who_was_moved_counts_for_the_variant_of_each_time() -> None:
    plane = Published()
    plane.publish(ARRIVED - 2 * DAY, sticky=False)
    first = Assignment("control", "a", ARRIVED - DAY)
    moved = Assignment("treatment", "a", ARRIVED - HOUR).replace_row(first)
    plane.assignments.rows["checkout", "u1"] = moved
    plane.deliver(kinesis([at(ARRIVED - DAY - 60), at(ARRIVED - 2 * HOUR), at(ARRIVED - 60)]))
    assert variants(plane) == {"$unassigned": 1, "control": 1, "treatment": 1}
    assert rules(plane) == ["before_assignment", "assignment", "assignment"]


def test_an_event_after_the_row_expired_counts_as_unassigned() -> None:
    plane = Published()
    plane.assign("u1", "control", at=ARRIVED - DAY, expires_at=ARRIVED - HOUR)
    plane.deliver(kinesis([at(ARRIVED - HOUR - 1), at(ARRIVED - HOUR)]))
    assert rules(plane) == ["assignment", "no_assignment"]


def test_a_history_that_is_replayed_counts_by_its_arrival() -> None:
    """The local stack takes events of any age; no assignment is as old as they are."""
    plane = Published(limits=Limits(max_age=float("inf")))
    plane.publish(ARRIVED - HOUR)
    plane.assign("u1", "control", at=ARRIVED - 60)
    plane.deliver(kinesis([at(ARRIVED - 7 * DAY - 1), at(ARRIVED - 7 * DAY)]))
    assert variants(plane) == {"control": 1, "$unassigned": 1}
    assert rules(plane) == ["replay", "before_assignment"]


def test_a_backfill_counts_by_its_own_time_however_old() -> None:
    plane = Published()
    plane.publish(ARRIVED - 40 * DAY)
    plane.assign("u1", "control", at=ARRIVED - 30 * DAY)
    late = [at(ARRIVED - age * DAY, realtime={"backfill": True}) for age in (31, 29)]
    plane.deliver(kinesis([*late, at(ARRIVED - 29 * DAY)]))
    assert variants(plane) == {"$unassigned": 1, "control": 1}
    assert [entry.poison.refusal.code for entry in plane.quarantine.entries] == ["too_old"]


def test_both_times_of_a_corrected_event_are_archived() -> None:
    plane = Published()
    ahead = at(ARRIVED + 1140, sent_at=format_timestamp(ARRIVED + 1200))
    plane.deliver(kinesis([ahead, at(ARRIVED - 1, realtime={"received_at": ARRIVED - 5})]))
    lines = [
        orjson.loads(line)
        for body in plane.archive.objects.values()
        for line in gzip.decompress(body).splitlines()
    ]
    corrected = next(line for line in lines if "sent_at" in line)
    assert corrected["timestamp"] == ahead["timestamp"]
    assert corrected["realtime"]["occurred_at"] == "2026-11-22T09:59:00.000000Z"
    assert "received_at" not in corrected["realtime"]
    other = next(line for line in lines if "sent_at" not in line)
    assert other["realtime"]["received_at"] == ARRIVED - 5


@pytest.mark.parametrize(
    "written",
    [
        "20261122T095900Z",
        "2026-W47-7T09:59:00Z",
        "2026-11-22T09:59:00,000Z",
        "2026-11-22T10:59+01:00",
        "2026-11-22 09:59",
    ],
)
def test_every_line_has_its_time_in_one_form(written: str) -> None:
    plane = Published()
    plane.deliver(kinesis([purchase(timestamp=written)]))
    [body] = plane.archive.objects.values()
    [line] = gzip.decompress(body).splitlines()
    assert orjson.loads(line)["timestamp"] == written
    assert orjson.loads(line)["realtime"]["occurred_at"] == "2026-11-22T09:59:00.000000Z"


def test_events_of_one_counter_under_several_rules_count_in_the_order_of_the_stream() -> None:
    """A counter's position would hide what comes after a later one."""
    plane = Published()
    plane.publish(ARRIVED - 2 * DAY)
    plane.assign("u1", "control", at=ARRIVED - HOUR / 2)
    early = format_timestamp(ARRIVED - HOUR)
    events = [at(ARRIVED - HOUR, user) for user in ("u1", "nobody", "u1", "nobody")]
    aggregator = RecordAggregator()
    for value in (None, 3):  # two parts of one record: the same position, with and without a value
        part = purchase("nobody" if value else "u1", timestamp=early, value=value)
        aggregator.add_user_record("u1", orjson.dumps(part))
    plane.deliver(kinesis([*events, aggregator.clear_and_get().get_contents()[2], at(ARRIVED - HOUR, "u1")]))
    assert variants(plane) == {"$unassigned": 7}
    [(_, total, _)] = plane.counted().values()
    assert total == 3 * SCALE
