"""Webhooks in memory: their store, the queue and the sender."""

from collections.abc import Sequence
from dataclasses import replace

from chalicelib.domain.webhooks import Delivery, Unreachable, Webhook


class MemoryWebhooks:
    """`chalicelib.stores.webhooks.WebhookStore`."""

    def __init__(self) -> None:
        self._webhooks: dict[int, Webhook] = {}

    def add(self, webhook: Webhook) -> None:
        self._webhooks[webhook.number] = webhook

    def get(self, number: int) -> Webhook | None:
        return self._webhooks.get(number)

    def get_all(self) -> list[Webhook]:
        return sorted(self._webhooks.values(), key=lambda webhook: (webhook.created, webhook.number))

    def remove(self, number: int) -> bool:
        return self._webhooks.pop(number, None) is not None

    def set_last_delivery(self, number: int, delivery: Delivery) -> None:
        if number in self._webhooks:
            self._webhooks[number] = replace(self._webhooks[number], last_delivery=delivery)


class MemoryQueue:
    """`chalicelib.stores.message_queue.MessageQueue`, as far as messages are sent."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.is_full = False

    def send(self, bodies: Sequence[str]) -> list[bool]:
        self.bodies += () if self.is_full else bodies
        return [not self.is_full] * len(bodies)


class MemorySender:
    """`chalicelib.stores.webhook_sender.WebhookSender`. It answers ``statuses`` in turn, then 200."""

    def __init__(self, *statuses: int | Unreachable) -> None:
        self.statuses = list(statuses)
        self.posted: list[tuple[str, bytes, dict[str, str]]] = []
        self.unresolvable: Unreachable | None = None

    def resolve(self, _url: str) -> object:
        if self.unresolvable:
            raise self.unresolvable
        return "192.0.2.1", 443

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        self.posted.append((url, body, headers))
        status = self.statuses.pop(0) if self.statuses else 200
        if isinstance(status, Unreachable):
            raise status
        return status


class MemoryAlarmMarks:
    """`chalicelib.stores.alarm_marks.AlarmMarkStore`."""

    def __init__(self) -> None:
        self.scopes: set[str] = set()

    def add(self, scope: str) -> bool:
        is_new = scope not in self.scopes
        self.scopes.add(scope)
        return is_new

    def remove(self, scope: str) -> None:
        self.scopes.discard(scope)
