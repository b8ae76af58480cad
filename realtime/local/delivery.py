"""What the Lambda service does with a batch of stream records, before and after it is answered. Pure.

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
    arrived: float  # Unix seconds
    size: int  # bytes in the event
    event: Mapping[str, Any]  # as the handler sees it


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one shard in order; what it has used of the retry quota, and of invocations."""

    records: tuple[Record, ...]
    retries: int = 0
    invocations: int = 0


@dataclass(frozen=True, slots=True)
class Discarded:
    batch: Batch
    condition: Condition


@dataclass(frozen=True, slots=True)
class Settled:
    """A batch's records, in order: ``done``, then either to ``retry`` or ``discarded``."""

    done: tuple[Record, ...] = ()
    retry: tuple[Batch, ...] = ()
    discarded: Discarded | None = None


def fits(records: Sequence[Record], batch_size: int) -> int:
    """How many of ``records`` go into one invocation: at least one, else up to its size and payload limit."""
    payload = 0
    for count, record in enumerate(records[:batch_size]):
        payload += record.size
        if payload > MAX_PAYLOAD and count:
            return count
    return min(len(records), batch_size)


def first_failure(answer: object, batch: Batch) -> int | None:
    """Where to resume, by the lowest sequence number that ``answer`` reports; None after a full success.

    An answer that cannot be understood, or names a record that was not in the batch, fails all of it: 0.
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
    positions = {record.sequence_number: index for index, record in enumerate(batch.records)}
    lowest: int | None = None
    for failure in failures:
        identifier = failure.get("itemIdentifier") if isinstance(failure, Mapping) else None
        position = positions.get(identifier) if isinstance(identifier, str) else None
        if position is None:
            return 0
        lowest = position if lowest is None else min(lowest, position)
    return lowest


def settle(batch: Batch, failed_at: int | None, source: EventSource) -> Settled:
    """What becomes of an invoked batch. A failure that splits it costs no retry; any other one does."""
    if failed_at is None:
        return Settled(done=batch.records)
    batch = replace(batch, invocations=batch.invocations + 1)
    done, rest = batch.records[:failed_at], batch.records[failed_at:]
    if source.bisect and done:  # split at the reported sequence number
        return Settled(done, retry=(replace(batch, records=rest),))
    if source.bisect and len(rest) > 1:
        middle = len(rest) // 2
        return Settled(retry=(replace(batch, records=rest[:middle]), replace(batch, records=rest[middle:])))
    if 0 <= source.retries <= batch.retries:
        return Settled(done, discarded=Discarded(replace(batch, records=rest), "RetryAttemptsExhausted"))
    return Settled(done, retry=(replace(batch, records=rest, retries=batch.retries + 1),))


def expire(batch: Batch, now: float, source: EventSource) -> Settled:
    """The batch without the records that are older than the source allows, before an invocation."""
    if source.max_record_age < 0:
        return Settled(retry=(batch,))
    young = next(
        (i for i, record in enumerate(batch.records) if now - record.arrived <= source.max_record_age),
        len(batch.records),
    )
    if not young:
        return Settled(retry=(batch,))
    old, rest = replace(batch, records=batch.records[:young]), replace(batch, records=batch.records[young:])
    return Settled(retry=(rest,) if rest.records else (), discarded=Discarded(old, "RecordAgeExceeded"))


def failure_message(
    discarded: Discarded, source: EventSource, *, stream_arn: str, shard: str, now: float, request_id: str
) -> dict[str, Any]:
    """The body that the on-failure destination receives: where the records are, never the records."""
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
            "approximateArrivalOfFirstRecord": format_timestamp(first.arrived, precision),
            "approximateArrivalOfLastRecord": format_timestamp(last.arrived, precision),
            "batchSize": len(discarded.batch.records),
            "streamArn": stream_arn,
        },
    }
    if not discarded.batch.invocations:
        del message["responseContext"]
    return message
