"""From the assignments table's stream to counters of assigned users, and to the history in PostgreSQL.

Each stored row counts one, whatever tracking drops.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib import deadline
from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.stream.assignment_changes import read_sequence_number, read_shard, tally_changes
from chalicelib.domain.stream.assignment_history import History, merge_rows, read_rows
from chalicelib.domain.stream.counters import Counters, format_position
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.concurrency import Parallel
from chalicelib.services.events.counting import add_tallies
from chalicelib.services.events.processor import SECONDS_TO_ANSWER
from chalicelib.services.events.srm import SampleRatioMonitor

log = logging.getLogger(__name__)


class AssignmentSync:
    """Without a ``history`` it only counts."""

    def __init__(
        self,
        counters: Counters,
        parallel: Parallel,
        sample_ratio: SampleRatioMonitor,
        history: History | None,
        metrics: MetricsRecorder,
    ) -> None:
        self._counters = counters
        self._parallel = parallel
        self._sample_ratio = sample_ratio
        self._history = history
        self._metrics = metrics

    def sync(self, event: Mapping[str, Any], remaining: Callable[[], float], now: float) -> dict[str, Any]:
        """Lambda's answer to ``event``: the first record to deliver again.

        ``remaining`` reads the seconds left of the invocation; ``now`` in epoch seconds. If the event has a
        window, Lambda takes an answer without ``state`` for a failure.
        """
        records = event.get("Records") or []  # the call that ends a window has none
        with deadline.limit(lambda: remaining() - SECONDS_TO_ANSWER):
            tallies = tally_changes(records, read_shard(event))
            # A retry repeats both steps safely, so a failure of one does not stop the other.
            failures = [add_tallies(self._counters, tallies, self._parallel), self._store_rows(records)]
            self._sample_ratio.check({tally.counter.scope for tally in tallies}, now)
        lowest = min((position for position in failures if position is not None), default=None)
        numbers = [read_sequence_number(record) for record in records]
        items = [{"itemIdentifier": number} for number in numbers if format_position(number) == lowest]
        return {"batchItemFailures": items} | ({"state": {}} if "window" in event else {})

    def _store_rows(self, records: Sequence[Mapping[str, Any]]) -> str | None:
        """The lowest position that is not in the history yet; None if all are."""
        rows = read_rows(records) if self._history else []
        if not self._history or not rows:
            return None
        try:
            refused = self._history.upsert(merge_rows(row for _, row in rows))
        except (StorageUnavailable, Throttled) as error:
            log.warning("assignments could not be written to PostgreSQL: %s", error)
            return min(position for position, _ in rows)
        for state, number in Counter(refused).items():
            log.error("skipped %d assignments that PostgreSQL refuses for good, SQLSTATE %s", number, state)
            self._metrics.record("PostgresRowsRefused", number)
        return None
