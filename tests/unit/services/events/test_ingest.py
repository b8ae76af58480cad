"""Events from a request into the stream: a verdict on each, accepted is what Kinesis has acknowledged."""

import itertools
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from chalicelib.domain.errors import InvalidInput, Misconfigured, StorageUnavailable, Throttled, TooLarge
from chalicelib.domain.stream.event import Limits
from chalicelib.domain.stream.outgoing import MAX_CALL_BYTES, OutgoingRecord, split_into_calls
from chalicelib.services.events.ingest import Ingest
from realtime.testing.event_stores import MemoryEventStream
from tests.support.streams import ARRIVED, purchase


def nested(levels: int) -> Any:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


class Refusing(MemoryEventStream):
    """Answers each call with the next of ``answers``: codes of records by their number, or an error."""

    def __init__(self, *answers: dict[int, str] | Exception) -> None:
        super().__init__()
        self.answers = iter(answers)
        self.calls: list[list[int]] = []

    def put(self, records: Sequence[OutgoingRecord]) -> list[str | None]:
        self.calls.append([record.number for record in records])
        answer = next(self.answers, {})
        if isinstance(answer, Exception):
            raise answer
        codes = [answer.get(record.number) for record in records]
        super().put([record for record, code in zip(records, codes, strict=True) if code is None])
        return codes


def send(
    body: object,
    stream: MemoryEventStream | None = None,
    pauses: list[float] | None = None,
    *,
    backfill: bool = False,
    trusted: bool = False,
) -> dict[str, Any]:
    numbers = itertools.count(1)
    pause = (pauses if pauses is not None else []).append
    ingest = Ingest(stream or MemoryEventStream(), Limits(), lambda: f"new-{next(numbers)}", pause)
    return ingest.ingest(body, ARRIVED, backfill=backfill, trusted=trusted)


def send_for_records(*events: dict[str, Any], **options: Any) -> list[Any]:
    """The events as they are in the stream."""
    stream = MemoryEventStream()
    send({"events": [*events]} | options.pop("beside", {}), stream, **options)
    return [orjson.loads(put.data) for put in stream.records]


def test_one_event_is_accepted_with_its_id() -> None:
    stream = MemoryEventStream()
    sent = purchase("u1", event_id="e1", unknown=[1])
    assert send(sent, stream) == {"accepted": 1, "rejected": [], "event_ids": ["e1"]}
    [put] = stream.records
    assert (put.partition_key, orjson.loads(put.data)) == ("u1", sent)


def test_a_record_says_when_its_event_was_received_whatever_the_client_writes() -> None:
    forged = {"received_at": 1.0, "backfill": True, "other": 1}
    records = send_for_records(purchase(), purchase(realtime=forged), purchase(realtime="x"))
    assert [record["realtime"] for record in records] == [{"received_at": ARRIVED}] * 3


def test_a_backfill_takes_events_of_any_age_and_marks_them() -> None:
    [record] = send_for_records(purchase(timestamp="1997-01-01T00:00:00Z"), backfill=True)
    assert record["realtime"] == {"received_at": ARRIVED, "backfill": True}


def test_a_backfill_takes_no_event_of_the_future() -> None:
    [rejected] = send(purchase(timestamp="2099-01-01T00:00:00Z"), backfill=True)["rejected"]
    assert rejected["code"] == "in_the_future"


@pytest.mark.parametrize("options", [{"trusted": True}, {"backfill": True}])
def test_a_trusted_event_keeps_the_time_when_it_was_first_received(options: dict[str, bool]) -> None:
    [record] = send_for_records(purchase(realtime={"received_at": ARRIVED - 60, "place": "p"}), **options)
    expected = {"received_at": ARRIVED - 60} | ({"backfill": True} if options.get("backfill") else {})
    assert record["realtime"] == expected


@pytest.mark.parametrize(
    "received_at", [None, "2026-01-01", True, 0, -1.0, ARRIVED + 1, float("nan"), [], 10**400]
)
def test_a_time_of_receipt_that_cannot_be_true_is_replaced(received_at: object) -> None:
    [record] = send_for_records(purchase(realtime={"received_at": received_at}), trusted=True)
    assert record["realtime"] == {"received_at": ARRIVED}


def test_a_trusted_event_was_not_too_old_when_it_was_first_received() -> None:
    old = purchase(timestamp="2020-01-01T00:00:00Z", realtime={"received_at": 1_577_836_900.0})
    assert send(old, trusted=True)["accepted"] == 1


def test_the_time_of_sending_beside_the_events_is_that_of_each_without_one() -> None:
    sent_at, own = "2026-11-22T10:20:00Z", "2026-11-22T10:21:00Z"
    records = send_for_records(
        purchase(), purchase(sent_at=own), purchase(sent_at=None), beside={"sent_at": sent_at}
    )
    assert [record["sent_at"] for record in records] == [sent_at, own, sent_at]


@pytest.mark.parametrize("sent_at", ["yesterday", 5, {}, ["2026-11-22T10:20:00Z"], ""])
def test_a_time_of_sending_that_is_none_is_refused_by_name(sent_at: object) -> None:
    with pytest.raises(InvalidInput, match="sent_at: must be an ISO 8601 date and time") as refused:
        send({"events": [purchase()], "sent_at": sent_at})
    assert refused.value.details[0].path == "sent_at"


def test_an_id_is_generated_returned_and_sent_where_there_is_none() -> None:
    stream = MemoryEventStream()
    answer = send({"events": [purchase(event_id=None), purchase(event_id="mine")]}, stream)
    assert answer["event_ids"] == ["new-1", "mine"]
    assert [orjson.loads(put.data)["event_id"] for put in stream.records] == ["new-1", "mine"]


@pytest.mark.parametrize("fields", [{"value": float("inf")}, {"properties": {"a": [float("-inf")]}}])
def test_a_number_that_would_be_archived_as_null_is_refused(fields: dict[str, Any]) -> None:
    stream = MemoryEventStream()
    [rejected] = send(purchase(event_id="e1", **fields), stream)["rejected"]
    assert (rejected["code"], stream.records) == ("invalid_json", [])


def test_good_events_are_accepted_though_others_are_not() -> None:
    events = [
        purchase(event_id="a"),
        {"event_id": "b"},
        "event",
        purchase(event_id="c", value="1"),
        purchase(event_id="d"),
    ]
    answer = send({"events": events})
    assert answer["accepted"] == 2
    assert [
        (rejection["index"], rejection["event_id"], rejection["code"]) for rejection in answer["rejected"]
    ] == [
        (1, "b", "missing_field"),
        (2, None, "not_an_object"),
        (3, "c", "invalid_field"),
    ]
    assert answer["event_ids"] == ["a", None, None, None, "d"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"user_id": "\ud800"}, "invalid_json"),
        ({"properties": {"a": "\udfff"}}, "invalid_json"),
        ({"properties": {"a": 10**30}}, "invalid_json"),
        ({"event_id": 5}, "invalid_field"),
        ({"properties": {"a": nested(40)}}, "too_deep"),
        ({"properties": {"a": nested(300)}}, "too_deep"),
        ({"timestamp": "1970-01-01T00:00:00Z"}, "too_old"),
        ({"timestamp": "2099-01-01T00:00:00Z"}, "in_the_future"),
        ({"metadata": {"x": "y" * 300_000}}, "too_large"),
    ],
)
def test_what_the_processor_would_refuse_is_refused_at_the_door(fields: dict[str, Any], code: str) -> None:
    [rejected] = send(purchase(**fields))["rejected"]
    assert rejected["code"] == code


@pytest.mark.parametrize("body", [None, [], "x", 1, {"events": []}, {"events": {}}, {"events": None}])
def test_a_body_that_is_no_event_and_no_list_of_them_is_invalid(body: object) -> None:
    with pytest.raises(InvalidInput):
        send(body)


def test_at_most_500_events_fit_a_request() -> None:
    assert send({"events": [purchase() for _ in range(500)]})["accepted"] == 500
    with pytest.raises(TooLarge):
        send({"events": [purchase()] * 501})


def test_only_what_failed_is_sent_again_after_growing_pauses() -> None:
    stream, pauses = Refusing({1: "throttled", 3: "throttled"}, {3: "storage_unavailable"}), list[float]()
    answer = send({"events": [purchase() for _ in range(4)]}, stream, pauses)
    assert answer["accepted"] == 4
    assert stream.calls == [[0, 1, 2, 3], [1, 3], [3]]
    assert pauses == [0.05, 0.1]
    assert sorted(put.number for put in stream.records) == [0, 1, 2, 3]


def test_what_kinesis_never_acknowledged_is_rejected_with_a_code_to_retry() -> None:
    answer = send(
        {"events": [purchase(event_id="a"), purchase(event_id="b")]}, Refusing(*[{1: "throttled"}] * 9)
    )
    assert answer["accepted"] == 1
    assert [
        (rejection["index"], rejection["event_id"], rejection["code"]) for rejection in answer["rejected"]
    ] == [(1, "b", "throttled")]
    assert answer["event_ids"] == ["a", None]


@pytest.mark.parametrize("error", [Throttled(), StorageUnavailable(), Misconfigured("There is no stream.")])
def test_if_none_was_taken_the_request_fails(error: Exception) -> None:
    with pytest.raises(type(error)):
        send({"events": [purchase(), purchase()]}, Refusing(*[error] * 9))


def test_a_request_without_a_good_event_asks_nothing_of_the_stream() -> None:
    stream = Refusing()
    assert send({"events": [{}]}, stream)["accepted"] == 0
    assert stream.calls == []


def test_a_long_user_id_is_cut_for_the_partition_key_only() -> None:
    stream = MemoryEventStream()
    send(purchase("ü" * 300), stream)
    assert stream.records[0].partition_key == "ü" * 256
    assert orjson.loads(stream.records[0].data)["user_id"] == "ü" * 300


def test_calls_keep_to_the_limits_of_kinesis() -> None:
    puts = [OutgoingRecord(number, "k", b"x") for number in range(1001)]
    assert [len(call) for call in split_into_calls(puts)] == [500, 500, 1]
    large = [OutgoingRecord(number, "k", b"x" * 1_000_000) for number in range(9)]
    assert [len(call) for call in split_into_calls(large)] == [4, 4, 1]
    assert all(sum(len(put.data) for put in call) <= MAX_CALL_BYTES for call in split_into_calls(large))
    assert split_into_calls([]) == []
