"""Batches that Lambda gave up: messages of the failure queue, and their records while the stream has them."""

import json
from collections.abc import Sequence
from typing import Any

from chalicelib.domain.stream.counters import format_position
from chalicelib.domain.stream.quarantine import QuarantinedRecord, QuarantineEntry, QueueState
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp
from chalicelib.stores.message_queue import Message, MessageQueue
from realtime.local.streams import KinesisStream

EVENTS, ASSIGNMENTS = "events", "assignments"
PAGE = 500


class FailedBatchQueue:
    """The failure queue in the form of a quarantine: a record is a batch, its payload is the message."""

    def __init__(self, queue: MessageQueue) -> None:
        self._queue = queue

    def put(self, entries: Sequence[QuarantineEntry]) -> list[bool]:
        raise NotImplementedError("only Lambda sends to this queue")

    def receive(self, wait: int = 0) -> list[QuarantinedRecord]:
        return [_read_batch(message) for message in self._queue.receive(wait)]

    def hide(self, records: Sequence[QuarantinedRecord], seconds: int) -> None:
        self._queue.hide([record.handle for record in records], seconds)

    def remove(self, records: Sequence[QuarantinedRecord]) -> list[bool]:
        return self._queue.remove([record.handle for record in records])

    def read_payload(self, record: QuarantinedRecord) -> bytes | None:
        return record.inline

    def measure(self) -> QueueState:
        return self._queue.measure()


def read_records(stream: KinesisStream, batch: QuarantinedRecord) -> list[dict[str, Any]]:
    """Those of the batch that the stream still has, in the form in which Lambda delivers them."""
    description = batch.description
    shard, last = str(description["shard"]).rpartition("/")[2], format_position(description["last"])
    iterator = stream.get_iterator_at(shard, str(description["sequence_number"]))
    records: list[dict[str, Any]] = []
    while iterator is not None:
        page = stream.read(shard, iterator, PAGE)
        if page is None:
            break
        for record in page.records:
            if format_position(record.sequence_number) > last:
                return records
            records.append(dict(record.event))
            if format_position(record.sequence_number) == last:
                return records
        iterator = None if page.at_tip else page.iterator
    return records


def _read_batch(message: Message) -> QuarantinedRecord:
    try:
        description = _describe(json.loads(message.body))
    except (ValueError, LookupError, TypeError, AttributeError):
        description = _describe_unreadable(message)
    return QuarantinedRecord(message.handle, message.id, message.sent_at, description, message.body.encode())


def _describe(body: Any) -> dict[str, Any]:
    kind = EVENTS if "KinesisBatchInfo" in body else ASSIGNMENTS
    batch = body["KinesisBatchInfo" if kind == EVENTS else "DDBStreamBatchInfo"]
    stream_arn, request = str(batch["streamArn"]), body["requestContext"]
    first, last = str(batch["startSequenceNumber"]), str(batch["endSequenceNumber"])
    if not (first.isdecimal() and last.isdecimal()):
        raise ValueError("a sequence number is a number")
    return {
        "kind": kind,
        "function": str(request["functionArn"]).split(":")[6],
        "shard": f"{_name_stream(stream_arn)}/{batch['shardId']}",
        "sequence_number": first,
        "last": last,
        "part": 0,
        "records": int(batch["batchSize"]),
        "code": str(request["condition"]),
        "attempts": request.get("approximateInvokeCount"),
        "stream_arn": stream_arn,
        "arrived_at": _normalise(batch["approximateArrivalOfFirstRecord"]),
        "last_arrived_at": _normalise(batch["approximateArrivalOfLastRecord"]),
        "quarantined_at": _normalise(body["timestamp"]),
    }


def _describe_unreadable(message: Message) -> dict[str, Any]:
    sent_at = format_timestamp(message.sent_at)
    unknown = dict.fromkeys(("function", "shard", "last", "stream_arn"), "-")
    return {
        **unknown,
        "kind": "unknown",
        "sequence_number": message.id,
        "part": 0,
        "records": 0,
        "code": "unreadable_message",
        "attempts": None,
        "arrived_at": sent_at,
        "last_arrived_at": sent_at,
        "quarantined_at": sent_at,
    }


def _name_stream(arn: str) -> str:
    """As the shards of the counters are named."""
    return arn.rpartition("/")[2]


def _normalise(text: str) -> str:
    return format_timestamp(parse_timestamp(text))
