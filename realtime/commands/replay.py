"""`replay`: send the events of files, in order. An interrupted run resumes at its position."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from realtime.commands.replay_mapping import describe_mapping
from realtime.commands.replay_position import POSITIONS, Position, PositionFile
from realtime.commands.replay_sending import Ingest, send
from realtime.event_files.files import Source, find_sources, hash_file
from realtime.event_files.mapping import EventMapping
from realtime.event_files.options import ReadOptions
from realtime.event_files.reader import EventFile, UniqueRows
from realtime.event_files.rows import Event, EventRow, FileError
from realtime.safe_reading.shown_text import escape_controls

BATCH_SIZE = 500
MAX_NAME = 24
SHOWN = 10
"""Rows that are shown: of a dry run, and of those that cannot be read."""
REMEDIES = {
    "too_old": "--backfill takes events of any age.",
    "in_the_future": "See --timestamp-format and --timezone.",
}


@dataclass
class Replay:
    """One run over any number of files. ``keep`` selects events; ``pause`` waits for a number of seconds."""

    console: Console
    ingest: Ingest
    options: ReadOptions = field(default_factory=ReadOptions)
    restart: bool = False
    skip_refused: bool = False
    dry_run: bool = False
    positions: Path = POSITIONS
    keep: Callable[[Event], bool] = lambda _: True
    is_quiet: bool = False
    pause: Callable[[float], object] = time.sleep
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    has_failed: bool = False
    shown: int = 0
    shown_mapping: list[str] = field(default_factory=list)
    unique: UniqueRows = field(default_factory=UniqueRows)

    def run(self, targets: Sequence[str]) -> int:
        """The exit status. Raises ValueError for a file that cannot be read, if it is the only one."""
        sources = [source for target in targets for source in find_sources(target)]
        for number, source in enumerate(sources, 1):
            short = _shorten(source.name)
            counted = f"{number}/{len(sources)} {short}" if len(sources) > 1 else short
            try:
                is_going_on = self._replay_source(source, counted)
            except FileError as error:
                if len(sources) == 1:
                    raise
                self._fail(str(error))
            else:
                if not is_going_on:
                    break
        if not self.dry_run:
            self._summarize()
        return int(self.has_failed)

    def _replay_source(self, source: Source, name: str) -> bool:
        """False if the stream takes no more."""
        file = PositionFile(self.positions, source.get_key(), self.options)
        position = Position() if self.restart else file.load()
        self._tell_refusals(source.name, position, file)
        if position.is_done and not self.dry_run:
            self._print(f"{source.name}: was sent before; --restart sends it again.")
            return True
        with source.open() as path:
            events = EventFile(path, source.name, hash_file(path), source.folder)
            total, done, problems = self._check(events, position, name)
            if self.dry_run or (problems and not self.skip_refused):
                return True
            if position.rows and not self.dry_run:
                self._print(f"Resuming after {done:,} of {total:,} events; --restart begins again.")
            return self._send(events, position, file, name, total, done)

    def _check(self, events: EventFile, position: Position, name: str) -> tuple[int, int, int]:
        """Read it all before anything is sent: events, those of them sent before, rows that are no events."""
        total, done, problems, repeated = 0, 0, 0, 0
        with create_progress(self.console, is_lasting=False) as progress:
            task = progress.add_task(f"checking {name}", total=None)
            for number, row in enumerate(self._read(events, is_checking=True), 1):
                progress.advance(task)
                if row.event is not None:
                    total += 1
                    done += number <= position.rows or number in position.also_sent
                    if self.dry_run and self.shown < SHOWN:
                        self.shown += 1
                        self._print(json.dumps(row.event, ensure_ascii=False))
                elif row.problem:
                    problems += 1
                    if problems <= SHOWN:
                        self._print(f"{events.name}: {row.place}: {row.problem}")
                else:
                    repeated += 1
        if repeated and not self.is_quiet:
            self._print(f"{events.name}: {repeated:,} rows are duplicates, and are passed over.")
        if self.dry_run:
            self._print(f"{events.name}: {total:,} events could be sent, {problems:,} rows could not.")
        if problems and not self.skip_refused:
            hint = "correct them, or pass them over with --skip-refused"
            self._fail(f"{events.name}: {problems:,} rows are no events, so nothing of it is sent: {hint}")
        elif problems:
            self._print(f"{events.name}: {problems:,} rows are no events, and are passed over.")
        return total, done, problems

    def _read(self, events: EventFile, is_checking: bool = False) -> Iterator[EventRow]:
        def show(name: str, kind: str, mapping: EventMapping) -> None:
            lines = describe_mapping(kind, mapping)
            if is_checking and not self.is_quiet and lines != self.shown_mapping:
                self.shown_mapping = lines
                self._print("\n  ".join([f"{name}: {lines[0]}", *lines[1:]]))

        for row in events.read(self.options, self.unique, show):
            yield row if row.event is None or self.keep(row.event) else EventRow(row.place, None)

    def _send(
        self, events: EventFile, position: Position, file: PositionFile, name: str, total: int, done: int
    ) -> bool:
        with create_progress(self.console) as progress:
            task = progress.add_task(name, total=total, completed=done)
            rows = enumerate(self._read(events), 1)
            for batch in _batch_events(islice(rows, position.rows, None)):
                sent_before = set(position.also_sent)
                waiting = [(number, row) for number, row in batch if row.event and number not in sent_before]
                unsent = self._send_batch(waiting, position)
                progress.advance(task, len(waiting) - len(unsent))
                position.rows = min(unsent, default=batch[-1][0] + 1) - 1
                taken = {number for number, _ in waiting} | sent_before
                position.also_sent = sorted(
                    number for number in taken if number > position.rows and number not in unsent
                )
                file.save(position)
                if unsent:
                    reason = _name_reason(*unsent[position.rows + 1])
                    self._fail(
                        f"{events.name}: the stream keeps refusing: {reason} {len(unsent):,} events wait "
                        f"from row {position.rows + 1:,} on; the same command sends them later."
                    )
                    return False
        position.is_done = True
        file.save(position)
        return True

    def _send_batch(
        self, rows: Sequence[tuple[int, EventRow]], position: Position
    ) -> dict[int, tuple[str, str]]:
        """By the row's number, code and message of those that the stream did not take."""
        outcome = send(self.ingest, [row.event for _, row in rows if row.event is not None], self.pause)
        self.accepted += len(rows) - len(outcome.refused) - len(outcome.unsent)
        for index, (code, message) in sorted(outcome.refused.items()):
            number, row = rows[index]
            position.refuse(number, row.place, code, message)
            self.refused[code] += 1
            self.examples.setdefault(code, f"{row.place}: {message} {REMEDIES.get(code, '')}".strip())
        if self.skip_refused:
            position.acknowledged = position.refused_count
        self.has_failed |= bool(outcome.refused) and not self.skip_refused
        return {rows[index][0]: answer for index, answer in outcome.unsent.items()}

    def _tell_refusals(self, name: str, position: Position, file: PositionFile) -> None:
        """Refused for good in an earlier run: said until the person lets them go."""
        if not position.open_refusals or self.dry_run:
            return
        if self.skip_refused:
            position.acknowledged = position.refused_count
            file.save(position)
            return
        self._fail(
            f"{name}: {position.open_refusals:,} rows were refused for good in an earlier run; "
            "--skip-refused lets them go, --restart sends the file again:"
        )
        for item in position.refused[position.acknowledged :][:SHOWN]:
            self._print(f"  {item['place']}: {item['code']}: {item['message']}")

    def _summarize(self) -> None:
        codes = "".join(f", {count:,} refused: {code}" for code, count in sorted(self.refused.items()))
        self._print(f"{self.accepted:,} events accepted{codes}.")
        for code, example in sorted(self.examples.items()):
            self._print(f"First {code}: {example}")

    def _fail(self, message: str) -> None:
        self.has_failed = True
        self._print(message)

    def _print(self, text: str) -> None:
        self.console.print(escape_controls(text), highlight=False, markup=False, soft_wrap=True)


def create_progress(console: Console, is_lasting: bool = True) -> Progress:
    """What does not last is of use on a terminal only."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    is_hidden = not (is_lasting or console.is_terminal)
    return Progress(*columns, console=console, transient=not is_lasting, disable=is_hidden)


def _name_reason(code: str, message: str) -> str:
    return "it throttles." if code == "throttled" else message


def _shorten(name: str) -> str:
    """The end of a long name: a bar and its numbers have to fit into 60 columns."""
    return name if len(name) <= MAX_NAME else f"…{name[-MAX_NAME + 1 :]}"


def _batch_events(rows: Iterator[tuple[int, EventRow]]) -> Iterator[list[tuple[int, EventRow]]]:
    """At most BATCH_SIZE events in each; rows that are none come along."""
    batch: list[tuple[int, EventRow]] = []
    count = 0
    for number, row in rows:
        batch.append((number, row._replace(problem="")))
        count += row.event is not None
        if count == BATCH_SIZE or len(batch) == 20 * BATCH_SIZE:
            yield batch
            batch, count = [], 0
    if batch:
        yield batch
