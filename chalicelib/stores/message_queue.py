"""Messages of an SQS queue. A receiver hides them from others until it removes or releases them."""

from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from chalicelib.domain.stream.quarantine import CALL_SIZE, HIDDEN_SECONDS, QueueState
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients


class Message(NamedTuple):
    id: str
    handle: str
    sent_at: float  # epoch seconds
    body: str


class MessageQueue:
    """One call sends, hides or removes at most ten messages."""

    def __init__(self, clients: "Clients", name: str) -> None:
        self._clients = clients
        self._name = name
        self._url = ""

    @guarded
    def send(self, bodies: Sequence[str]) -> list[bool]:
        """For each message, whether SQS has it."""
        entries: list[Any] = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
        answer = self._clients.sqs.send_message_batch(QueueUrl=self._get_url(), Entries=entries)
        return _read_successes(answer, len(bodies))

    @guarded
    def receive(self, wait: int) -> list[Message]:
        """With a ``wait``, SQS asks all of its servers; without one, only some of them."""
        answer = self._clients.sqs.receive_message(
            QueueUrl=self._get_url(),
            MaxNumberOfMessages=CALL_SIZE,
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=wait,
            AttributeNames=["SentTimestamp"],
        )
        return [_read_message(message) for message in answer.get("Messages", [])]

    @guarded
    def hide(self, handles: Sequence[str], seconds: int) -> None:
        """From now on; 0 makes the messages visible at once. One that is gone is left alone."""
        entries: list[Any] = [
            {"Id": str(n), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
            for n, handle in enumerate(handles)
        ]
        self._clients.sqs.change_message_visibility_batch(QueueUrl=self._get_url(), Entries=entries)

    @guarded
    def remove(self, handles: Sequence[str]) -> list[bool]:
        entries: list[Any] = [{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(handles)]
        answer = self._clients.sqs.delete_message_batch(QueueUrl=self._get_url(), Entries=entries)
        return _read_successes(answer, len(handles))

    @guarded
    def measure(self) -> QueueState:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer: Any = self._clients.sqs.get_queue_attributes(QueueUrl=self._get_url(), AttributeNames=names)
        date = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
        visible, hidden = (int(answer["Attributes"][name]) for name in names)
        return QueueState(date.timestamp(), visible, hidden)

    def _get_url(self) -> str:
        if not self._url:
            self._url = self._clients.sqs.get_queue_url(QueueName=self._name)["QueueUrl"]
        return self._url


def _read_successes(answer: Any, count: int) -> list[bool]:
    """SQS answers 200 even if it refuses some messages."""
    successes = {result["Id"] for result in answer.get("Successful", [])}
    return [str(number) in successes for number in range(count)]


def _read_message(message: Any) -> Message:
    sent_at = int(message["Attributes"]["SentTimestamp"]) / 1000
    return Message(message["MessageId"], message["ReceiptHandle"], sent_at, message["Body"])
