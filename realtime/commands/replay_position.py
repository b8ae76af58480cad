"""How far a replay has come, in a file of JSON: an interrupted run resumes there."""

import hashlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from realtime.event_files.options import ReadOptions
from realtime.event_files.rows import FileError

POSITIONS = Path(".realtime") / "replay"
MAX_LISTED = 1_000
"""Refused rows of a file that are listed; more are only counted."""


@dataclass
class Position:
    """``rows`` are settled: sent, refused for good or passed over. ``also_sent`` are rows after them."""

    rows: int = 0
    also_sent: list[int] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    """{"row": its number in the file, "place", "code", "message"}; none holds a user's data."""
    refused_count: int = 0
    acknowledged: int = 0
    """How many of the refused rows `--skip-refused` has let go."""
    is_done: bool = False

    def refuse(self, row: int, place: str, code: str, message: str) -> None:
        self.refused_count += 1
        if len(self.refused) < MAX_LISTED:
            self.refused.append({"row": row, "place": place, "code": code, "message": message})

    @property
    def open_refusals(self) -> int:
        return self.refused_count - self.acknowledged


class PositionFile:
    """Of one file of events, replayed with one mapping into one stream."""

    def __init__(self, folder: Path, key: str, options: ReadOptions) -> None:
        stream = os.environ.get("REALTIME_EVENT_STREAM", "")
        self._path = folder / quote_target() / f"{key}-{stream}{_digest(options)}"

    def load(self) -> Position:
        """Versions before wrote only a number. FileError for what is no position."""
        if not self._path.exists():
            return Position()
        try:
            data = json.loads(self._path.read_text())
            return Position(rows=data) if isinstance(data, int) else Position(**data)
        except (ValueError, TypeError):
            raise FileError(f"{self._path}: is no position; --restart sends the file again") from None

    def save(self, position: Position) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_name(self._path.name + ".new")
        partial.write_text(json.dumps(asdict(position)))
        partial.replace(self._path)


def delete_positions(positions: Path = POSITIONS) -> None:
    """Of every replay into the AWS that the environment names."""
    shutil.rmtree(positions / quote_target(), ignore_errors=True)


def quote_target() -> str:
    """The endpoint of AWS, as a folder's name."""
    return quote(os.environ.get("AWS_ENDPOINT_URL", "aws"), safe="")


def _digest(options: ReadOptions) -> str:
    """With another mapping the same file is another replay."""
    if options == ReadOptions():
        return ""
    text = repr((sorted(options.null_texts), {**vars(options), "null_texts": ""}))
    return f"-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
