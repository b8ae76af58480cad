"""The outcome of a batch after an answer, by the rules of Lambda."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.local.delivery import (
    MAX_PAYLOAD,
    Batch,
    BatchOutcome,
    DiscardedBatch,
    Record,
    build_failure_message,
    count_fitting,
    expire_records,
    find_first_failure,
    settle,
)
from realtime.resources import EventSource

SOURCE = EventSource("event_processor", "events", retries=2)


def batch(*numbers: int, retries: int = 0) -> Batch:
    return Batch(tuple(Record(str(number), float(number), 10, {}) for number in numbers), retries)


def numbers(batch: Batch) -> list[int]:
    return [int(record.sequence_number) for record in batch.records]


def report(*identifiers: object) -> dict[str, object]:
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": None}, report()])
def test_an_empty_answer_is_full_success(answer: object) -> None:
    assert find_first_failure(answer, batch(8, 9, 10)) is None


@pytest.mark.parametrize(
    "answer",
    [
        "done",
        [],
        0,
        report(""),
        report(None),
        report(9),
        report("7"),
        report("10", "7"),
        {"batchItemFailures": [{"itemId": "9"}]},
        {"batchItemFailures": ["9"]},
        {"batchItemFailures": "9"},
    ],
)
def test_a_malformed_answer_or_an_unknown_record_fails_the_whole_batch(answer: object) -> None:
    assert find_first_failure(answer, batch(8, 9, 10)) == 0


def test_it_resumes_at_the_lowest_reported_record_whatever_their_order_in_the_answer() -> None:
    assert find_first_failure(report("10", "9", "10"), batch(8, 9, 10)) == 1


def test_records_before_the_failure_are_done_and_all_after_it_are_replayed() -> None:
    outcome = settle(batch(1, 2, 3, 4), 1, SOURCE)
    assert [record.sequence_number for record in outcome.done] == ["1"]
    assert [numbers(again) for again in outcome.retry] == [[2, 3, 4]]
    assert outcome.discarded is None


def test_a_failure_of_all_is_split_in_the_middle() -> None:
    outcome = settle(batch(1, 2, 3), 0, SOURCE)
    assert [numbers(half) for half in outcome.retry] == [[1], [2, 3]]


def test_a_split_costs_no_retry_and_a_repetition_costs_one() -> None:
    assert [half.retries for half in settle(batch(1, 2, retries=2), 0, SOURCE).retry] == [2, 2]
    assert [rest.retries for rest in settle(batch(1, 2, retries=2), 1, SOURCE).retry] == [2]
    assert [again.retries for again in settle(batch(1), 0, SOURCE).retry] == [1]


def test_without_bisect_the_batch_is_repeated_whole_and_discarded_whole() -> None:
    whole = replace(SOURCE, bisect=False)
    again = settle(batch(1, 2, 3), 0, whole).retry
    assert again == (replace(batch(1, 2, 3, retries=1), invocations=1),)
    last = settle(batch(1, 2, 3, retries=2), 1, whole)
    assert [record.sequence_number for record in last.done] == ["1"]
    assert last.discarded
    assert (numbers(last.discarded.batch), last.discarded.condition) == ([2, 3], "RetryAttemptsExhausted")


def test_minus_one_retries_for_ever() -> None:
    assert settle(batch(1, retries=10_000), 0, replace(SOURCE, retries=-1)).retry


def test_only_records_over_the_age_limit_are_discarded_before_an_invocation() -> None:
    limited = replace(SOURCE, max_record_age=60)
    outcome = expire_records(batch(0, 39, 40, 41), now=100.0, source=limited)
    assert outcome.discarded == DiscardedBatch(batch(0, 39), "RecordAgeExceeded")
    assert outcome.retry == (batch(40, 41),)
    assert expire_records(batch(40), now=100.0, source=limited) == BatchOutcome(retry=(batch(40),))
    assert expire_records(batch(0), now=100.0, source=limited).retry == ()
    assert expire_records(batch(0), now=1e9, source=SOURCE) == BatchOutcome(retry=(batch(0),))


def test_a_batch_ends_at_its_size_or_its_payload_but_is_never_empty() -> None:
    def build_records(*sizes: int) -> list[Record]:
        return [Record(str(i), 0.0, size, {}) for i, size in enumerate(sizes)]

    assert count_fitting([], 10) == 0
    assert count_fitting(build_records(1, 1, 1), 2) == 2
    assert count_fitting(build_records(MAX_PAYLOAD - 1, 1, 1), 10) == 2
    assert count_fitting(build_records(MAX_PAYLOAD + 1, 1), 10) == 1


def test_the_failure_message_says_where_the_records_are_and_nothing_of_them() -> None:
    stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/events"
    failed = DiscardedBatch(replace(batch(1, 2), invocations=3), "RetryAttemptsExhausted")
    assert build_failure_message(failed, SOURCE, stream_arn=stream, shard="s-1", now=3.5, request_id="r") == {
        "requestContext": {
            "requestId": "r",
            "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:event_processor",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 3,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "1970-01-01T00:00:03.500Z",
        "KinesisBatchInfo": {
            "shardId": "s-1",
            "startSequenceNumber": "1",
            "endSequenceNumber": "2",
            "approximateArrivalOfFirstRecord": "1970-01-01T00:00:01.000Z",
            "approximateArrivalOfLastRecord": "1970-01-01T00:00:02.000Z",
            "batchSize": 2,
            "streamArn": stream,
        },
    }


def test_the_failure_message_of_a_table_has_its_own_section_and_precision() -> None:
    stream = "arn:aws:dynamodb:eu-west-1:123456789012:table/assignments/stream/1"
    aged = DiscardedBatch(batch(1), "RecordAgeExceeded")
    message = build_failure_message(aged, SOURCE, stream_arn=stream, shard="s-1", now=3.5, request_id="r")
    assert message["DDBStreamBatchInfo"]["approximateArrivalOfFirstRecord"] == "1970-01-01T00:00:01Z"
    assert "responseContext" not in message  # it was never invoked


@given(
    size=st.integers(1, 40),
    retries=st.integers(-1, 3),
    used=st.integers(0, 3),
    bisect=st.booleans(),
    data=st.data(),
)
def test_settling_keeps_every_record_once_and_in_order(
    size: int, retries: int, used: int, bisect: bool, data: st.DataObject
) -> None:
    before = batch(*range(size), retries=used)
    failed_at = data.draw(st.none() | st.integers(0, size - 1))
    outcome = settle(before, failed_at, replace(SOURCE, retries=retries, bisect=bisect))
    after = list(outcome.done) + [record for part in outcome.retry for record in part.records]
    if outcome.discarded:
        after += outcome.discarded.batch.records
    assert tuple(after) == before.records
    assert all(part.records for part in outcome.retry)
