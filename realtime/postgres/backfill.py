"""Every row of the assignments table into PostgreSQL: in parallel, from where an earlier run stopped."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import Protocol

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.stream.assignment_history import History, merge_rows, read_row
from realtime.postgres.assignment_table import AssignmentTable, Pace, Page, persist
from realtime.postgres.connection import PostgresError

SEGMENTS = 4
"""Parts that are read at once, each with its own connection to PostgreSQL."""


class ClosableHistory(History, Protocol):
    def close(self) -> None: ...


@dataclass(slots=True)
class Segment:
    after: str | None = None
    is_done: bool = False


@dataclass(slots=True)
class Position:
    """What is done, in a file for the next run. It names users, so it is private, and removed at the end."""

    file: Path
    segments: list[Segment] = field(default_factory=lambda: [Segment() for _ in range(SEGMENTS)])
    rows: int = 0
    skipped: int = 0
    """Items that are not assignments of this service."""
    refused: Counter[str] = field(default_factory=Counter)
    first_refused: dict[str, str] = field(default_factory=dict)
    """By code, the assignment id of the first row that PostgreSQL refused."""
    lock: Lock = field(default_factory=Lock)

    @classmethod
    def load(cls, file: Path) -> "Position":
        if not file.exists():
            return cls(file)
        stored = json.loads(file.read_text())
        segments = [Segment(**segment) for segment in stored.pop("segments")]
        return cls(file, segments, refused=Counter(stored.pop("refused")), **stored)

    def save(self) -> None:
        fields = "rows", "skipped", "refused", "first_refused"
        segments = [asdict(segment) for segment in self.segments]
        partial_file = self.file.with_suffix(".new")
        partial_file.parent.mkdir(parents=True, exist_ok=True)
        partial_file.touch(0o600)
        partial_file.write_text(
            json.dumps({"segments": segments} | {name: getattr(self, name) for name in fields})
        )
        partial_file.replace(self.file)


def backfill(
    table: AssignmentTable,
    open_history: Callable[[], ClosableHistory],
    position: Position,
    pace: Pace,
    show_rows: Callable[[int], object],
) -> None:
    """Write what is missing in ``position``. Whatever ends it early, the next run goes on from there.

    Rows merge, so it does not matter that assignment_sync writes at the same time. ``show_rows`` is called
    with the number of rows that are done.
    """
    is_stopping = Event()
    write = partial(_write_segment, table, open_history, position, pace, is_stopping, show_rows)
    with ThreadPoolExecutor(len(position.segments)) as pool, _set_at_end(is_stopping):
        for outcome in [pool.submit(write, number) for number in range(len(position.segments))]:
            outcome.result()
    position.file.unlink(missing_ok=True)


@contextmanager
def _set_at_end(event: Event) -> Iterator[None]:
    try:
        yield
    finally:
        event.set()


def _write_segment(
    table: AssignmentTable,
    open_history: Callable[[], ClosableHistory],
    position: Position,
    pace: Pace,
    is_stopping: Event,
    show_rows: Callable[[int], object],
    number: int,
) -> None:
    segment, history = position.segments[number], open_history()
    try:
        while not segment.is_done and not is_stopping.is_set():
            page = persist(partial(table.scan, number, len(position.segments), segment.after))
            pace.wait(len(page.items))
            _write_page(history, page, position, segment)
            show_rows(position.rows)
    except BaseException:
        is_stopping.set()
        raise
    finally:
        history.close()


def _write_page(history: History, page: Page, position: Position, segment: Segment) -> None:
    rows = [row for item in page.items if (row := read_row(item))]
    try:
        refused = persist(partial(history.upsert, merge_rows(rows))) if rows else []
    except StorageUnavailable as error:
        raise PostgresError(f"PostgreSQL does not take the rows: {error}") from error
    with position.lock:
        segment.after, segment.is_done = page.last_id, page.last_id is None
        position.rows += len(page.items)
        position.skipped += len(page.items) - len(rows)
        position.refused.update(refused_row.code for refused_row in refused)
        for refused_row in refused:
            position.first_refused.setdefault(refused_row.code, refused_row.row.id)
        position.save()
