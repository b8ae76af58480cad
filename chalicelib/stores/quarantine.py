"""Poison records: kept in a queue, with their payload, until somebody has looked at them."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

from chalicelib.domain.stream.quarantine import QuarantinedRecord, QuarantineEntry
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

MAX_INLINE_BYTES = 16_000
"""Bytes of payload in a message: ten of them, in base64 and with their reasons, fit the 256 KB of a call.
A larger payload lies in the bucket."""
BATCH = 10
HIDDEN_SECONDS = 120


class QuarantineQueue:
    def __init__(self, clients: "Clients", queue: str, bucket: str) -> None:
        self._clients = clients
        self._queue = queue
        self._bucket = bucket
        self._url = ""

    @guarded
    def put(self, poison: Sequence[QuarantineEntry]) -> list[bool]:
        """At most ten; which of them the queue has acknowledged."""
        entries: list[Any] = [
            {"Id": str(number), "MessageBody": self._message(one)} for number, one in enumerate(poison)
        ]
        answer = self._clients.sqs.send_message_batch(QueueUrl=self._queue_url(), Entries=entries)
        sent = {one["Id"] for one in answer.get("Successful", [])}
        return [entry["Id"] in sent for entry in entries]

    @guarded
    def receive(self, wait: int = 0) -> list[QuarantinedRecord]:
        """At most ten, hidden from others for two minutes; empty once none is visible any more.

        Only with a ``wait`` in seconds SQS looks at all of its servers, and not at a sample of them.
        """
        answer = self._clients.sqs.receive_message(
            QueueUrl=self._queue_url(),
            MaxNumberOfMessages=BATCH,
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=wait,
        )
        return [self._waiting(message) for message in answer.get("Messages", [])]

    @guarded
    def release(self, waiting: QuarantinedRecord) -> None:
        """Back into the queue, at once."""
        self._clients.sqs.change_message_visibility(
            QueueUrl=self._queue_url(), ReceiptHandle=waiting.handle, VisibilityTimeout=0
        )

    @guarded
    def remove(self, waiting: QuarantinedRecord) -> None:
        """For good; a payload in the bucket stays, as its record may wait here twice."""
        self._clients.sqs.delete_message(QueueUrl=self._queue_url(), ReceiptHandle=waiting.handle)

    def _waiting(self, message: Any) -> QuarantinedRecord:
        description = orjson.loads(message["Body"])
        where = description.pop("payload_at", None)
        if where is None:
            payload = base64.b64decode(description.pop("payload"))
        else:
            payload = self._clients.s3.get_object(Bucket=where["bucket"], Key=where["key"])["Body"].read()
        return QuarantinedRecord(message["ReceiptHandle"], description, payload)

    def _message(self, one: QuarantineEntry) -> str:
        message = one.description()
        if len(one.payload) <= MAX_INLINE_BYTES:
            message["payload"] = base64.b64encode(one.payload).decode()
        else:
            key = one.object_key()
            self._clients.s3.put_object(Bucket=self._bucket, Key=key, Body=one.payload)
            message["payload_at"] = {"bucket": self._bucket, "key": key}
        return orjson.dumps(message).decode()

    def _queue_url(self) -> str:
        if not self._url:
            self._url = self._clients.sqs.get_queue_url(QueueName=self._queue)["QueueUrl"]
        return self._url
