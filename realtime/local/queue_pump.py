"""Invokes a function with the messages of a queue, as Lambda does: what it reports as failed comes again."""

import json
import logging
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from realtime.local.invocation import LIMIT_SECONDS, Context, Handler, describe_error
from realtime.resources import DeliveryQueue

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

POLL_SECONDS = 1
"""A poll that finds nothing takes so long, and so does a stop at most."""
log = logging.getLogger(__name__)


class QueuePump:
    """A message that failed is hidden for as long as the queue says, then delivered again."""

    def __init__(self, queue: DeliveryQueue, sqs: "SQSClient", handler: Handler) -> None:
        self._queue, self._sqs, self._handler = queue, sqs, handler
        self._url = sqs.get_queue_url(QueueName=queue.name)["QueueUrl"]
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=queue.function, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Return when the handler does not run any more."""
        self._is_stopping.set()
        self._thread.join()

    def run_once(self, wait: int = 0) -> int:
        """Deliver one batch, if there is any within ``wait`` seconds; how many messages were delivered."""
        answer: Any = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=self._queue.batch_size,
            WaitTimeSeconds=wait,
            AttributeNames=["All"],
        )
        messages = answer.get("Messages", [])
        failed = self._invoke(messages) if messages else set()
        delivered = [message for message in messages if message["MessageId"] not in failed]
        for message in delivered:
            self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return len(delivered)

    def _run(self) -> None:
        while not self._is_stopping.is_set():
            try:
                self.run_once(POLL_SECONDS)
            except (BotoCoreError, ClientError) as error:
                if not self._is_stopping.wait(POLL_SECONDS):
                    log.warning("%s: its queue fails: %s", self._queue.function, type(error).__name__)

    def _invoke(self, messages: Sequence[Mapping[str, Any]]) -> set[str]:
        """The ids of the messages that failed; all, if the function failed or its answer names others."""
        ids = {message["MessageId"] for message in messages}
        event = {"Records": [self._build_record(message) for message in messages]}
        context = Context(self._queue.function, str(uuid.uuid4()), time.monotonic() + LIMIT_SECONDS)
        try:
            answer: Any = json.loads(json.dumps(self._handler(event, context)))
            failed = {item["itemIdentifier"] for item in (answer or {}).get("batchItemFailures") or ()}
        except (Exception, SystemExit) as error:  # noqa: BLE001 - Lambda retries whatever a handler raised
            log.warning("%s: %s", self._queue.function, describe_error(error))
            return ids
        return failed if failed <= ids else ids

    def _build_record(self, message: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": dict(message.get("Attributes", {})),
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{self._queue.name}",
            "awsRegion": "us-east-1",
        }
