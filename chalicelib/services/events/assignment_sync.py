"""From the assignments table's stream to counters of assigned users, and to the history in PostgreSQL.

Each stored row counts one, whatever tracking drops. A row that PostgreSQL refuses for good goes into
quarantine, last of all, so that no retry puts it there twice.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib import deadline
from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.stream.assignment_changes import read_sequence_number, read_shard, tally_changes
from chalicelib.domain.stream.assignment_history import (
    History,
    RefusedRow,
    RowChange,
    merge_rows,
    read_changes,
    read_payload,
    write_payload,
)
from chalicelib.domain.stream.counters import Counters, format_position
from chalicelib.domain.stream.event import Refusal
from chalicelib.domain.stream.quarantine import Quarantine, QuarantineEntry
from chalicelib.domain.stream.records import PoisonRecord
from chalicelib.metrics import MetricsRecorder
from chalicelib.services.concurrency import Parallel, batched
from chalicelib.services.events.counting import add_tallies
from chalicelib.services.events.processor import POISON_A_CALL, SECONDS_TO_ANSWER
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
        quarantine: Quarantine,
        metrics: MetricsRecorder,
    ) -> None:
        self._counters = counters
        self._parallel = parallel
        self._sample_ratio = sample_ratio
        self._history = history
        self._quarantine = quarantine
        self._metrics = metrics

    def sync(self, event: Mapping[str, Any], remaining: Callable[[], float], now: float) -> dict[str, Any]:
        """Lambda's answer to ``event``: the first record to deliver again.

        ``remaining`` reads the seconds left of the invocation; ``now`` in epoch seconds. If the event has a
        window, Lambda takes an answer without ``state`` for a failure.
        """
        records = event.get("Records") or []  # the call that ends a window has none
        with deadline.limit(lambda: remaining() - SECONDS_TO_ANSWER):
            shard = read_shard(event)
            tallies, changes = tally_changes(records, shard), read_changes(records)
            # A retry repeats both steps safely, so a failure of one does not stop the other.
            not_counted = add_tallies(self._counters, tallies, self._parallel)
            not_stored, refused = self._store_rows(changes, now)
            lowest = _find_lowest(not_counted, not_stored)
            done = [change for change in changes if lowest is None or change.position < lowest]
            lowest = _find_lowest(lowest, self._quarantine_rows(_build_entries(refused, done, shard, now)))
            self._sample_ratio.check({tally.counter.scope for tally in tallies}, now)
        numbers = [read_sequence_number(record) for record in records]
        items = [{"itemIdentifier": number} for number in numbers if format_position(number) == lowest]
        return {"batchItemFailures": items} | ({"state": {}} if "window" in event else {})

    def _store_rows(
        self, changes: Sequence[RowChange], now: float
    ) -> tuple[str | None, Sequence[RefusedRow]]:
        """The lowest position that is not in the history yet, None if all are; and the refused rows."""
        if not self._history or not changes:
            return None, ()
        oldest = min((change.arrived_at for change in changes if change.arrived_at), default=now)
        self._metrics.record_peak("PostgresLag", max(0.0, now - oldest))
        try:
            return None, self._history.upsert(merge_rows(change.row for change in changes))
        except (StorageUnavailable, Throttled) as error:
            log.warning("assignments could not be written to PostgreSQL: %s", error)
            return min(change.position for change in changes), ()

    def _quarantine_rows(self, entries: Sequence[QuarantineEntry]) -> str | None:
        """The lowest position whose row is not in quarantine yet."""

        def put(call: list[QuarantineEntry]) -> list[QuarantineEntry]:
            try:
                stored = self._quarantine.put(call)
            except (StorageUnavailable, Throttled) as error:
                log.warning("rows could not be put into quarantine: %s", error.code)
                return call
            return [entry for entry, is_stored in zip(call, stored, strict=True) if not is_stored]

        calls = self._parallel.map(put, batched(entries, POISON_A_CALL))
        failed = [entry for rest in calls for entry in rest]
        codes = Counter(entry.poison.refusal.code for entry in entries if entry not in failed)
        for code, number in codes.items():
            log.error("put %d assignments into quarantine, error %s", number, code)
            self._metrics.record("PostgresRowsRefused", number)
        return min((entry.poison.position for entry in failed), default=None)


def redrive_row(history: History, payload: bytes) -> str | None:
    """Write a quarantined row again. The code of a new refusal; None if PostgreSQL has the row now.

    Raises StorageUnavailable or Throttled if it may be written later.
    """
    try:
        row = read_payload(payload)
    except ValueError:
        return "invalid_row"
    refused = history.upsert([row])
    return refused[0].code if refused else None


def _build_entries(
    refused: Sequence[RefusedRow], done: Sequence[RowChange], shard: str, now: float
) -> list[QuarantineEntry]:
    """One for each refused row, named by its latest change. Only changes that are ``done``: the others will
    be delivered again."""
    by_id = {refused_row.row.id: refused_row for refused_row in refused}
    changes = [change for change in done if change.row.id in by_id]
    latest = {change.row.id: change for change in changes}
    merged = merge_rows(change.row for change in changes)
    return [_build_entry(by_id[row.id], latest[row.id]._replace(row=row), shard, now) for row in merged]


def _build_entry(refused: RefusedRow, change: RowChange, shard: str, now: float) -> QuarantineEntry:
    refusal = Refusal(refused.code, f"PostgreSQL refuses the row with SQLSTATE {refused.state}.")
    poison = PoisonRecord(
        record_index=0,
        part=0,
        position=change.position,
        arrived_at=change.arrived_at or now,
        partition_key=change.row.user_id,
        payload=write_payload(change.row),
        refusal=refusal,
    )
    return QuarantineEntry(shard, change.sequence_number, poison, now, "assignment_row")


def _find_lowest(*positions: str | None) -> str | None:
    return min((position for position in positions if position is not None), default=None)
