"""`quarantine batches`: look at the batches that Lambda gave up, and process them anew."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from chalicelib.domain.audit import INTERRUPTED, audited
from chalicelib.domain.stream.quarantine import Quarantine, QuarantinedRecord
from chalicelib.domain.stream.records import read_batches
from chalicelib.wiring import Plane
from realtime.commands.quarantine import EVERYTHING, never
from realtime.commands.quarantine_changes import Operator
from realtime.local.streams import KinesisStream
from realtime.quarantine.archive_search import find_archived
from realtime.quarantine.failed_batches import EVENTS, FailedBatchQueue, read_records
from realtime.quarantine.held import Stopping, hold_all
from realtime.quarantine.reprocess import SEPARATOR, OriginalEventIds, OriginalQuarantine, relabel, reprocess
from realtime.quarantine.selection import Selection
from realtime.testing.stores import MemoryMetrics

ASSIGNMENTS_ADVICE = (
    "Assignments are not redriven. PostgreSQL gets their rows when any attribute of them is written "
    "(docs/postgresql.md). Then drop the batch."
)


INVOCATION_SECONDS = 60.0
Records = list[dict[str, Any]]


@dataclass
class BatchReport:
    """Numbers of records by what became of them."""

    counts: Counter[str] = field(default_factory=Counter)
    failed: bool = False
    is_undecided: bool = False  # the operator says whether what is archived was counted


def list_batches(
    console: Console,
    queue: FailedBatchQueue,
    selection: Selection = EVERYTHING,
    *,
    is_stopping: Stopping = never,
) -> int:
    """Print the batches and return how many there are."""
    with hold_all(queue, is_stopping) as held:
        batches = selection.select(held.messages)
    if not batches:
        console.print("No failed batch of this selection is there.")
        return 0
    names = Column("arrived"), Column("function, cause", overflow="fold"), Column("records", no_wrap=True)
    table = Table(*names, Column("id, place", overflow="fold"))
    for copies in batches:
        description = copies[0].description
        table.add_row(
            str(description["arrived_at"]).replace("T", " ")[:19],
            Text(f"{description['function']}\n{description['code']}"),
            f"{description['records']:,}",
            Text(f"{copies[0].id}\n{copies[0].place}"),
        )
    console.print(table)
    return len(batches)


def redrive_batches(
    console: Console,
    queue: FailedBatchQueue,
    services: Plane,
    operator: Operator,
    selection: Selection = EVERYTHING,
    *,
    archived_too: bool = False,
    dry_run: bool = False,
    is_stopping: Stopping = never,
) -> BatchReport:
    """Process the events of each selected batch that were never counted, and remove the batch.

    ``archived_too`` processes those that may have been counted as well. A batch stays if its stream has
    none of its records any more, or if any of them fails again.
    """
    report = BatchReport()
    with hold_all(queue, is_stopping) as held:
        batches = selection.select(held.messages)
        if dry_run or not batches:
            console.print(f"Failed batches: {len(batches):,}.", highlight=False)
            for copies in batches:
                _Batch(console, services, copies[0], archived_too).resolve()
            return report
        with audited(operator.trail, _describe(operator, selection, archived_too)) as counts:
            for copies in batches:
                if is_stopping():
                    report.counts["batches not tried"] += 1
                    counts[INTERRUPTED] = 1
                    continue
                held.renew()
                outcome = _Batch(console, services, copies[0], archived_too).process()
                report.counts.update(outcome.counts)
                report.failed |= outcome.failed
                if not (outcome.failed or outcome.is_undecided):
                    held.remove(copies)
            counts.update(report.counts)
    console.print(Text(", ".join(f"{number:,} {name}" for name, number in report.counts.items()) + "."))
    return report


def _describe(operator: Operator, selection: Selection, archived_too: bool) -> Any:
    words = [selection.describe(), "--archived-too" if archived_too else ""]
    return operator.describe("redrive batches", " ".join(filter(None, words)))


class _Batch:
    """One failed batch, and what the stream and the archive know of it."""

    def __init__(
        self, console: Console, services: Plane, batch: QuarantinedRecord, archived_too: bool
    ) -> None:
        self._console = console
        self._services = services
        self._batch = batch
        self._archived_too = archived_too

    def resolve(self) -> tuple[Records, Records, BatchReport]:
        """The records that are not in the archive, those that are, and what else there is; prints numbers."""
        batch, report = self._batch, BatchReport()
        if batch.description["kind"] != EVENTS:
            self._say(ASSIGNMENTS_ADVICE)
            return [], [], BatchReport(Counter({"records of assignments": self._expected}), failed=True)
        stream = KinesisStream(self._services.clients.kinesis, str(batch.description["shard"]).split("/")[0])
        records = read_records(stream, batch)
        report.counts["records no longer in the stream"] = max(0, self._expected - len(records))
        numbers = self._find_archived(records)
        archived = [record for record in records if record["kinesis"]["sequenceNumber"] in numbers]
        rest = [record for record in records if record not in archived]
        if not self._archived_too:
            report.counts["records archived, so perhaps counted"] = len(archived)
            report.is_undecided = bool(archived)
        report.failed = not records
        self._say(
            f"{len(records):,} of {self._expected:,} records are in the stream, "
            f"{len(archived):,} of them in the archive; "
            f"{len(records) if self._archived_too else len(rest):,} to process."
        )
        return rest, archived, report

    def process(self) -> BatchReport:
        records, archived, report = self.resolve()
        first = str(self._batch.description["sequence_number"])
        quarantine = OriginalQuarantine(self._services.quarantine)
        event_ids = self._services.event_ids
        plane = Plane(
            self._services.settings,
            clients=self._services.clients,
            quarantine=cast(Quarantine, quarantine),  # a processor only puts
            metrics=MemoryMetrics(),
        )
        if event_ids is not None:
            plane.event_ids = OriginalEventIds(event_ids)
        groups = {first: records, f"{first}{SEPARATOR}archived": archived if self._archived_too else []}
        done = sum(
            reprocess(
                [relabel(record, label) for record in group], lambda event: plane.process(event, lambda: 60.0)
            )
            for label, group in groups.items()
        )
        number = sum(map(len, groups.values()))
        report.counts["records processed"] = done
        report.counts["events put into quarantine"] = len(quarantine.places)
        report.counts["records that failed again"] = number - done
        report.failed |= done < number
        if report.is_undecided:
            self._say("It stays for you to decide: drop it, or process what is archived by --archived-too.")
        return BatchReport(+report.counts, report.failed, report.is_undecided)

    def _find_archived(self, records: Sequence[dict[str, Any]]) -> set[str]:
        """Sequence numbers; all of them where the archive cannot be searched."""
        if not records:
            return set()
        settings = self._services.settings
        if settings.archive != "s3":
            self._say("Only an archive of the processor can be searched, so all records may be counted.")
            return {record["kinesis"]["sequenceNumber"] for record in records}
        [batch] = read_batches(records, self._services.limits)
        return find_archived(self._services.clients.s3, settings.archive_bucket, batch)

    @property
    def _expected(self) -> int:
        return int(self._batch.description["records"])

    def _say(self, text: str) -> None:
        self._console.print(Text(f"{self._batch.id}: {text}"))
