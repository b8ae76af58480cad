"""Sends the events of a file, in its order, with a position from which an interrupted run goes on."""

import csv
import gzip
import hashlib
import json
import os
import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TextIO, TypeAlias
from urllib.parse import quote

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from chalicelib.services.concurrency import batched

Event: TypeAlias = dict[str, Any]
BATCH = 500
POSITIONS = Path(".realtime") / "replay"
CDNOW = ["customer_id", "date", "cds", "dollars"]
FIELDS = ("event_id", "event_type", "user_id", "timestamp", "experiment_key", "flag_key")


class Plane(Protocol):
    def ingest(self, body: dict[str, Any]) -> dict[str, Any]: ...


def replay(
    console: Console,
    plane: Plane,
    file: Path,
    restart: bool,
    positions: Path = POSITIONS,
    keep: Callable[[Event], bool] = lambda _: True,
) -> int:
    """Prints what was accepted and what was refused, by code with the first that had it; ValueError for a
    file of another form.

    Returns how many were refused. ``keep`` selects events; the rest is passed over.

    Event ids are made from the file's content and line, so that sending a line twice counts it once
    (within the dedupe window).
    """
    digest = _digest(file)
    position = positions / _target() / f"{digest}-{os.environ.get('REALTIME_EVENT_STREAM', '')}"
    done = 0 if restart or not position.exists() else int(position.read_text())
    total = sum(1 for _ in filter(keep, events(file, digest)))
    if done:
        console.print(f"Resuming after {done:,} of {total:,} events; --restart begins again.")
    accepted, refused = 0, Counter[str]()
    first: dict[str, str] = {}
    with progress(console) as bar:
        task = bar.add_task(file.name, total=total, completed=done)
        for batch in batched(islice(filter(keep, events(file, digest)), done, None), BATCH):
            answer = plane.ingest({"events": batch})
            accepted += answer["accepted"]
            for item in answer["rejected"]:
                refused[item["code"]] += 1
                first.setdefault(item["code"], f"event {done + item['index'] + 1:,}: {item['message']}")
            done += len(batch)
            _save(position, done)
            bar.advance(task, len(batch))
    codes = "".join(f", {count:,} refused: {code}" for code, count in sorted(refused.items()))
    console.print(f"{accepted:,} events accepted{codes}.", highlight=False)
    for code, told in sorted(first.items()):
        console.print(f"First {code}: {told}", highlight=False, markup=False, soft_wrap=True)
    return refused.total()


def forget(positions: Path = POSITIONS) -> None:
    """Every position in the AWS that the environment names, which is empty again."""
    shutil.rmtree(positions / _target(), ignore_errors=True)


def events(file: Path, digest: str) -> Iterator[Event]:
    """The file's lines as events; CSV columns beyond an event's own become ``properties``."""
    try:
        yield from _events(file, digest)
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error, csv.Error) as error:
        raise ValueError(f"{file}: cannot be read: {error}") from None


def _events(file: Path, digest: str) -> Iterator[Event]:
    with _open(file) as text:
        if ".jsonl" in file.suffixes:
            for number, line in enumerate(text, 1):
                if line.strip():
                    yield {"event_id": f"{digest}-{number}", **_json_line(file, number, line)}
            return
        reader = csv.DictReader(text)
        columns = list(reader.fieldnames or [])
        convert = purchase if columns == CDNOW else _row
        if convert is _row and not {"event_type", "user_id"} <= set(columns):
            raise ValueError(f"{file}: the first line must name the columns event_type and user_id")
        for number, row in enumerate(reader, 1):
            if None in row or None in row.values():
                raise ValueError(
                    f"{file}:{reader.line_num}: must have {len(columns)} cells, as the first line"
                )
            try:
                event = convert(row)
            except ValueError as error:
                raise ValueError(f"{file}:{reader.line_num}: {error}") from None
            yield {"event_id": f"{digest}-{number}", **event}


def purchase(row: dict[str, str]) -> Event:
    """A line of the CDNOW data: one order of a customer, at midnight UTC of its day."""
    return {
        "event_type": "purchase",
        "user_id": row["customer_id"],
        "timestamp": f"{row['date']}T00:00:00Z",
        "value": float(row["dollars"]),
        "properties": {"cds": int(row["cds"])},
    }


def progress(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console)


def _row(row: dict[str, str]) -> Event:
    event: Event = {name: row[name] for name in FIELDS if row.get(name)}
    if row.get("value"):
        event["value"] = float(row["value"])
    others = {name: text for name, text in row.items() if name not in (*FIELDS, "value") and text}
    return event | ({"properties": others} if others else {})


def _json_line(file: Path, number: int, line: str) -> Event:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file}:{number}: not JSON: {error}") from None
    if not isinstance(event, dict):
        raise ValueError(f"{file}:{number}: an event must be a JSON object")  # noqa: TRY004 - of the file
    return event


def _open(file: Path) -> TextIO:
    if file.suffix == ".gz":
        return gzip.open(file, "rt", encoding="utf-8", newline="")
    return file.open(encoding="utf-8", newline="")


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:12]


def _target() -> str:
    return quote(os.environ.get("AWS_ENDPOINT_URL", "aws"), safe="")


def _save(position: Path, done: int) -> None:
    position.parent.mkdir(parents=True, exist_ok=True)
    partial = position.with_suffix(".new")
    partial.write_text(str(done))
    partial.replace(position)
