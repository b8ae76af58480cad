"""Read CSV and JSON Lines files, plain or gzipped, as events."""

import csv
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, TypeAlias

Event: TypeAlias = dict[str, Any]
CDNOW_COLUMNS = ["customer_id", "date", "cds", "dollars"]
FIELDS = ("event_id", "event_type", "user_id", "timestamp", "experiment_key", "flag_key")


def hash_file(file: Path) -> str:
    """12 characters of the SHA-256 of its content."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:12]


def read_events(file: Path, file_hash: str) -> Iterator[Event]:
    """The file's lines as events; ValueError names a line that cannot be read.

    Event ids are made of ``file_hash`` and the line, so that a line that is sent twice counts once, within
    the dedupe window. CSV columns that are no field of an event become ``properties``.
    """
    try:
        yield from _read_lines(file, file_hash)
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError, zlib.error, csv.Error) as error:
        raise ValueError(f"{file}: cannot be read: {error}") from None


def _read_lines(file: Path, file_hash: str) -> Iterator[Event]:
    with _open(file) as text:
        if ".jsonl" in file.suffixes:
            for number, line in enumerate(text, 1):
                if line.strip():
                    yield {"event_id": f"{file_hash}-{number}", **_parse_json_line(file, number, line)}
            return
        reader = csv.DictReader(text)
        columns = list(reader.fieldnames or [])
        convert = _convert_purchase if columns == CDNOW_COLUMNS else _convert_row
        if convert is _convert_row and not {"event_type", "user_id"} <= set(columns):
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
            yield {"event_id": f"{file_hash}-{number}", **event}


def _convert_purchase(row: dict[str, str]) -> Event:
    """A line of the CDNOW data: one order of a customer, at midnight UTC of its day."""
    return {
        "event_type": "purchase",
        "user_id": row["customer_id"],
        "timestamp": f"{row['date']}T00:00:00Z",
        "value": float(row["dollars"]),
        "properties": {"cds": int(row["cds"])},
    }


def _convert_row(row: dict[str, str]) -> Event:
    event: Event = {name: row[name] for name in FIELDS if row.get(name)}
    if row.get("value"):
        event["value"] = float(row["value"])
    properties = {name: text for name, text in row.items() if name not in (*FIELDS, "value") and text}
    return event | ({"properties": properties} if properties else {})


def _parse_json_line(file: Path, number: int, line: str) -> Event:
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
