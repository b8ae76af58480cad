"""One shard's consumer: reads it in order, and delivers one batch at a time until it is settled."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from realtime.local.delivery import Batch, Discarded, Record, expire, fits, settle
from realtime.local.streams import CLOSED, Page, Position, Shard, Stream
from realtime.resources import EventSource


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the consumers of one stream share."""

    source: EventSource
    stream: Stream
    invoke: Callable[[Batch, str], int | None]
    discard: Callable[[Discarded, str], object]
    trying: Callable[[Callable[[], Any]], Any]  # repeats a call to AWS for as long as AWS cannot be reached
    clock: Callable[[], float]
    tick: Callable[[], int]
    wait: Callable[[float], object]
    stopped: Callable[[], bool]
    in_haste: Callable[[], bool]
    backoff: tuple[float, float]
    poll: float


@dataclass(slots=True)
class ShardConsumer:
    """A record that was read is in ``buffer``, then in ``pending``, until it is settled."""

    shard: Shard
    around: Surroundings
    position: Position
    settled_to: str | None = None
    tip: int = 0  # the tick of the last read that found nothing more
    closed: bool = False
    buffer: list[Record] = field(default_factory=list)
    pending: list[Batch] = field(default_factory=list)
    _iterator: str | None = None
    _read_to: str | None = None
    _failures: int = 0  # in a row

    @property
    def idle(self) -> bool:
        return not self.buffer and not self.pending

    @property
    def drained(self) -> bool:
        return self.closed and self.idle

    def turn(self, window: float) -> int:
        """Gathers a batch for at most ``window`` seconds and delivers it; how many records it settled."""
        if not self.pending:
            self._gather(window)
        return self._deliver()

    def _gather(self, window: float) -> None:
        around, size = self.around, self.around.source.batch_size
        self._read(size - len(self.buffer))
        deadline = around.clock() + window
        while self.buffer and fits(self.buffer, size) == len(self.buffer) < size:
            if self.closed or around.in_haste() or around.clock() >= deadline:
                break
            around.wait(around.poll)
            self._read(size - len(self.buffer))
        if count := fits(self.buffer, size):
            self.pending.append(Batch(tuple(self.buffer[:count])))
            del self.buffer[:count]

    def _read(self, limit: int) -> None:
        if self.closed or limit <= 0:
            return
        asked = self.around.tick()
        page: Page = self.around.trying(lambda: self._page(limit))
        self.buffer.extend(page.records)
        if page.records:
            self._read_to = page.records[-1].sequence_number
        self._iterator, self.closed = page.iterator, page.iterator is None
        if page.at_tip:
            self.tip = asked

    def _page(self, limit: int) -> Page:
        stream, shard = self.around.stream, self.shard.id
        while True:
            iterator = self._iterator or stream.iterator(
                shard, self._read_to or self.settled_to, self.position
            )
            if iterator is None:
                return CLOSED
            page = stream.read(shard, iterator, limit)
            if page is not None:
                return page
            self._iterator = None  # expired while a batch was retried

    def _deliver(self) -> int:
        around, total = self.around, 0
        while self.pending and not around.stopped():
            batch, delay = self.pending[0], 0.0
            settled = expire(batch, around.clock(), around.source)
            if not settled.discarded:
                failed_at = around.invoke(batch, self.shard.id)
                settled = settle(batch, failed_at, around.source)
                delay = self._backoff(failed=failed_at is not None)
            over = settled.done
            if settled.discarded:
                around.trying(partial(around.discard, settled.discarded, self.shard.id))
                over += settled.discarded.batch.records
            if over:
                total += len(over)
                self.settled_to = over[-1].sequence_number
            self.pending[:1] = settled.retry
            if delay and settled.retry:
                around.wait(delay)
        return total

    def _backoff(self, *, failed: bool) -> float:
        self._failures = self._failures + 1 if failed else 0
        first, most = self.around.backoff
        return min(most, first * 2 ** min(self._failures - 1, 20)) if failed else 0.0
