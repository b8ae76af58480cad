"""Take messages from a queue, hidden from everybody else, and give back those that are not removed."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from rich.console import Console
from rich.progress import Progress

from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.stream.quarantine import CALL_SIZE, HIDDEN_SECONDS, QueueState
from chalicelib.services.concurrency import Parallel, batched

RECEIVERS = 4
"""Calls at once while the queue has full answers."""
ONLY_NEWER = 3
"""Stop receiving after so many answers in a row with nothing but messages that came after the start."""
ATTEMPTS = 4

Stopping = Callable[[], bool]
Report = Callable[[int, int], object]
"""Gets the number of messages that were received, and about how many there are."""


class QueueMessage(Protocol):
    @property
    def handle(self) -> str: ...
    @property
    def message_id(self) -> str: ...
    @property
    def sent_at(self) -> float: ...


M = TypeVar("M", bound=QueueMessage)


class Queue(Protocol[M]):
    def receive(self, wait: int = 0) -> list[M]: ...
    def hide(self, records: Sequence[M], seconds: int) -> None: ...
    def remove(self, records: Sequence[M]) -> list[bool]: ...
    def measure(self) -> QueueState: ...


class Held(Generic[M]):
    """The messages that this run has received and not removed. ``timer`` is in seconds."""

    def __init__(self, queue: Queue[M], timer: Callable[[], float] = time.monotonic) -> None:
        self._queue = queue
        self._timer = timer
        self._messages: dict[str, M] = {}
        self._renew_at = timer() + HIDDEN_SECONDS / 2
        self._parallel = Parallel()
        self.hidden_elsewhere = 0

    @property
    def messages(self) -> list[M]:
        return list(self._messages.values())

    def collect(self, is_stopping: Stopping, report: Report = lambda _received, _expected: None) -> None:
        """Receive every message that was visible at the call. Those that arrive meanwhile cannot delay it."""
        start = self._queue.measure()
        self.hidden_elsewhere = start.hidden
        receivers, newer = 1, 0
        while newer < ONLY_NEWER and not is_stopping():
            answers = self._parallel.map(self._queue.receive, [1] * receivers)
            messages = [message for answer in answers for message in answer]
            if not messages:
                return
            self._hold(messages)
            is_newer = all(message.sent_at > start.now + 1 for message in messages)  # its clock has seconds
            newer = newer + 1 if is_newer else 0
            receivers = RECEIVERS if len(messages) == CALL_SIZE * receivers else 1
            report(len(self._messages), start.visible)
            self.renew()

    def receive_more(self) -> list[M]:
        """Those that have come since."""
        messages = self._queue.receive(1)
        more = [message for message in messages if message.message_id not in self._messages]
        self._hold(messages)
        return more

    def renew(self) -> None:
        """Keep all hidden, if half of their time is over. Call it now and then during long work."""
        if self._timer() < self._renew_at:
            return
        self._renew_at = self._timer() + HIDDEN_SECONDS / 2
        self._hide(self.messages, HIDDEN_SECONDS)

    def remove(self, messages: Sequence[M]) -> int:
        """Delete them, and return how many could not be deleted: those become visible again later."""
        latest = [self._messages.pop(message.message_id, message) for message in messages]
        for attempt in range(ATTEMPTS):
            if not latest:
                break
            if attempt:
                time.sleep(0.1 * 2**attempt)
            kept = self._parallel.map(self._remove_call, batched(latest, CALL_SIZE))
            latest = [message for call in kept for message in call]
        return len(latest)

    def release(self, messages: Sequence[M]) -> None:
        """Make them visible again, at once."""
        released = [self._messages.pop(message.message_id, message) for message in messages]
        self._hide(released, 0)

    def _hold(self, messages: Sequence[M]) -> None:
        """The latest handle counts: a message whose time ran out is received again."""
        self._messages |= {message.message_id: message for message in messages}

    def _remove_call(self, messages: list[M]) -> list[M]:
        try:
            removed = self._queue.remove(messages)
        except (StorageUnavailable, Throttled):
            return messages
        return [message for message, is_removed in zip(messages, removed, strict=True) if not is_removed]

    def _hide(self, messages: Sequence[M], seconds: int) -> None:
        def hide(call: list[M]) -> None:
            try:
                self._queue.hide(call, seconds)
            except (StorageUnavailable, Throttled):  # they become visible by themselves, a little later
                return

        self._parallel.map(hide, batched(messages, CALL_SIZE))


@contextmanager
def hold_all(
    queue: Queue[M], is_stopping: Stopping, timer: Callable[[], float] = time.monotonic
) -> Iterator[Held[M]]:
    """Hold every message of the queue; what is not removed within the block is visible again after it."""
    held = Held(queue, timer)
    try:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("Receiving", total=None)
            held.collect(is_stopping, lambda done, total: progress.update(task, completed=done, total=total))
        yield held
    finally:
        held.release(held.messages)
