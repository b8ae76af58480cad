"""Quarantine in a queue; payloads that are too large for a message are in the bucket."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

from chalicelib.domain.stream.quarantine import QuarantinedRecord, QuarantineEntry, QueueState
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.stores.message_queue import Message, MessageQueue
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

MAX_INLINE_BYTES = 16_000
"""Of a payload in a message: ten of them, in base64 and with their descriptions, fit the 256 KB of a call.
A larger payload is stored in the bucket, whose lifecycle deletes it after the message has expired."""
_DESCRIBED = ("shard", "sequence_number", "part", "partition_key", "code", "message", "field", "arrived_at")


class QuarantineQueue:
    def __init__(self, clients: "Clients", queue: str, bucket: str) -> None:
        self._clients = clients
        self._queue = MessageQueue(clients, queue)
        self._bucket = bucket

    def put(self, entries: Sequence[QuarantineEntry]) -> list[bool]:
        return self._queue.send([self._write_message(entry) for entry in entries])

    def receive(self, wait: int = 0) -> list[QuarantinedRecord]:
        return [_read_record(message) for message in self._queue.receive(wait)]

    def hide(self, records: Sequence[QuarantinedRecord], seconds: int) -> None:
        self._queue.hide([record.handle for record in records], seconds)

    def remove(self, records: Sequence[QuarantinedRecord]) -> list[bool]:
        """A payload in the bucket stays: the same record may be in the queue twice."""
        return self._queue.remove([record.handle for record in records])

    @guarded
    def read_payload(self, record: QuarantinedRecord) -> bytes | None:
        location = record.description.get("payload_at")
        if location is None:
            return record.inline
        try:
            stored = self._clients.s3.get_object(Bucket=location["bucket"], Key=location["key"])
        except self._clients.s3.exceptions.NoSuchKey:
            return None
        return stored["Body"].read()

    def measure(self) -> QueueState:
        return self._queue.measure()

    def _write_message(self, entry: QuarantineEntry) -> str:
        message = entry.description()
        if len(entry.payload) <= MAX_INLINE_BYTES:
            message["payload"] = base64.b64encode(entry.payload).decode()
        else:
            message["payload_at"] = self._store(entry)
        return orjson.dumps(message).decode()

    @guarded
    def _store(self, entry: QuarantineEntry) -> dict[str, str]:
        key = entry.object_key()
        self._clients.s3.put_object(Bucket=self._bucket, Key=key, Body=entry.payload)
        return {"bucket": self._bucket, "key": key}


def _read_record(message: Message) -> QuarantinedRecord:
    try:
        description = orjson.loads(message.body)
        payload = None if "payload_at" in description else base64.b64decode(description.pop("payload"))
        {name: description[name] for name in _DESCRIBED}
    except (ValueError, LookupError, TypeError):
        description, payload = _describe_unreadable(message), message.body.encode()
    else:  # before the first release that wrote them, messages had neither kind nor size
        size = None if payload is None else len(payload)
        description = {"kind": "event", "bytes": size, **description}
    return QuarantinedRecord(message.handle, message.id, message.sent_at, description, payload)


def _describe_unreadable(message: Message) -> dict[str, Any]:
    """Of a message that something else sent. It can be looked at and dropped."""
    sent_at = format_timestamp(message.sent_at)
    return {
        "kind": "unknown",
        "shard": "-",
        "sequence_number": message.id,
        "part": 0,
        "partition_key": "",
        "code": "unreadable_message",
        "message": "The message in the queue is not a quarantined record.",
        "field": None,
        "bytes": len(message.body.encode()),
        "arrived_at": sent_at,
        "quarantined_at": sent_at,
    }
