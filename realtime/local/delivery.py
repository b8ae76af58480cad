"""How Lambda delivers a batch of stream records: its size, its age limit, and what follows an answer. Pure.

Source: AWS Lambda Developer Guide, "Using Lambda to process records from Amazon Kinesis Data Streams":
"Configuring partial batch response" and "Retain discarded batch records". Where it is silent: docs/adr/004.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from chalicelib.domain.timestamps import format_timestamp
from realtime.resources import EventSource

MAX_PAYLOAD = 6_000_000

Condition = Literal["RetryAttemptsExhausted", "RecordAgeExceeded"]


@dataclass(frozen=True, slots=True)
class Record:
    sequence_number: str
    arrived_at: float  # epoch seconds
    size: int  # bytes in the event
    event: Mapping[str, Any]  # as the handler sees it


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one shard in order, with the retries and invocations that they have used."""

    records: tuple[Record, ...]
    retries: int = 0
    invocations: int = 0


@dataclass(frozen=True, slots=True)
class DiscardedBatch:
    batch: Batch
    condition: Condition


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """A batch's records in order: ``done``, then those to ``retry`` or the ``discarded`` ones."""

    done: tuple[Record, ...] = ()
    retry: tuple[Batch, ...] = ()
    discarded: DiscardedBatch | None = None


def count_fitting(records: Sequence[Record], batch_size: int) -> int:
    """How many of ``records`` fit one invocation, by count and payload; at least one of them always does."""
    payload = 0
    for count, record in enumerate(records[:batch_size]):
        payload += record.size
        if payload > MAX_PAYLOAD and count:
            return count
    return min(len(records), batch_size)


def find_first_failure(answer: object, batch: Batch) -> int | None:
    """The index of the first record that ``answer`` reports as failed; None after a full success.

    0 if the answer is malformed or names a record that is not in the batch: the whole batch failed.
    """
    if answer is None:
        return None
    if not isinstance(answer, Mapping):
        return 0
    failures = answer.get("batchItemFailures")
    if failures is None:
        return None
    if not isinstance(failures, list):
        return 0
    indexes = {record.sequence_number: index for index, record in enumerate(batch.records)}
    lowest: int | None = None
    for failure in failures:
        identifier = failure.get("itemIdentifier") if isinstance(failure, Mapping) else None
        index = indexes.get(identifier) if isinstance(identifier, str) else None
        if index is None:
            return 0
        lowest = index if lowest is None else min(lowest, index)
    return lowest


def settle(batch: Batch, failed_at: int | None, source: EventSource) -> BatchOutcome:
    """The outcome of an invocation. A failure that splits the batch uses no retry; any other one does."""
    if failed_at is None:
        return BatchOutcome(done=batch.records)
    batch = replace(batch, invocations=batch.invocations + 1)
    done, rest = batch.records[:failed_at], batch.records[failed_at:]
    if source.bisect and done:  # split at the reported sequence number
        return BatchOutcome(done, retry=(replace(batch, records=rest),))
    if source.bisect and len(rest) > 1:
        middle = len(rest) // 2
        return BatchOutcome(
            retry=(replace(batch, records=rest[:middle]), replace(batch, records=rest[middle:]))
        )
    if 0 <= source.retries <= batch.retries:
        return BatchOutcome(
            done, discarded=DiscardedBatch(replace(batch, records=rest), "RetryAttemptsExhausted")
        )
    return BatchOutcome(done, retry=(replace(batch, records=rest, retries=batch.retries + 1),))


def expire_records(batch: Batch, now: float, source: EventSource) -> BatchOutcome:
    """Before an invocation: discard the records that are older than the source allows."""
    if source.max_record_age < 0:
        return BatchOutcome(retry=(batch,))
    first_young = next(
        (
            index
            for index, record in enumerate(batch.records)
            if now - record.arrived_at <= source.max_record_age
        ),
        len(batch.records),
    )
    if not first_young:
        return BatchOutcome(retry=(batch,))
    old, rest = (
        replace(batch, records=batch.records[:first_young]),
        replace(batch, records=batch.records[first_young:]),
    )
    return BatchOutcome(
        retry=(rest,) if rest.records else (), discarded=DiscardedBatch(old, "RecordAgeExceeded")
    )


def build_failure_message(
    discarded: DiscardedBatch,
    source: EventSource,
    *,
    stream_arn: str,
    shard: str,
    now: float,
    request_id: str,
) -> dict[str, Any]:
    """The message to the on-failure destination: where the records are, but not their content."""
    region, account = stream_arn.split(":")[3:5]
    kinesis = stream_arn.startswith("arn:aws:kinesis:")
    precision: Literal["milliseconds", "seconds"] = "milliseconds" if kinesis else "seconds"
    first, last = discarded.batch.records[0], discarded.batch.records[-1]
    message: dict[str, Any] = {
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"arn:aws:lambda:{region}:{account}:function:{source.function}",
            "condition": discarded.condition,
            "approximateInvokeCount": discarded.batch.invocations,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": format_timestamp(now),
        "KinesisBatchInfo" if kinesis else "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": format_timestamp(first.arrived_at, precision),
            "approximateArrivalOfLastRecord": format_timestamp(last.arrived_at, precision),
            "batchSize": len(discarded.batch.records),
            "streamArn": stream_arn,
        },
    }
    if not discarded.batch.invocations:
        del message["responseContext"]
    return message
