"""Webhooks: keep them, put what they are told into a queue, and deliver it from there."""

import json
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.domain.announcements import Announcement, announce_test
from chalicelib.domain.errors import InvalidInput, NotFound, Problem, StorageUnavailable, Throttled
from chalicelib.domain.publishing.author import Author
from chalicelib.domain.timestamps import format_timestamp
from chalicelib.domain.webhooks import (
    DELIVERY_HEADER,
    ID_BITS,
    SIGNATURE_HEADER,
    Delivery,
    Queue,
    Sender,
    Unreachable,
    Webhook,
    Webhooks,
    check_events,
    check_url,
    parse_id,
    sign,
)
from chalicelib.services.concurrency import Parallel

MESSAGES_A_CALL = 10
MAX_WEBHOOKS = 50
_log = logging.getLogger("realtime")


@dataclass(frozen=True, slots=True)
class WebhookService:
    """``environment`` is named in each message. ``clock`` is epoch seconds."""

    environment: str
    webhooks: Webhooks
    queue: Queue
    sender: Sender
    clock: Callable[[], float]
    parallel: Parallel = field(default_factory=Parallel)

    @property
    def _is_local(self) -> bool:
        return self.environment == "local"

    def add(self, url: str, events: Sequence[str]) -> Webhook:
        """With its secret, which is shown once. Raises InvalidInput; as the others, what stores raise."""
        checked, wanted = check_url(url, is_local=self._is_local), check_events(events)
        try:
            self.sender.resolve(checked)
        except Unreachable as error:
            raise InvalidInput("invalid_request", f"url: {error}.", (Problem("url", str(error)),)) from None
        if len(self.webhooks.get_all()) >= MAX_WEBHOOKS:
            message = f"There are {MAX_WEBHOOKS} webhooks already: remove one first."
            raise InvalidInput("too_many_webhooks", message)
        secret = f"whsec_{secrets.token_urlsafe(32)}"
        created = format_timestamp(self.clock(), "seconds")
        webhook = Webhook(secrets.randbits(ID_BITS), checked, wanted, secret, created)
        self.webhooks.add(webhook)
        return webhook

    def get_all(self) -> Sequence[Webhook]:
        return self.webhooks.get_all()

    def remove(self, webhook_id: str) -> Webhook:
        """Raises NotFound."""
        webhook = self._get(webhook_id)
        self.webhooks.remove(webhook.number)
        return webhook

    def test(self, webhook_id: str, author: Author) -> str:
        """Puts a message of the event ``test`` into the queue and returns its id. Raises NotFound."""
        webhook = self._get(webhook_id)
        delivery = _make_delivery_id()
        body = announce_test(author, self.clock()).write(self.environment, delivery)
        if self.queue.send([_write_message(webhook, body)]) != [True]:
            raise StorageUnavailable("The queue of webhooks did not take the message; try again.")
        return delivery

    def has_listeners(self, event: str) -> bool:
        return any(event in webhook.events for webhook in self.webhooks.get_all())

    def announce(self, announcement: Announcement) -> str:
        """One message for each webhook that asks for the event. What has happened stays as it is.

        It never fails: the answer says why somebody is not told, and is empty if all are.
        """
        try:
            listeners = [each for each in self.webhooks.get_all() if announcement.event in each.events]
            messages = [
                _write_message(webhook, announcement.write(self.environment, _make_delivery_id()))
                for webhook in listeners
            ]
            untold = self._put(messages)
        except (StorageUnavailable, Throttled) as error:
            _log.warning("webhooks were not told of a %s: %s", announcement.event, error.code)
            return f"Webhooks are not told: {error}"
        if not untold:
            return ""
        _log.warning("%d of %d webhooks were not told of a %s", untold, len(messages), announcement.event)
        return f"{untold} of {len(messages)} webhooks are not told: the queue did not take the messages."

    def _put(self, messages: Sequence[str]) -> int:
        """How many are not in the queue."""
        calls = [messages[n : n + MESSAGES_A_CALL] for n in range(0, len(messages), MESSAGES_A_CALL)]
        return sum(not is_there for call in calls for is_there in self.queue.send(call))

    def deliver(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Lambda's answer to a batch of the queue: what the queue shall deliver again."""
        records = event["Records"]
        done = self.parallel.map(self._deliver, [record["body"] for record in records])
        failed = [record["messageId"] for record, is_done in zip(records, done, strict=True) if not is_done]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    def _deliver(self, text: str) -> bool:
        """Whether it is done with. A message that fails, for whatever reason, holds up no other."""
        try:
            message = json.loads(text)
            return self._deliver_to(message["webhook"], message["body"])
        except (StorageUnavailable, Throttled) as error:
            _log.warning("a webhook could not be read: %s", error.code)
        except Exception as error:  # noqa: BLE001 - the others of the batch would be delivered twice
            _log.error("a message to a webhook is not delivered: %s", type(error).__name__)
        return False

    def _deliver_to(self, webhook_id: str, body: str) -> bool:
        number = parse_id(webhook_id)
        webhook = self.webhooks.get(number) if number is not None else None
        if webhook is None:
            _log.info("webhook %s was removed: its message is dropped", webhook_id)
            return True
        delivery = self._send(webhook, body.encode(), json.loads(body)["id"])
        if delivery.error:
            _log.warning("webhook %s took no message: %s", webhook.id, delivery.error)
        try:
            self.webhooks.set_last_delivery(webhook.number, delivery)
        except (StorageUnavailable, Throttled) as error:
            _log.warning("the last delivery of webhook %s is not kept: %s", webhook.id, error.code)
        return not delivery.error

    def _send(self, webhook: Webhook, body: bytes, delivery_id: str) -> Delivery:
        now = self.clock()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "realtime-webhooks",
            DELIVERY_HEADER: delivery_id,
            SIGNATURE_HEADER: sign(webhook.secret, body, now),
        }
        at = format_timestamp(now, "seconds")
        try:
            check_url(webhook.url, is_local=self._is_local)
            status = self.sender.post(webhook.url, body, headers)
        except (InvalidInput, Unreachable) as error:
            return Delivery(at, None, str(error))
        if 200 <= status < 300:
            return Delivery(at, status, "")
        gone = ": the receiver is gone, remove the webhook" if status == 410 else ""
        return Delivery(at, status, f"answered {status}{gone}")

    def _get(self, webhook_id: str) -> Webhook:
        number = parse_id(webhook_id)
        webhook = self.webhooks.get(number) if number is not None else None
        if webhook is None:
            raise NotFound("webhook_not_found", f"There is no webhook {webhook_id!r}.")
        return webhook


def _make_delivery_id() -> str:
    return f"d_{secrets.token_hex(12)}"


def _write_message(webhook: Webhook, body: str) -> str:
    """The body as it will be sent: the same bytes in each attempt."""
    return json.dumps({"webhook": webhook.id, "body": body}, ensure_ascii=False)
