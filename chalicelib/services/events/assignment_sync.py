"""From the assignments table's stream to counters of assigned users, and to the history in PostgreSQL.

Each row counts one, whatever tracking dropped.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib import deadline
from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.stream.assignment_changes import read_shard, sequence_number, tally_changes
from chalicelib.domain.stream.assignment_history import History, merge_rows, read_rows
from chalicelib.domain.stream.counters import Counters, format_position
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.concurrency import Parallel
from chalicelib.services.events.counting import count
from chalicelib.services.events.srm import SampleRatioMonitor

SECONDS_TO_ANSWER = 2.0
"""As in `process`."""

log = logging.getLogger(__name__)


class AssignmentSync:
    """Without a ``history`` it only counts."""

    def __init__(
        self,
        counters: Counters,
        parallel: Parallel,
        split: SampleRatioMonitor,
        history: History | None,
        metrics: MetricsRecorder,
    ) -> None:
        self._counters = counters
        self._parallel = parallel
        self._split = split
        self._history = history
        self._metrics = metrics

    def sync(self, event: Mapping[str, Any], remaining: Callable[[], float], now: float) -> dict[str, Any]:
        """Lambda's answer to ``event``: the first record to deliver again.

        ``remaining`` reads the seconds left of the invocation; ``now`` in epoch seconds. If the event has a
        window, Lambda takes an answer without ``state`` for a failure.
        """
        records = event.get("Records") or []  # none in the call that ends a window
        with deadline.within(lambda: remaining() - SECONDS_TO_ANSWER):
            tallies = tally_changes(records, read_shard(event))
            # Either may be repeated, so neither waits for the other: what one has not done, both get again.
            failed = [count(self._counters, tallies, self._parallel), self._keep(records)]
            self._split.look({tally.counter.scope for tally in tallies}, now)
        lowest = min((place for place in failed if place is not None), default=None)
        numbers = [sequence_number(record) for record in records]
        failures = [{"itemIdentifier": number} for number in numbers if format_position(number) == lowest]
        return {"batchItemFailures": failures} | ({"state": {}} if "window" in event else {})

    def _keep(self, records: Sequence[Mapping[str, Any]]) -> str | None:
        """The lowest position that is not in the history yet; None if all of them are."""
        found = read_rows(records) if self._history else []
        if not self._history or not found:
            return None
        try:
            refused = self._history.upsert(merge_rows(row for _, row in found))
        except (StorageUnavailable, Throttled) as error:
            log.warning("assignments could not be written to PostgreSQL: %s", error)
            return min(place for place, _ in found)
        for state, number in Counter(refused).items():
            log.error("PostgreSQL will never take %d assignments: skipped, SQLSTATE %s", number, state)
            self._metrics.record("PostgresRowsRefused", number)
        return None
