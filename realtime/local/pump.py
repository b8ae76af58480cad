"""The event-source pump: it invokes a stream handler as Lambda does. Its rules: docs/adr/004."""

import itertools
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from realtime.local.delivery import DiscardedBatch, build_failure_message
from realtime.local.invocation import Handler, describe_error, invoke
from realtime.local.shard import PumpContext, ShardConsumer
from realtime.local.streams import ReadableStream
from realtime.resources import EventSource

log = logging.getLogger(__name__)

DISCOVERY_SECONDS = 1.0
STOP_SECONDS = 10.0
DRAIN_POLL = 0.01
BACKOFF = (0.1, 5.0)  # seconds before the first retry, and at most
UNREACHABLE = (BotoCoreError, ClientError)


class Pump:
    """Delivers each shard of ``stream`` in order, one batch at a time, in a thread for each shard.

    ``discard`` receives the message for the on-failure destination. ``checkpoints`` holds, for each shard,
    the sequence number to resume after. ``wait`` takes the seconds between retries, reads and polls.
    Before `start`, `run_once` and `drain` do the work in the caller's thread.
    """

    def __init__(
        self,
        source: EventSource,
        stream: ReadableStream,
        handler: Handler,
        discard: Callable[[dict[str, Any]], object],
        *,
        checkpoints: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
        wait: Callable[[float], object] | None = None,
        backoff: tuple[float, float] = BACKOFF,
        poll_seconds: float = 0.2,
    ) -> None:
        if source.parallelization != 1:
            raise ValueError(f"{source.function}: one consumer a shard, not {source.parallelization}")
        self._source, self._stream, self._discard, self._clock = source, stream, discard, clock
        self._made_at = clock()
        self._checkpoints = dict(checkpoints or {})
        self._is_stopping, self._is_draining = threading.Event(), threading.Event()
        self._consumers: dict[str, ShardConsumer] = {}
        self._ticks = itertools.count(1)  # order of events, independent of the clock
        self._discovery_tick = self._drain_tick = 0
        self._threads: dict[str, threading.Thread] = {}
        self._error: BaseException | None = None
        self._context = PumpContext(
            source=source,
            stream=stream,
            invoke=lambda batch, shard: invoke(handler, source, batch, shard),
            discard=self._discard_batch,
            retry_unreachable=self._retry_unreachable,
            clock=clock,
            next_tick=partial(next, self._ticks),
            wait=wait or self._is_stopping.wait,
            is_stopping=self._is_stopping.is_set,
            is_draining=lambda: self._is_draining.is_set() or self._is_stopping.is_set(),
            backoff=backoff,
            poll_seconds=poll_seconds,
        )

    @property
    def checkpoints(self) -> dict[str, str]:
        """For each shard, the sequence number up to which every record was handled or discarded."""
        consumers = list(self._consumers.items())
        return {shard: consumer.checkpoint for shard, consumer in consumers if consumer.checkpoint}

    @property
    def function(self) -> str:
        return self._source.function

    def measure_lag(self) -> float:
        """How many seconds the pump is behind its stream; it grows when the pump has ended, too."""
        now, consumers = self._clock(), list(self._consumers.values())
        return max((consumer.measure_lag(now) for consumer in consumers), default=now - self._made_at)

    def run_once(self, window: float = 0.0) -> int:
        """Deliver one batch of each readable shard, with its retries.

        Returns how many records were handled or discarded.
        """
        self._is_stopping.clear()
        self._discover()
        return sum(consumer.deliver_next(window) for consumer in self._readable_consumers())

    def start(self) -> None:
        self._is_stopping.clear()
        self._start_thread("discovery", self._supervise)

    def stop(self) -> None:
        """Return when no handler runs any more. A batch may be unfinished.

        Raises the error that ended a thread.
        """
        self._is_stopping.set()
        while self._threads:
            name = next(iter(self._threads))  # discovery comes first: it starts the others
            self._threads[name].join(STOP_SECONDS)
            if self._threads.pop(name).is_alive():
                log.error("%s: %s still runs after %.0f s", self._source.function, name, STOP_SECONDS)
        self._raise_error()

    def drain(self, seconds: float = 60.0) -> None:
        """Return when every record that was in the stream at the call is handled or discarded."""
        tick, deadline = next(self._ticks), time.monotonic() + seconds
        self._drain_tick = tick
        self._is_draining.set()  # no batch waits for its window to end
        try:
            while not self._is_drained_since(tick):
                self._raise_error()
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self._source.function}: not drained after {seconds:.0f} s")
                if self._threads:
                    self._is_stopping.wait(DRAIN_POLL)
                else:
                    self.run_once()
        finally:
            self._is_draining.clear()

    def _is_drained_since(self, tick: int) -> bool:
        return self._discovery_tick > tick and all(
            # in this order, as the consumer's thread may read meanwhile
            consumer.is_drained or (consumer.tip_tick > tick and consumer.is_idle)
            for consumer in list(self._consumers.values())
        )

    def _discover(self) -> None:
        tick = next(self._ticks)
        # A shard that appears later is a child of one that was read: all its records are new.
        position = "TRIM_HORIZON" if self._consumers else self._source.starting_position
        for shard in self._retry_unreachable(self._stream.list_shards):
            if shard.id not in self._consumers:
                checkpoint = self._checkpoints.get(shard.id)
                self._consumers[shard.id] = ShardConsumer(
                    shard, self._context, position, checkpoint, tip_at=self._clock()
                )
        self._discovery_tick = tick

    def _readable_consumers(self) -> list[ShardConsumer]:
        """Consumers whose parents are drained: so each key keeps its order when a stream is resharded."""
        consumers = self._consumers
        return [
            consumer
            for consumer in list(consumers.values())
            if not consumer.is_drained
            and all(p not in consumers or consumers[p].is_drained for p in consumer.shard.parents)
        ]

    def _supervise(self) -> None:
        while not self._is_stopping.is_set():
            self._discover()
            deadline = time.monotonic() + DISCOVERY_SECONDS
            # A drain waits for one discovery after its call, and for children of drained shards.
            while time.monotonic() < deadline and self._discovery_tick > self._drain_tick:
                self._start_readable_consumers()
                if self._is_stopping.wait(DRAIN_POLL):
                    return

    def _start_readable_consumers(self) -> None:
        for consumer in self._readable_consumers():
            if consumer.shard.id not in self._threads:
                self._start_thread(consumer.shard.id, partial(self._consume, consumer))

    def _consume(self, consumer: ShardConsumer) -> None:
        while not self._is_stopping.is_set() and not consumer.is_drained:
            if not consumer.deliver_next(self._source.window):
                self._pause(self._context.poll_seconds)

    def _pause(self, seconds: float) -> None:
        """Wait, but return early for a stop or a drain."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self._is_stopping.wait(DRAIN_POLL):
            if self._is_draining.is_set():
                return

    def _start_thread(self, name: str, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - drain and stop raise it again
                if not (self._is_stopping.is_set() and isinstance(error, UNREACHABLE)):
                    self._error = error
                    log.error("%s: %s ended: %s", self._source.function, name, describe_error(error))  # noqa: TRY400 - no data

        thread = threading.Thread(target=run, name=f"{self._source.function} {name}", daemon=True)
        self._threads[name] = thread
        thread.start()

    def _raise_error(self) -> None:
        if self._error:
            error, self._error = self._error, None
            raise error

    def _retry_unreachable(self, call: Callable[[], Any]) -> Any:
        """Repeat ``call`` while AWS cannot be reached. In the caller's thread the error is raised instead."""
        while True:
            try:
                return call()
            except UNREACHABLE as error:
                if not self._threads or self._is_stopping.is_set():
                    raise
                log.warning("%s: %s, trying again", self._source.function, type(error).__name__)
                self._is_stopping.wait(self._context.poll_seconds)

    def _discard_batch(self, discarded: DiscardedBatch, shard: str) -> None:
        function, count = self._source.function, len(discarded.batch.records)
        log.error("%s: discarded %d records of %s: %s", function, count, shard, discarded.condition)
        arn, now, request = self._stream.arn, self._clock(), str(uuid.uuid4())
        self._discard(
            build_failure_message(
                discarded, self._source, stream_arn=arn, shard=shard, now=now, request_id=request
            )
        )
