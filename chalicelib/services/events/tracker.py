"""Decisions told to the event stream after they were answered; docs/tracking.md has the promises."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

import orjson
from cachetools import TTLCache

from chalicelib import deadline
from chalicelib.domain.definitions.model import Evaluation
from chalicelib.domain.errors import RealtimeError, StorageUnavailable, Throttled
from chalicelib.domain.stream.outgoing import MAX_PARTITION_KEY, OutgoingRecord, Stream, split_into_calls
from chalicelib.domain.stream.tracking import build_assignment_event, build_evaluation_event, is_sampled
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.events.evaluation_buffer import EvaluationBuffer

ATTEMPTS = 3
FLUSH_SECONDS = 2.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds without a try after a failure, doubled with each: a dead stream must not occupy containers."""
REMEMBERED = 50_000
"""Answers that are not told again, whatever the time."""


class Tracker:
    """Evaluations wait in ``buffer``, assignments are recorded; ``flush`` tells them when answers have left.

    ``stream`` None: nothing is told. ``store`` writes an assignment that could not be stored when it was
    decided. ``capacity`` bounds whatever waits: beyond it the oldest is dropped, and counted. ``window`` in
    seconds: an answer that a user got already is not told again. ``linger``: seconds between two flushes
    that send something. ``timer`` is monotonic.
    """

    def __init__(
        self,
        stream: Stream | None,
        store: Callable[[Mapping[str, Any]], object],
        metrics: MetricsRecorder,
        *,
        capacity: int,
        window: float,
        linger: float,
        timer: Callable[[], float],
    ) -> None:
        self._stream = stream
        self._store = store
        self._metrics = metrics
        self._capacity = capacity
        self._window = window
        self._linger = linger
        self._timer = timer
        self.buffer = EvaluationBuffer(capacity)
        self._assigned: deque[Mapping[str, Any]] = deque()
        self._dropped = 0
        self._told: TTLCache[tuple[str, str, str], None] = TTLCache(REMEMBERED, window, timer)
        self._unsent: list[OutgoingRecord] = []
        self._unstored: list[Mapping[str, Any]] = []
        self._failures = 0
        self._not_before = 0.0
        self._flushing = Lock()

    def record(self, event: Mapping[str, Any]) -> None:
        """An answer of `/assign` that decided something; ``persisted`` False: it is not stored yet."""
        if len(self._assigned) >= self._capacity:
            self._assigned.popleft()
            self._dropped += 1
        self._assigned.append(event)

    def flush(self, seconds: float = FLUSH_SECONDS, *, last: bool = False) -> int:
        """Sends and stores what waits, and returns how much still does; what failed is tried again later.

        No call is begun for which ``seconds`` would not suffice. ``last``: there is no later. Threads
        take turns.
        """
        with self._flushing:
            self._take()
            if (self._unsent or self._unstored) and (last or self._timer() >= self._not_before):
                limit = self._timer() + seconds
                with deadline.within(lambda: limit - self._timer()):
                    sent, stored = self._send(), self._store_again()
                self._pause(sent and stored)
            self._count_drops()
            return len(self._unsent) + len(self._unstored)

    def _take(self) -> None:
        """From the buffers into records, each answer once."""
        evaluated = 0
        for _, user_id, now, found in self.buffer.take():
            evaluations = (found,) if isinstance(found, Evaluation) else found
            evaluated += len(evaluations)
            for evaluation in evaluations:
                answer = user_id, evaluation.flag_key, evaluation.variant
                if answer not in self._told and is_sampled(evaluation, user_id):
                    self._told[answer] = None
                    self._unsent.append(_put(build_evaluation_event(user_id, evaluation, now, self._window)))
        if evaluated:
            self._metrics.record("FlagEvaluations", evaluated)
        while self._assigned:
            event = self._assigned.popleft()
            if self._stream is not None:
                self._unsent.append(_put(build_assignment_event(event)))
            if not event.get("persisted", True):
                self._unstored.append(event)
        self._dropped += _shorten(self._unsent, self._capacity) + _shorten(self._unstored, self._capacity)

    def _send(self) -> bool:
        """Whether all was sent; only records that failed are sent again."""
        before = len(self._unsent)
        for _ in range(ATTEMPTS):
            failed = [put for call in split_into_calls(self._unsent) for put in self._failed(call)]
            progressed = len(failed) < len(self._unsent)
            self._unsent = failed
            if not progressed:
                break
        if before > len(self._unsent):
            self._metrics.record("TrackingSent", before - len(self._unsent))
        return not self._unsent

    def _failed(self, call: Sequence[OutgoingRecord]) -> Sequence[OutgoingRecord]:
        assert self._stream is not None  # noqa: S101 - without one there is nothing to send
        try:
            codes = self._stream.put(call)
        except (StorageUnavailable, Throttled):
            return call
        return [put for put, code in zip(call, codes, strict=True) if code]

    def _store_again(self) -> bool:
        while self._unstored:
            try:
                self._store(self._unstored[0])
            except (StorageUnavailable, Throttled):
                return False
            except RealtimeError:  # its experiment is gone
                self._metrics.record("AssignmentNotStored")
            del self._unstored[0]
        return True

    def _pause(self, succeeded: bool) -> None:
        self._failures = 0 if succeeded else self._failures + 1
        after_failure = min(FIRST_PAUSE * 2 ** (self._failures - 1), LONGEST_PAUSE)
        self._not_before = self._timer() + (self._linger if succeeded else after_failure)

    def _count_drops(self) -> None:
        dropped = self._dropped + self.buffer.lost
        if dropped > 0:
            self._metrics.record("TrackingDropped", dropped)
            self._dropped = self.buffer.lost = 0


def _shorten(waiting: list[Any], length: int) -> int:
    """How many of the oldest had to go."""
    excess = max(0, len(waiting) - length)
    del waiting[:excess]
    return excess


def _put(event: Mapping[str, Any]) -> OutgoingRecord:
    user_id: str = event["user_id"]
    return OutgoingRecord(0, user_id[:MAX_PARTITION_KEY], orjson.dumps(event))
