"""The consumer of one shard: it reads records in order and delivers one batch at a time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from realtime.local.delivery import Batch, DiscardedBatch, Record, count_fitting, expire_records, settle
from realtime.local.streams import CLOSED, Page, Position, ReadableStream, Shard
from realtime.resources import EventSource


@dataclass(frozen=True, slots=True)
class PumpContext:
    """What the consumers of one stream share."""

    source: EventSource
    stream: ReadableStream
    invoke: Callable[[Batch, str], int | None]
    discard: Callable[[DiscardedBatch, str], object]
    retry_unreachable: Callable[[Callable[[], Any]], Any]  # repeats a call while AWS cannot be reached
    clock: Callable[[], float]
    next_tick: Callable[[], int]
    wait: Callable[[float], object]
    is_stopping: Callable[[], bool]
    is_draining: Callable[[], bool]  # or stopping: deliver a partial batch at once
    backoff: tuple[float, float]
    poll_seconds: float


@dataclass(slots=True)
class ShardConsumer:
    """Records wait in ``buffer``, then in ``pending`` batches, until they are handled or discarded.

    ``checkpoint`` is the sequence number of the last record that was handled or discarded.
    """

    shard: Shard
    context: PumpContext
    position: Position
    checkpoint: str | None = None
    tip_tick: int = 0  # of the last read that found no more records
    tip_at: float = 0.0  # when that was; before it, when the consumer was made
    is_closed: bool = False
    buffer: list[Record] = field(default_factory=list)
    pending: list[Batch] = field(default_factory=list)
    _iterator: str | None = None
    _last_read: str | None = None
    _consecutive_failures: int = 0

    @property
    def is_idle(self) -> bool:
        return not self.buffer and not self.pending

    @property
    def is_drained(self) -> bool:
        return self.is_closed and self.is_idle

    def measure_lag(self, now: float) -> float:
        """How old the oldest record is that is not handled yet, in seconds, as far as this has read."""
        if self.is_drained:
            return 0.0
        waiting = [record for batch in self.pending[:1] for record in batch.records[:1]] or self.buffer[:1]
        return max(0.0, now - (waiting[0].arrived_at if waiting else self.tip_at))

    def deliver_next(self, window: float) -> int:
        """Gather a batch for at most ``window`` seconds and deliver it.

        Returns how many records were handled or discarded.
        """
        if not self.pending:
            self._gather(window)
        return self._deliver()

    def _gather(self, window: float) -> None:
        context, size = self.context, self.context.source.batch_size
        self._read(size - len(self.buffer))
        deadline = context.clock() + window
        while self.buffer and count_fitting(self.buffer, size) == len(self.buffer) < size:
            if self.is_closed or context.is_draining() or context.clock() >= deadline:
                break
            context.wait(context.poll_seconds)
            self._read(size - len(self.buffer))
        if count := count_fitting(self.buffer, size):
            self.pending.append(Batch(tuple(self.buffer[:count])))
            del self.buffer[:count]

    def _read(self, limit: int) -> None:
        if self.is_closed or limit <= 0:
            return
        tick = self.context.next_tick()
        page: Page = self.context.retry_unreachable(lambda: self._read_page(limit))
        self.buffer.extend(page.records)
        if page.records:
            self._last_read = page.records[-1].sequence_number
        self._iterator, self.is_closed = page.iterator, page.iterator is None
        if page.at_tip:
            self.tip_tick, self.tip_at = tick, self.context.clock()

    def _read_page(self, limit: int) -> Page:
        stream, shard = self.context.stream, self.shard.id
        while True:
            after = self._last_read or self.checkpoint
            iterator = self._iterator or stream.get_iterator(shard, after, self.position)
            if iterator is None:
                return CLOSED
            page = stream.read(shard, iterator, limit)
            if page is not None:
                return page
            self._iterator = None  # it expired while a batch was retried

    def _deliver(self) -> int:
        context, count = self.context, 0
        while self.pending and not context.is_stopping():
            batch, delay = self.pending[0], 0.0
            outcome = expire_records(batch, context.clock(), context.source)
            if not outcome.discarded:
                failed_at = context.invoke(batch, self.shard.id)
                outcome = settle(batch, failed_at, context.source)
                delay = self._next_delay(has_failed=failed_at is not None)
            finished = outcome.done
            if outcome.discarded:
                context.retry_unreachable(partial(context.discard, outcome.discarded, self.shard.id))
                finished += outcome.discarded.batch.records
            if finished:
                count += len(finished)
                self.checkpoint = finished[-1].sequence_number
            self.pending[:1] = outcome.retry
            if delay and outcome.retry:
                context.wait(delay)
        return count

    def _next_delay(self, *, has_failed: bool) -> float:
        self._consecutive_failures = self._consecutive_failures + 1 if has_failed else 0
        first, longest = self.context.backoff
        return min(longest, first * 2 ** min(self._consecutive_failures - 1, 20)) if has_failed else 0.0
