"""`export-user`: hand out all that is kept of a user, as JSON Lines with a README."""

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

from rich.console import Console

from chalicelib.domain.timestamps import format_timestamp
from realtime.user_data.lines import Action
from realtime.user_data.matching import Matcher
from realtime.user_data.people import Person, map_ids
from realtime.user_data.stores import Request, UserStore

DESCRIPTIONS = {
    "assignments.jsonl": "Which variant of which experiment you have now, and since when.",
    "history.jsonl": "All variants you were ever assigned.",
    "events.jsonl": "What was recorded of your use: each line is an event as it was received. The field "
    "`realtime` says when it arrived and which experiments it counted for.",
    "quarantine.jsonl": "Records about you that could not be processed, with the reason (`code`, `message`).",
    "overrides.jsonl": "Variants that were set for you by hand, in the platform.",
    "definitions.jsonl": "Flags, experiments and segments that name you; `override` is your variant.",
    "definitions-history.jsonl": "The same in earlier versions of these definitions.",
    "proposals.jsonl": "The same in proposed changes of definitions.",
    "event-ids.jsonl": "Ids of your latest events, kept for a short time so that an event counts once.",
    "contexts.jsonl": "Recent decisions whose attributes name you, without your id.",
}
"""For the person who gets the export."""
README = """# Your data

This is what the experimentation service keeps about you, as of {now}. It belongs to these ids: {ids}.

Each file has one JSON object in a line. Times are in UTC; a number as a time is seconds since 1970.

{files}

Events of other people that mention you are not in it. What arrived in the last minutes may still be missing.
"""


def export_user(
    console: Console,
    stores: Sequence[UserStore],
    person: Person,
    out: Path | None,
    now: float,
) -> dict[str, int]:
    """Write what every store holds, and return the number of records by file. ``out`` None: only count.

    ``out`` is a folder that is empty or new, or a new file that ends in .zip. Raises ValueError.
    """
    request = Request([person], Matcher(list(map_ids([person]))), Action(None))
    if out is not None and out.exists() and (out.is_file() or any(out.iterdir())):
        raise ValueError(f"{out} exists already: name a new folder or a new .zip file")
    counts: dict[str, int] = {}
    with _open_sink(out) as open_file:
        for store in stores:
            for name, records in store.export(request).items():
                with open_file(name) as file:
                    counts[name] = 0
                    for record in records:
                        file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
                        counts[name] += 1
        with open_file("README.md") as file:
            file.write(_describe(person, counts, now).encode())
    for name, count in counts.items():
        console.print(f"{count:>9,}  {name}", highlight=False)
    return counts


def _describe(person: Person, counts: Mapping[str, int], now: float) -> str:
    files = "\n".join(f"* `{name}` ({count:,}): {DESCRIPTIONS[name]}" for name, count in counts.items())
    ids = ", ".join(person.ids)
    return README.format(now=format_timestamp(now, "seconds"), ids=ids, files=files)


@contextmanager
def _open_sink(out: Path | None) -> Iterator[Callable[[str], AbstractContextManager[IO[bytes]]]]:
    """Opens a file by its name, readable by nobody else."""
    if out is None:
        yield lambda _: io.BytesIO()
    elif out.suffix == ".zip":
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            yield lambda name: archive.open(name, "w")
    else:
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
        yield lambda name: (out / name).open("wb")
