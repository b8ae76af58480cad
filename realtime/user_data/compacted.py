"""Parquet of the archive, and copies of it on this machine: both are made of what `bucket` searches.

So an object or a file that holds a user is deleted as a whole. `compact` makes the Parquet again, and the
next analysis copies again.
"""

import gzip
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from realtime.analysis.engines.parquet import read_lines
from realtime.analysis.model import ArchiveError
from realtime.user_data.lines import rewrite_line
from realtime.user_data.stores import Finding, Request

PARQUET = b"PAR1"
_one_at_a_time = Lock()
"""A file unpacked by DuckDB takes more memory than sixteen workers should take at once."""


def judge_parquet(request: Request, name: str, body: bytes) -> Finding:
    """``name`` is for the operator."""
    with _one_at_a_time, tempfile.TemporaryDirectory(prefix="realtime-") as folder:
        file = Path(folder) / "part.parquet"
        file.write_bytes(body)
        return _judge_file(request, name, file)


def _judge_file(request: Request, name: str, file: Path) -> Finding:
    try:
        return Finding(own=int(_hold_user(request, read_lines(file))))
    except ArchiveError:
        return Finding(unread=1, notes=[f"{name} cannot be read: delete it, `compact` makes it again"])


def _hold_user(request: Request, lines: Iterable[bytes]) -> bool:
    matcher = request.matcher
    return any(
        matcher.may_hold(line) and rewrite_line(line, matcher, request.action) != (line, False)
        for line in lines
    )


class ArchiveCopies:
    """A `UserStore`: what analyses have copied to this machine."""

    name = "copies of the archive"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def search(self, request: Request) -> Finding:
        finding = Finding()
        for _, found in self._find(request):
            finding.add(found)
        return finding

    def forget(self, request: Request) -> Finding:
        finding = Finding()
        for path, found in self._find(request):
            path.unlink()
            finding.add(found)
        return finding

    def export(self, request: Request) -> Mapping[str, Iterator[Mapping[str, Any]]]:
        """Nothing: the archive itself has it."""
        del request
        return {}

    def _find(self, request: Request) -> Iterator[tuple[Path, Finding]]:
        for path in sorted(self._folder.rglob("*")):
            found = self._judge(request, path)
            if found is not None and not found.is_clean:
                yield path, found

    def _judge(self, request: Request, path: Path) -> Finding | None:
        if path.suffix == ".parquet":
            return _judge_file(request, str(path), path)
        if path.suffix != ".gz":
            return None
        try:
            lines = gzip.decompress(path.read_bytes()).splitlines()
        except (OSError, EOFError, zlib.error):
            return Finding(own=1)  # a broken copy is none
        return Finding(own=int(_hold_user(request, lines)))
