"""Assigned users are counted from the table's stream, one for each row, and kept in the history."""

import json
from typing import Any

import pytest

from chalicelib.domain.definitions.model import DefinitionKind, DefinitionRow
from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.event_types import ASSIGNED
from chalicelib.domain.stream.assignment_changes import read_shard
from chalicelib.domain.stream.assignment_history import History, RefusedRow
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp
from chalicelib.services.concurrency import Parallel
from chalicelib.services.events.assignment_sync import AssignmentSync, redrive_row
from chalicelib.services.events.srm import SampleRatioMonitor
from realtime.testing.event_stores import MemoryCounters, MemoryQuarantine
from realtime.testing.stores import MemoryAssignmentHistory, MemoryDefinitions, MemoryMetrics
from tests.support.assignments import change, row
from tests.support.experiments import published, shares
from tests.support.plane import FixedDefinitions, purchase_experiment


class SyncUnderTest:
    now = 1_795_341_600.0

    def __init__(
        self,
        counters: MemoryCounters | None = None,
        history: History | None = None,
        definitions: MemoryDefinitions | None = None,
        quarantine: MemoryQuarantine | None = None,
    ) -> None:
        self.counters = counters or MemoryCounters()
        self.definitions = definitions or MemoryDefinitions()
        self.metrics = MemoryMetrics()
        self.quarantine = quarantine or MemoryQuarantine()
        experiments = FixedDefinitions(purchase_experiment())
        self.announced: list[tuple[str, bool]] = []
        split = SampleRatioMonitor(
            experiments,
            self.counters,
            self.definitions,
            self.metrics,
            lambda experiment, p_value, _: self.announced.append((experiment.key, p_value < 0.001)),
        )
        self.service = AssignmentSync(
            self.counters, Parallel(1), split, history, self.quarantine, self.metrics
        )

    def deliver(self, *records: dict[str, Any], **event: Any) -> dict[str, Any]:
        event_ = {"Records": list(records), "shardId": "shardId-1", **event}
        return self.service.sync(event_, lambda: 60.0, self.now)

    def totals(self, scope: str = "checkout") -> dict[tuple[str, int, int], int]:
        counts: dict[tuple[str, int, int], int] = {}
        for counter, hours in self.counters.read(scope):
            assert counter.event_type == ASSIGNED
            for hour, sums in hours.items():
                key = counter.variant, counter.day, hour
                counts[key] = counts.get(key, 0) + sums.count
        return counts


def test_how_far_postgresql_is_behind_is_recorded_also_while_it_is_down() -> None:
    class Unreachable:
        def upsert(self, _rows: Any) -> list[RefusedRow]:
            raise StorageUnavailable

    without, reached, down = (
        SyncUnderTest(),
        SyncUnderTest(history=MemoryAssignmentHistory()),
        SyncUnderTest(history=Unreachable()),
    )
    records = [change(1, row("u1")), change(2, row("u2"))]
    for number, record in enumerate(records):
        record["dynamodb"]["ApproximateCreationDateTime"] = SyncUnderTest.now - 90 + number
    for synced in (without, reached, down):
        synced.deliver(*records)
    assert reached.metrics.recorded["PostgresLag"] == down.metrics.recorded["PostgresLag"] == [90]
    assert "PostgresLag" not in without.metrics.recorded


def test_each_new_row_counts_one_at_its_hour() -> None:
    counted = SyncUnderTest()
    answer = counted.deliver(
        change(1, row("u1")),
        change(2, row("u2", "treatment")),
        change(3, row("u3", at="2026-11-23T00:00:00.000Z")),
    )
    assert answer == {"batchItemFailures": []}
    assert counted.totals() == {
        ("control", 20_779, 10): 1,
        ("control", 20_780, 0): 1,
        ("treatment", 20_779, 10): 1,
    }


def test_who_is_held_out_is_counted_and_other_odd_variants_are_not() -> None:
    counted = SyncUnderTest()
    counted.deliver(
        change(1, row("u1", "$holdout")), change(2, row("u2", "$other")), change(3, row("u3", ""))
    )
    assert counted.totals() == {("$holdout", 20_779, 10): 1}


def test_a_batch_that_is_delivered_again_adds_nothing() -> None:
    counted = SyncUnderTest()
    records = [change(number, row(f"u{number}")) for number in range(1, 11)]
    counted.deliver(*records[:4])
    counted.deliver(*records)
    counted.deliver(*records[3:5])
    assert counted.totals() == {("control", 20_779, 10): 10}


def test_sequence_numbers_of_one_shard_say_nothing_about_another() -> None:
    counted = SyncUnderTest()
    counted.deliver(change(100, row("u1")))
    counted.deliver(change(5, row("u2")), shardId="shardId-2")
    assert counted.totals() == {("control", 20_779, 10): 2}


def test_a_user_who_moves_to_another_variant_is_counted_there_instead() -> None:
    counted = SyncUnderTest()
    old = row("u1", "control")
    counted.deliver(change(1, old), change(2, row("u1", "treatment", "2026-11-23T01:00:00.000Z"), old))
    assert counted.totals() == {("control", 20_779, 10): 0, ("treatment", 20_780, 1): 1}


def test_a_row_that_is_written_again_for_the_same_variant_counts_once() -> None:
    counted = SyncUnderTest()
    counted.deliver(change(1, row()), change(2, row(at="2026-11-25T00:00:00.000Z", ttl="9"), row()))
    assert counted.totals() == {("control", 20_779, 10): 1}


def test_a_restarted_experiment_counts_its_users_anew() -> None:
    counted = SyncUnderTest()
    counted.deliver(change(1, row()), change(2, row(iteration="2"), row()))
    assert counted.totals() == {("control", 20_779, 10): 1}
    assert counted.totals("checkout@2") == {("control", 20_779, 10): 1}


def test_a_row_whose_time_has_come_was_assigned_all_the_same() -> None:
    counted = SyncUnderTest()
    counted.deliver(change(1, row()), change(2, None, row()))
    assert counted.totals() == {("control", 20_779, 10): 1}


def test_rows_that_something_else_has_written_are_passed_over() -> None:
    counted = SyncUnderTest()
    images = [{"id": {"S": "x"}}, row() | {"variant": {"N": "1"}}, row(at="then"), row(iteration="x")]
    images += [row(at="0001-01-01T00:00:00+14:00"), row(variant="a#purchase")]
    images += [row() | {"experiment_id": {"S": "checkout@2"}}]
    answer = counted.deliver(*[change(number, image) for number, image in enumerate(images, 1)])
    assert answer == {"batchItemFailures": []}
    assert counted.totals() == {}


def test_an_event_with_a_window_is_answered_with_its_state() -> None:
    counted = SyncUnderTest()
    assert counted.deliver(change(1, row()), window={}) == {"batchItemFailures": [], "state": {}}
    assert counted.deliver(window={}, isFinalInvokeForWindow=True) == {"batchItemFailures": [], "state": {}}


def test_the_lowest_record_that_is_not_counted_is_reported() -> None:
    class Down(MemoryCounters):
        def add(self, tally: Any, counted: str | None) -> str | None:
            if tally.counter.variant == "treatment":
                raise StorageUnavailable
            return super().add(tally, counted)

    counted = SyncUnderTest(Down())
    answer = counted.deliver(
        change(1, row("u1")),
        change(2, row("u2", "treatment")),
        change(3, row("u3", "treatment")),
        change(4, row("u4")),
    )
    assert answer == {"batchItemFailures": [{"itemIdentifier": f"{2:030d}"}]}


def test_the_split_is_tested_while_users_are_counted_every_five_minutes() -> None:
    counted, recorded = SyncUnderTest(), list[float]()
    counted.metrics.recorded["SampleRatioMismatch"] = recorded
    even = [
        change(number, row(f"u{number}", ("control", "treatment")[number % 2])) for number in range(1, 101)
    ]
    counted.deliver(*even)
    assert recorded == [0.0]
    assert counted.metrics.recorded["Assigned.checkout.control"] == [50]
    counted.deliver(*[change(number, row(f"u{number}")) for number in range(101, 200)])
    assert recorded == [0.0]
    assert counted.announced == []
    counted.now += 301
    counted.deliver(change(200, row("u200")))
    assert recorded == [0.0, 1.0]
    assert counted.announced == [("checkout", True)]


def test_a_split_that_cannot_be_read_fails_no_batch() -> None:
    class Unreadable(MemoryCounters):
        def read(self, scope: str) -> Any:
            raise StorageUnavailable

    assert SyncUnderTest(Unreadable()).deliver(change(1, row())) == {"batchItemFailures": []}


def test_every_row_is_kept_as_it_is_now_and_stays_when_it_expires() -> None:
    history = MemoryAssignmentHistory()
    counted = SyncUnderTest(history=history)
    moved = row("u2", "treatment", "2026-11-22T11:00:00.000Z")
    answer = counted.deliver(
        change(1, row("u1")), change(2, row("u2")), change(3, moved, row("u2")), change(4, None, row("u1"))
    )
    assert answer == {"batchItemFailures": []}
    variants = {
        row_.user_id: (row_.variant_id, row_.created_at, row_.updated_at) for row_ in history.rows.values()
    }
    half_past, eleven = "2026-11-22T10:30:00.000Z", "2026-11-22T11:00:00.000Z"
    assert variants == {"u1": ("control", half_past, half_past), "u2": ("treatment", half_past, eleven)}


class NoHistory(MemoryAssignmentHistory):
    def upsert(self, rows: Any) -> list[RefusedRow]:
        raise StorageUnavailable


def test_a_history_that_is_down_stops_the_batch_at_its_first_row_but_not_the_count() -> None:
    counted = SyncUnderTest(history=NoHistory())
    answer = counted.deliver(change(1, None, row("u0")), change(2, row("u1")), change(3, row("u2")))
    assert answer == {"batchItemFailures": [{"itemIdentifier": f"{2:030d}"}]}
    assert counted.totals() == {("control", 20_779, 10): 2}


def test_counters_that_are_down_stop_the_batch_but_not_the_history() -> None:
    class Down(MemoryCounters):
        def add(self, tally: Any, counted: str | None) -> str | None:
            raise StorageUnavailable

    history = MemoryAssignmentHistory()
    answer = SyncUnderTest(Down(), history).deliver(change(1, None, row("u0")), change(2, row("u1")))
    assert answer == {"batchItemFailures": [{"itemIdentifier": f"{2:030d}"}]}
    assert list(history.rows) == ["a-u1"]


def test_the_lower_of_two_failures_is_reported() -> None:
    class Down(MemoryCounters):
        def add(self, tally: Any, counted: str | None) -> str | None:
            raise StorageUnavailable

    image = {
        name: value for name, value in row("u1").items() if name != "assignment_id"
    }  # counts all the same
    answer = SyncUnderTest(Down(), NoHistory()).deliver(change(1, image), change(2, row("u2")))
    assert answer == {"batchItemFailures": [{"itemIdentifier": f"{1:030d}"}]}


BAD = "bad\0user"


def test_a_row_that_can_never_be_kept_goes_into_quarantine_with_its_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    history = MemoryAssignmentHistory()
    counted = SyncUnderTest(history=history)
    poison = change(2, row(BAD))
    poison["dynamodb"]["ApproximateCreationDateTime"] = 1_795_341_599.5
    answer = counted.deliver(change(1, row("u1")), poison, change(3, row("u3")))
    assert answer == {"batchItemFailures": []}
    assert list(history.rows) == ["a-u1", "a-u3"]
    [entry] = counted.quarantine.entries
    assert entry.description() == {
        "kind": "assignment_row",
        "shard": read_shard({"Records": [poison], "shardId": "shardId-1"}),
        "sequence_number": f"{2:030d}",
        "part": 0,
        "partition_key": BAD,
        "code": "postgres_22P05",
        "message": "PostgreSQL refuses the row with SQLSTATE 22P05.",
        "field": None,
        "bytes": len(entry.payload),
        "arrived_at": format_timestamp(counted.now - 0.5),
        "quarantined_at": format_timestamp(counted.now),
    }
    assert json.loads(entry.payload) == {
        "id": f"a-{BAD}",
        "experiment_id": "checkout",
        "variant_id": "control",
        "user_id": BAD,
        "created_at": "2026-11-22T10:30:00.000Z",
        "updated_at": "2026-11-22T10:30:00.000Z",
    }
    assert counted.metrics.recorded["PostgresRowsRefused"] == [1]
    assert "put 1 assignments into quarantine, error postgres_22P05" in caplog.text
    assert "bad" not in caplog.text


def test_changes_of_one_refused_row_are_one_entry_with_the_first_time_and_the_last_variant() -> None:
    counted = SyncUnderTest(history=MemoryAssignmentHistory())
    moved = row(BAD, "treatment", "2026-11-22T11:00:00.000Z")
    counted.deliver(change(1, row(BAD)), change(2, row("u2")), change(3, moved, row(BAD)))
    [entry] = counted.quarantine.entries
    assert entry.sequence_number == f"{3:030d}"
    payload = json.loads(entry.payload)
    times = payload["created_at"], payload["updated_at"]
    assert times == ("2026-11-22T10:30:00.000Z", "2026-11-22T11:00:00.000Z")
    assert payload["variant_id"] == "treatment"


def test_a_refused_row_that_will_be_delivered_again_is_quarantined_then_and_once() -> None:
    class DownOnce(MemoryCounters):
        is_down = True

        def add(self, tally: Any, counted: str | None) -> str | None:
            if self.is_down and tally.counter.variant == "treatment":
                raise StorageUnavailable
            return super().add(tally, counted)

    counters = DownOnce()
    counted = SyncUnderTest(counters, MemoryAssignmentHistory())
    records = [change(1, row(BAD)), change(2, row("u2", "treatment")), change(3, row(f"also {BAD}"))]
    assert counted.deliver(*records) == {"batchItemFailures": [{"itemIdentifier": f"{2:030d}"}]}
    assert [entry.sequence_number for entry in counted.quarantine.entries] == [f"{1:030d}"]
    counters.is_down = False
    assert counted.deliver(*records[1:]) == {"batchItemFailures": []}
    assert [entry.sequence_number for entry in counted.quarantine.entries] == [f"{1:030d}", f"{3:030d}"]


@pytest.mark.parametrize("is_reached", [True, False])
def test_a_quarantine_that_refuses_makes_the_batch_wait_at_its_first_row(is_reached: bool) -> None:
    class Full(MemoryQuarantine):
        def put(self, entries: Any) -> list[bool]:
            if not is_reached:
                raise StorageUnavailable
            return [False] * len(entries)

    counted = SyncUnderTest(history=MemoryAssignmentHistory(), quarantine=Full())
    bad = [change(number, row(f"{number}{BAD}")) for number in range(2, 30)]
    answer = counted.deliver(change(1, row("u1")), *bad)
    assert answer == {"batchItemFailures": [{"itemIdentifier": f"{2:030d}"}]}
    assert "PostgresRowsRefused" not in counted.metrics.recorded


def test_a_quarantined_row_is_written_again_after_its_repair() -> None:
    history = MemoryAssignmentHistory()
    counted = SyncUnderTest(history=history)
    counted.deliver(change(1, row(BAD)))
    [entry] = counted.quarantine.entries
    assert redrive_row(history, entry.payload) == "postgres_22P05"
    assert redrive_row(history, entry.payload.replace(b"\\u0000", b" ")) is None
    assert [row_.user_id for row_ in history.rows.values()] == ["bad user"]


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"id": "x"}', b"null"])
def test_a_payload_that_is_no_row_is_answered_with_a_code(payload: bytes) -> None:
    assert redrive_row(MemoryAssignmentHistory(), payload) == "invalid_row"


def test_a_time_in_an_edited_payload_may_have_any_offset_but_must_be_a_time() -> None:
    history, counted = MemoryAssignmentHistory(), SyncUnderTest(history=MemoryAssignmentHistory())
    counted.deliver(change(1, row(BAD)))
    payload = counted.quarantine.entries[0].payload.replace(b"\\u0000", b" ")
    assert redrive_row(history, payload.replace(b"10:30:00.000Z", b"never")) == "invalid_row"
    assert redrive_row(history, payload.replace(b"10:30:00.000Z", b"12:30:00+02:00")) is None
    assert [row_.created_at for row_ in history.rows.values()] == ["2026-11-22T10:30:00.000Z"]


def test_a_batch_without_rows_asks_nothing_of_the_history() -> None:
    assert SyncUnderTest(history=NoHistory()).deliver(change(1, None, row())) == {"batchItemFailures": []}
    assert SyncUnderTest(history=NoHistory()).deliver(window={}) == {"batchItemFailures": [], "state": {}}


def test_a_split_that_changed_is_tested_by_its_periods() -> None:
    counted = SyncUnderTest()
    skewed = published(variants=shares(control=0.2, treatment=0.8))
    at = parse_timestamp("2026-11-22T08:30:00Z")
    counted.definitions.publish([skewed], 0, at - 86_400)
    counted.definitions.publish([published()], 1, at)
    before = "2026-11-22T07:00:00.000Z"
    variants = ("control", "treatment", "treatment", "treatment", "treatment")
    records = [change(number, row(f"u{number}", variants[number % 5], at=before)) for number in range(1, 501)]
    counted.deliver(*records)
    assert counted.metrics.recorded["SampleRatioMismatch"] == [0.0]


def test_a_history_that_cannot_be_read_fails_no_batch() -> None:
    class Down(MemoryDefinitions):
        def get_history(self, kind: DefinitionKind, key: str) -> list[DefinitionRow]:
            raise StorageUnavailable

    counted = SyncUnderTest(definitions=Down())
    assert counted.deliver(change(1, row("u1"))) == {"batchItemFailures": []}
    assert counted.metrics.recorded == {}
