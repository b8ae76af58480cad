"""`quarantine redrive`, `edit`, `drop` and `purge`. Each change leaves a line in the audit."""

import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from chalicelib.domain.audit import INTERRUPTED, Action, AuditTrail, audited
from chalicelib.domain.stream.quarantine import Quarantine
from realtime.commands.quarantine import EVERYTHING, format_counts, never
from realtime.quarantine.edit import edit_in_editor, find_refusal, set_fields
from realtime.quarantine.held import Stopping, hold_all
from realtime.quarantine.interrupt import handle_interrupt
from realtime.quarantine.redrive import Redrive, RedriveReport
from realtime.quarantine.selection import Copies, Selection, count_by
from realtime.quarantine.targets import Targets, add_fields
from realtime.safe_reading.regular_files import read_regular

MAX_PAYLOAD_BYTES = 10_000_000
"""Of a record. Kinesis takes at most 10 MB."""


@dataclass(frozen=True)
class Operator:
    """Who acts and why, and where it is written down."""

    trail: AuditTrail
    by: str
    note: str = ""
    reason: str = ""

    def describe(self, name: str, selection: str) -> Action:
        return Action(name, self.by, note=self.note, selection=selection, reason=self.reason)


@dataclass(frozen=True)
class Edit:
    """Changes of fields, or the file of a new payload; neither: an editor."""

    assignments: Sequence[str] = ()
    removed: Sequence[str] = ()
    file: Path | None = None

    def apply(self, payload: bytes) -> bytes:
        if self.file is not None:
            return read_regular(self.file, MAX_PAYLOAD_BYTES, "no record is as large").rstrip(b"\n")
        if self.assignments or self.removed:
            return set_fields(payload, self.assignments, self.removed)
        return edit_in_editor(payload)

    def describe(self) -> str:
        """Without values, which may be a user's."""
        names = [f"--set {text.partition('=')[0]}" for text in self.assignments]
        names += [f"--unset {name}" for name in self.removed]
        return " ".join(names)


def redrive_quarantine(
    console: Console,
    quarantine: Quarantine,
    targets: Targets,
    operator: Operator,
    selection: Selection = EVERYTHING,
    *,
    backfill: bool = False,
    dry_run: bool = False,
    wait: float = 0,
    is_stopping: Stopping = never,
) -> RedriveReport:
    """Send each selected record once, and say by code what became of it."""
    with hold_all(quarantine, is_stopping) as held:
        records = selection.select(held.messages)
        others = len(Selection().select(held.messages)) - len(records)
        redrive = Redrive(quarantine, held, targets, backfill=backfill)
        if dry_run:
            _print_dry_run(console, quarantine, records, backfill)
            return redrive.report
        if is_stopping() or not records:
            console.print("Interrupted: nothing was sent." if is_stopping() else "No record is selected.")
            return redrive.report
        words = [selection.describe(), "--backfill" if backfill else ""]
        with (
            audited(operator.trail, operator.describe("redrive", " ".join(filter(None, words)))) as counts,
            Progress(console=console, transient=True) as progress,
        ):
            task = progress.add_task("Redriving", total=len(records))
            try:
                redrive.send(records, is_stopping, lambda number: progress.advance(task, number))
            finally:
                counts.update(_count(redrive.report))
        if wait and redrive.report.sent:
            redrive.watch(wait, is_stopping)
    _print_report(console, redrive.report, others)
    return redrive.report


def edit_record(
    console: Console,
    quarantine: Quarantine,
    targets: Targets,
    operator: Operator,
    place: str,
    edit: Edit,
    *,
    backfill: bool = False,
    dry_run: bool = False,
    is_stopping: Stopping = never,
) -> RedriveReport:
    """Send the edited payload in place of the record's, under the record's identity."""
    selection = Selection(places=(place,))
    with hold_all(quarantine, is_stopping) as held:
        record = selection.select(held.messages)[0][0]
        payload = quarantine.read_payload(record)
    if payload is None:
        raise ValueError("the payload does not exist any more; drop the record")
    edited = edit.apply(payload)  # others see the record while somebody types
    if edited == payload:
        console.print("Nothing changed, so nothing was sent.")
        return RedriveReport()
    if record.description["kind"] == "event":
        refusal = find_refusal(edited, record.arrived_at)
        if refusal is not None:
            raise ValueError(
                f"nothing was sent, it would be refused again: {refusal.code}, {refusal.message}"
            )
    if dry_run:
        data = add_fields(record, edited, backfill=backfill)
        console.print(data.decode("utf-8", "backslashreplace"), highlight=False, markup=False, soft_wrap=True)
        return RedriveReport()
    with hold_all(quarantine, is_stopping) as held:
        records = selection.select(held.messages)
        redrive = Redrive(quarantine, held, targets, backfill=backfill)
        words = f"{selection.describe()} {edit.describe()}".strip()
        with audited(operator.trail, operator.describe("edit", words)) as counts:
            redrive.send(records, never, edited=edited)
            counts.update(_count(redrive.report))
    _print_report(console, redrive.report, 0)
    return redrive.report


def drop_records(
    console: Console,
    quarantine: Quarantine,
    operator: Operator,
    selection: Selection,
    confirm: Callable[[str], bool],
    *,
    name: str = "drop",
    dry_run: bool = False,
    is_stopping: Stopping = never,
) -> int:
    """Delete the selected records if ``confirm`` agrees, and return how many."""
    with hold_all(quarantine, is_stopping) as held:
        records = selection.select(held.messages)
        counts_by_code = count_by(records, "code")
        if dry_run or not records or is_stopping():
            console.print(f"Would be deleted: {format_counts(counts_by_code)}.", highlight=False)
            return 0
        if not confirm(f"Delete {format_counts(counts_by_code)}?"):
            console.print("Nothing was deleted.")
            return 0
        held.renew()
        with audited(operator.trail, operator.describe(name, selection.describe())) as counts:
            failed = held.remove([message for copies in records for message in copies])
            counts.update(counts_by_code)
            if failed:
                counts["messages not deleted"] = failed
    console.print(f"Deleted {format_counts(counts_by_code)}.", highlight=False)
    if failed:
        raise ValueError(f"{failed} messages could not be deleted, and are visible again soon: run it again")
    return len(records)


def confirm_on_terminal(question: str) -> bool:
    """Raises ValueError without a terminal: nobody would see the question."""
    if not sys.stdin.isatty():
        raise ValueError("nobody can be asked without a terminal: add --yes")
    with handle_interrupt(signal.default_int_handler):
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def _print_dry_run(
    console: Console, quarantine: Quarantine, records: Sequence[Copies], backfill: bool
) -> None:
    console.print(f"Would be sent: {format_counts(count_by(records, 'code'))}.", highlight=False)
    refused: Counter[str] = Counter()
    for copies in records:
        record = copies[0]
        payload = quarantine.read_payload(record) if record.description["kind"] == "event" else None
        if payload is not None:
            refusal = find_refusal(add_fields(record, payload, backfill=backfill), record.arrived_at)
            if refusal is not None:
                refused[refusal.code] += 1
    if refused:
        text = f"This version still refuses {format_counts(refused)}, whatever their age."
        console.print(text, highlight=False)


def _print_report(console: Console, report: RedriveReport, others: int) -> None:
    total = report.sent.total() + report.refused.total() + report.not_tried.total()
    columns = [Column("code", overflow="fold")]
    columns += [Column(name, justify="right", no_wrap=True) for name in ("sent", "refused", "not tried")]
    table = Table(*columns)
    refused: Counter[str] = Counter()
    for (code, _), number in report.refused.items():
        refused[code] += number
    for code in sorted({*report.sent, *refused, *report.not_tried}):
        numbers = report.sent[code], refused[code], report.not_tried[code]
        table.add_row(code, *(f"{number:,}" for number in numbers))
    console.print(f"Sent {report.sent.total():,} of {total:,} records.", highlight=False)
    console.print(table)
    errors: Counter[str] = Counter()
    for (_, error), number in report.refused.items():
        errors[error] += number
    if errors:
        console.print(f"Refused, and still in quarantine: {format_counts(errors)}.", highlight=False)
    if report.came_back:
        text = f"Came back so far, still bad: {format_counts(report.came_back)}."
        console.print(text, highlight=False)
    if others:
        console.print(f"Not selected, and still in quarantine: {others:,}.", highlight=False)
    if report.not_removed:
        text = f"{report.not_removed} messages of sent records could not be removed, and are visible again "
        console.print(text + "soon: drop them. Sent again, they keep their ids.", highlight=False)


def _count(report: RedriveReport) -> Counter[str]:
    """For the audit."""
    counts = Counter({f"{code} sent": number for code, number in report.sent.items()})
    counts.update({f"{code} refused: {error}": number for (code, error), number in report.refused.items()})
    counts.update({f"{code} not tried": number for code, number in report.not_tried.items()})
    if report.not_tried:
        counts[INTERRUPTED] = 1
    return counts
