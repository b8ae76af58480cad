"""Quarantine in a queue; payloads that are too large for a message are in the bucket."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

from chalicelib.domain.stream.quarantine import QuarantinedRecord, QuarantineEntry
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

MAX_INLINE_BYTES = 16_000
"""Of a payload in a message: ten of them, in base64 and with their descriptions, fit the 256 KB of a call.
A larger payload is stored in the bucket."""
RECORDS_A_CALL = 10
HIDDEN_SECONDS = 120


class QuarantineQueue:
    def __init__(self, clients: "Clients", queue: str, bucket: str) -> None:
        self._clients = clients
        self._queue = queue
        self._bucket = bucket
        self._url = ""

    @guarded
    def put(self, entries: Sequence[QuarantineEntry]) -> list[bool]:
        messages: list[Any] = [
            {"Id": str(number), "MessageBody": self._write_message(entry)}
            for number, entry in enumerate(entries)
        ]
        answer = self._clients.sqs.send_message_batch(QueueUrl=self._queue_url(), Entries=messages)
        acknowledged = {result["Id"] for result in answer.get("Successful", [])}
        return [message["Id"] in acknowledged for message in messages]

    @guarded
    def receive(self, wait: int = 0) -> list[QuarantinedRecord]:
        """With a ``wait``, SQS asks all of its servers; without one, only some of them."""
        answer = self._clients.sqs.receive_message(
            QueueUrl=self._queue_url(),
            MaxNumberOfMessages=RECORDS_A_CALL,
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=wait,
        )
        return [self._read_message(message) for message in answer.get("Messages", [])]

    @guarded
    def release(self, record: QuarantinedRecord) -> None:
        self._clients.sqs.change_message_visibility(
            QueueUrl=self._queue_url(), ReceiptHandle=record.handle, VisibilityTimeout=0
        )

    @guarded
    def remove(self, record: QuarantinedRecord) -> None:
        """A payload in the bucket stays: the same record may be in the queue twice."""
        self._clients.sqs.delete_message(QueueUrl=self._queue_url(), ReceiptHandle=record.handle)

    def _read_message(self, message: Any) -> QuarantinedRecord:
        description = orjson.loads(message["Body"])
        location = description.pop("payload_at", None)
        if location is None:
            payload = base64.b64decode(description.pop("payload"))
        else:
            stored = self._clients.s3.get_object(Bucket=location["bucket"], Key=location["key"])
            payload = stored["Body"].read()
        return QuarantinedRecord(message["ReceiptHandle"], description, payload)

    def _write_message(self, entry: QuarantineEntry) -> str:
        message = entry.description()
        if len(entry.payload) <= MAX_INLINE_BYTES:
            message["payload"] = base64.b64encode(entry.payload).decode()
        else:
            key = entry.object_key()
            self._clients.s3.put_object(Bucket=self._bucket, Key=key, Body=entry.payload)
            message["payload_at"] = {"bucket": self._bucket, "key": key}
        return orjson.dumps(message).decode()

    def _queue_url(self) -> str:
        if not self._url:
            self._url = self._clients.sqs.get_queue_url(QueueName=self._queue)["QueueUrl"]
        return self._url
