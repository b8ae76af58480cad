"""`replay`: send the events of a file, in order. An interrupted run resumes at its position."""

import os
import shutil
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from chalicelib.services.concurrency import batched
from realtime.event_files import Event, hash_file, read_events

BATCH_SIZE = 500
POSITIONS = Path(".realtime") / "replay"


def replay(
    console: Console,
    ingest: Callable[[dict[str, Any]], dict[str, Any]],
    file: Path,
    restart: bool,
    positions: Path = POSITIONS,
    keep: Callable[[Event], bool] = lambda _: True,
) -> int:
    """Send the events that ``keep`` selects, and return how many were refused.

    Prints how many were accepted, and how many were refused by code, with the first of each. Raises
    ValueError for a file that cannot be read.
    """
    file_hash = hash_file(file)
    position = positions / _quote_target() / f"{file_hash}-{os.environ.get('REALTIME_EVENT_STREAM', '')}"
    sent = 0 if restart or not position.exists() else int(position.read_text())
    total = sum(1 for _ in filter(keep, read_events(file, file_hash)))
    if sent:
        console.print(f"Resuming after {sent:,} of {total:,} events; --restart begins again.")
    accepted, refused = 0, Counter[str]()
    examples: dict[str, str] = {}
    with create_progress(console) as progress:
        task = progress.add_task(file.name, total=total, completed=sent)
        events = islice(filter(keep, read_events(file, file_hash)), sent, None)
        for batch in batched(events, BATCH_SIZE):
            answer = ingest({"events": batch})
            accepted += answer["accepted"]
            for item in answer["rejected"]:
                refused[item["code"]] += 1
                examples.setdefault(item["code"], f"event {sent + item['index'] + 1:,}: {item['message']}")
            sent += len(batch)
            _save_position(position, sent)
            progress.advance(task, len(batch))
    codes = "".join(f", {count:,} refused: {code}" for code, count in sorted(refused.items()))
    console.print(f"{accepted:,} events accepted{codes}.", highlight=False)
    for code, example in sorted(examples.items()):
        console.print(f"First {code}: {example}", highlight=False, markup=False, soft_wrap=True)
    return refused.total()


def delete_positions(positions: Path = POSITIONS) -> None:
    """Of every replay into the AWS that the environment names."""
    shutil.rmtree(positions / _quote_target(), ignore_errors=True)


def create_progress(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console)


def _quote_target() -> str:
    """The endpoint of AWS, as a folder's name."""
    return quote(os.environ.get("AWS_ENDPOINT_URL", "aws"), safe="")


def _save_position(position: Path, sent: int) -> None:
    position.parent.mkdir(parents=True, exist_ok=True)
    partial = position.with_suffix(".new")
    partial.write_text(str(sent))
    partial.replace(position)
