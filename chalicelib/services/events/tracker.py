"""Send decisions to the event stream after they were answered. docs/tracking.md says what is guaranteed."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

import orjson
from cachetools import TTLCache

from chalicelib import deadline
from chalicelib.domain.assignment import AssignmentResult
from chalicelib.domain.errors import RealtimeError, StorageUnavailable, Throttled
from chalicelib.domain.stream.outgoing import MAX_PARTITION_KEY, OutgoingRecord, Stream, split_into_calls
from chalicelib.domain.stream.tracking import (
    build_assignment_event,
    build_evaluation_event,
    build_exposure_event,
    is_sampled,
    select_unit_attributes,
)
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.events.evaluation_buffer import EvaluationBuffer

ATTEMPTS = 3
FLUSH_SECONDS = 2.0
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds without an attempt after a failure, doubled with each: a dead stream must not occupy containers."""
ANSWERS_REMEMBERED = 50_000
"""Answers that are not sent twice within the window. With more of them, the oldest are forgotten."""


_Answer = tuple[str, str, str | None]
"""User id, flag key, variant."""


class Tracker:
    """Evaluations wait in ``buffer``, assignments are recorded; ``flush`` sends both after the answer.

    ``stream`` None: nothing is sent. ``store`` writes an assignment that could not be stored when it was
    decided. ``capacity`` limits what waits: beyond it the oldest is dropped and counted. Within ``window``
    seconds, the same answer for the same user is sent once. ``linger``: the minimum of seconds between two
    flushes that send something. ``timer`` is monotonic.
    """

    def __init__(
        self,
        stream: Stream | None,
        store: Callable[[AssignmentResult], object],
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
        self._assignments: deque[AssignmentResult] = deque()
        self._exposures: deque[tuple[AssignmentResult, Mapping[str, Any], float]] = deque()
        self._dropped = 0
        self._answers: TTLCache[_Answer, None] = TTLCache(ANSWERS_REMEMBERED, window, timer)
        self._unsent: list[OutgoingRecord] = []
        self._unstored: list[AssignmentResult] = []
        self._failures = 0
        self._not_before = 0.0
        self._flushing = Lock()

    def record(self, assignment: AssignmentResult) -> None:
        """A new assignment."""
        if len(self._assignments) >= self._capacity:
            self._assignments.popleft()
            self._dropped += 1
        self._assignments.append(assignment)

    def expose(self, result: AssignmentResult, context: Mapping[str, Any], now: float) -> None:
        """A user has seen the variant of an experiment, by a flag that serves it."""
        if self._stream is None:
            return
        if len(self._exposures) >= self._capacity:
            self._exposures.popleft()
            self._dropped += 1
        properties = select_unit_attributes(result.experiment, context)
        self._exposures.append((result, properties, now))

    def flush(self, seconds: float = FLUSH_SECONDS, *, last: bool = False) -> int:
        """Send and store what waits, and return how much still waits for a later flush.

        No call begins that could take longer than ``seconds`` allow. ``last``: there is no later flush.
        Threads take turns.
        """
        with self._flushing:
            self._collect()
            if (self._unsent or self._unstored) and (last or self._timer() >= self._not_before):
                limit = self._timer() + seconds
                with deadline.limit(lambda: limit - self._timer()):
                    sent, stored = self._send(), self._store_unstored()
                self._schedule(sent and stored)
            self._count_dropped()
            return len(self._unsent) + len(self._unstored)

    def _collect(self) -> None:
        """Turn what was buffered into records, each answer once."""
        total = 0
        for user_id, now, evaluations in self.buffer.drain():
            total += len(evaluations)
            for evaluation in evaluations:
                answer = user_id, evaluation.flag_key, evaluation.variant
                if answer not in self._answers and is_sampled(evaluation, user_id):
                    self._answers[answer] = None
                    event = build_evaluation_event(user_id, evaluation, now, self._window)
                    self._unsent.append(_build_record(event))
        if total:
            self._metrics.record("FlagEvaluations", total)
        while self._assignments:
            assignment = self._assignments.popleft()
            if self._stream is not None:
                self._unsent.append(_build_record(build_assignment_event(assignment)))
            if not assignment.is_persisted:
                self._unstored.append(assignment)
        while self._exposures:
            event = build_exposure_event(*self._exposures.popleft(), self._window)
            self._unsent.append(_build_record(event))
        self._dropped += _drop_oldest(self._unsent, self._capacity)
        self._dropped += _drop_oldest(self._unstored, self._capacity)

    def _send(self) -> bool:
        """Whether everything was sent. Only failed records are sent again."""
        before = len(self._unsent)
        for _ in range(ATTEMPTS):
            failed = [record for call in split_into_calls(self._unsent) for record in self._put(call)]
            is_progress = len(failed) < len(self._unsent)
            self._unsent = failed
            if not is_progress:
                break
        if before > len(self._unsent):
            self._metrics.record("TrackingSent", before - len(self._unsent))
        return not self._unsent

    def _put(self, records: Sequence[OutgoingRecord]) -> Sequence[OutgoingRecord]:
        """The records that failed."""
        assert self._stream is not None  # noqa: S101 - without a stream there is nothing to send
        try:
            codes = self._stream.put(records)
        except (StorageUnavailable, Throttled):
            return records
        return [record for record, code in zip(records, codes, strict=True) if code]

    def _store_unstored(self) -> bool:
        """Whether everything was stored."""
        while self._unstored:
            try:
                self._store(self._unstored[0])
            except (StorageUnavailable, Throttled):
                return False
            except RealtimeError:  # its experiment is gone
                self._metrics.record("AssignmentNotStored")
            del self._unstored[0]
        return True

    def _schedule(self, has_succeeded: bool) -> None:
        """Set the time of the next attempt."""
        self._failures = 0 if has_succeeded else self._failures + 1
        doublings = min(self._failures - 1, 5)  # a container may fail for days, and floats have an end
        after_failure = min(FIRST_PAUSE * 2**doublings, LONGEST_PAUSE)
        self._not_before = self._timer() + (self._linger if has_succeeded else after_failure)

    def _count_dropped(self) -> None:
        dropped = self._dropped + self.buffer.lost
        if dropped > 0:
            self._metrics.record("TrackingDropped", dropped)
            self._dropped = self.buffer.lost = 0


def _drop_oldest(waiting: list[Any], capacity: int) -> int:
    """How many were dropped."""
    excess = max(0, len(waiting) - capacity)
    del waiting[:excess]
    return excess


def _build_record(event: Mapping[str, Any]) -> OutgoingRecord:
    user_id: str = event["user_id"]
    return OutgoingRecord(0, user_id[:MAX_PARTITION_KEY], orjson.dumps(event))
