"""The event-source pump: invokes a stream handler as the Lambda service would. Semantics: docs/adr/004."""

import itertools
import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from realtime.local.delivery import Discarded, failure_message
from realtime.local.invocation import Handler, invoke, place
from realtime.local.shard import ShardConsumer, Surroundings
from realtime.local.streams import Stream
from realtime.resources import EventSource

log = logging.getLogger(__name__)

DISCOVERY_SECONDS = 1.0
STOP_SECONDS = 10.0
DRAIN_POLL = 0.01
BACKOFF = (0.1, 5.0)  # seconds before the first retry, and at most
UNREACHABLE = (BotoCoreError, ClientError)


class Pump:
    """Every shard of ``stream`` in order, one batch in flight per shard, each shard in a thread of its own.

    ``discard`` receives the message for the on-failure destination. ``checkpoints`` are the sequence numbers
    per shard to resume after. ``wait`` is called with the seconds between retries, reads and polls.
    Until `start`, `run_once` and `drain` do the work in the caller's thread.
    """

    def __init__(
        self,
        source: EventSource,
        stream: Stream,
        handler: Handler,
        discard: Callable[[dict[str, Any]], object],
        *,
        checkpoints: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
        wait: Callable[[float], object] | None = None,
        backoff: tuple[float, float] = BACKOFF,
        poll: float = 0.2,
    ) -> None:
        if source.parallelization != 1:
            raise ValueError(f"{source.function}: one consumer a shard, not {source.parallelization}")
        self._source, self._stream, self._discard, self._clock = source, stream, discard, clock
        self._checkpoints = dict(checkpoints or {})
        self._stopping, self._draining = threading.Event(), threading.Event()
        self._consumers: dict[str, ShardConsumer] = {}
        self._ticks = itertools.count(1)  # tell "before" from "after", whatever the clock
        self._discovered = 0
        self._threads: dict[str, threading.Thread] = {}
        self._error: BaseException | None = None
        self._around = Surroundings(
            source=source,
            stream=stream,
            invoke=lambda batch, shard: invoke(handler, source, batch, shard),
            discard=self._send,
            trying=self._trying,
            clock=clock,
            tick=partial(next, self._ticks),
            wait=wait or self._stopping.wait,
            stopped=self._stopping.is_set,
            in_haste=lambda: self._draining.is_set() or self._stopping.is_set(),
            backoff=backoff,
            poll=poll,
        )

    @property
    def checkpoints(self) -> dict[str, str]:
        """Per shard, the sequence number up to which every record was handled or discarded."""
        return {shard: c.settled_to for shard, c in list(self._consumers.items()) if c.settled_to}

    def run_once(self, window: float = 0.0) -> int:
        """Delivers one batch of each readable shard, retries included; how many records that settled."""
        self._stopping.clear()
        self._discover()
        return sum(consumer.turn(window) for consumer in self._readable())

    def start(self) -> None:
        self._stopping.clear()
        self._run("discovery", self._supervise)

    def stop(self) -> None:
        """Returns when no handler runs any more; raises what a thread died of. A batch may stay unsettled."""
        self._stopping.set()
        while self._threads:
            name = next(iter(self._threads))  # discovery is the first: it starts the others
            self._threads[name].join(STOP_SECONDS)
            if self._threads.pop(name).is_alive():
                log.error("%s: %s still runs after %.0f s", self._source.function, name, STOP_SECONDS)
        self._raise()

    def drain(self, seconds: float = 60.0) -> None:
        """Returns when all that was in the stream at the time of the call is settled."""
        asked, deadline = next(self._ticks), time.monotonic() + seconds
        self._draining.set()  # no batching window meanwhile
        try:
            while not self._settled_since(asked):
                self._raise()
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{self._source.function}: not drained after {seconds:.0f} s")
                if self._threads:
                    self._stopping.wait(DRAIN_POLL)
                else:
                    self.run_once()
        finally:
            self._draining.clear()

    def _settled_since(self, asked: int) -> bool:
        return self._discovered > asked and all(
            consumer.drained or (consumer.tip > asked and consumer.idle)  # in this order: its thread may read
            for consumer in list(self._consumers.values())
        )

    def _discover(self) -> None:
        asked = next(self._ticks)
        # A shard that appears later is a child: all of it is new.
        position = "TRIM_HORIZON" if self._consumers else self._source.starting_position
        for shard in self._trying(self._stream.shards):
            if shard.id not in self._consumers:
                after = self._checkpoints.get(shard.id)
                self._consumers[shard.id] = ShardConsumer(shard, self._around, position, settled_to=after)
        self._discovered = asked

    def _readable(self) -> list[ShardConsumer]:
        """Shards with something to read, whose parents have nothing: resharding keeps the order per key."""
        known = self._consumers
        return [
            consumer
            for consumer in list(known.values())
            if not consumer.drained
            and all(parent not in known or known[parent].drained for parent in consumer.shard.parents)
        ]

    def _supervise(self) -> None:
        while not self._stopping.is_set():
            self._discover()
            for consumer in self._readable():
                if consumer.shard.id not in self._threads:
                    self._run(consumer.shard.id, partial(self._consume, consumer))
            self._pause(DISCOVERY_SECONDS)

    def _consume(self, consumer: ShardConsumer) -> None:
        while not self._stopping.is_set() and not consumer.drained:
            if not consumer.turn(self._source.window):
                self._pause(self._around.poll)

    def _pause(self, seconds: float) -> None:
        """Ends early for a stop, and soon after a drain was asked for."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._stopping.wait(DRAIN_POLL):
            if self._draining.is_set():
                return

    def _run(self, name: str, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - drain and stop raise it again
                if not (self._stopping.is_set() and isinstance(error, UNREACHABLE)):
                    self._error = error
                    log.error("%s: %s ended: %s", self._source.function, name, place(error))  # noqa: TRY400 - no data

        thread = threading.Thread(target=guarded, name=f"{self._source.function} {name}", daemon=True)
        self._threads[name] = thread
        thread.start()

    def _raise(self) -> None:
        if self._error:
            error, self._error = self._error, None
            raise error

    def _trying(self, call: Callable[[], Any]) -> Any:
        """Repeats a call for as long as AWS cannot be reached, if nobody waits for it."""
        while True:
            try:
                return call()
            except UNREACHABLE as error:
                if not self._threads or self._stopping.is_set():
                    raise
                log.warning("%s: %s, trying again", self._source.function, type(error).__name__)
                self._stopping.wait(self._around.poll)

    def _send(self, discarded: Discarded, shard: str) -> None:
        function, count = self._source.function, len(discarded.batch.records)
        log.error("%s: discarded %d records of %s: %s", function, count, shard, discarded.condition)
        arn, now, request = self._stream.arn, self._clock(), str(uuid.uuid4())
        self._discard(
            failure_message(discarded, self._source, stream_arn=arn, shard=shard, now=now, request_id=request)
        )
