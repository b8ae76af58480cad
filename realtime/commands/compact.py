"""`compact`: Parquet of whole days beside the raw archive, which `analyze` reads faster."""

import json
import time
from datetime import date

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from realtime.analysis.archive.compaction import (
    CompactableArchive,
    CompactedDay,
    compact,
    find_days,
    find_last_day,
)
from realtime.analysis.archive.files import Days
from realtime.analysis.engines.parquet import write_parquet


def run_compact(
    console: Console,
    archive: CompactableArchive,
    *,
    max_age: float,
    since: date | None = None,
    until: date | None = None,
    dry_run: bool = False,
    as_json: bool = False,
) -> int:
    """Days from ``since`` to ``until``, both included. The exit status: 1 if a day was not finished.

    Raises ArchiveError.
    """
    last = find_last_day(time.time(), max_age)
    days = Days(since, last if until is None else min(until, last))
    found = find_days(archive, days)
    if dry_run:
        _show_plan(console, archive.name, [(each.day, len(each.raw)) for each in found], as_json=as_json)
        return 0
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=None)
        done = list(
            compact(archive, found, write_parquet, lambda text: progress.update(task, description=text))
        )
    if as_json:
        fields = [each._asdict() | {"day": each.day.isoformat()} for each in done]
        print(json.dumps({"archive": archive.name, "days": fields}))
    else:
        _show(console, archive.name, done, days.last or last)
    return int(not all(each.is_written for each in done))


def _show_plan(console: Console, name: str, days: list[tuple[date, int]], *, as_json: bool) -> None:
    if as_json:
        fields = [{"day": day.isoformat(), "objects": objects} for day, objects in days]
        print(json.dumps({"archive": name, "days": fields}))
        return
    for day, objects in days:
        console.print(f"{day}  {objects:,} objects", highlight=False)
    console.print(f"{len(days)} days of {name} would be compacted.", highlight=False, markup=False)


def _show(console: Console, name: str, done: list[CompactedDay], last: date) -> None:
    written = [each for each in done if each.is_written]
    for each in done:
        if not each.is_written:
            console.print(
                f"! {each.day} has changed meanwhile: run the command again.", highlight=False, markup=False
            )
    if not done:
        console.print(f"Nothing to do: all days of {name} to {last} are compacted.", markup=False)
        return
    lines, raw, parquet = (
        sum(getattr(each, field) for each in written) for field in ("lines", "raw_bytes", "parquet_bytes")
    )
    console.print(
        f"{len(written)} days of {name}: {lines:,} events, {raw / 1e6:,.1f} MB of raw objects,"
        f" {parquet / 1e6:,.1f} MB of Parquet. The raw objects stay.",
        highlight=False,
        markup=False,
    )
