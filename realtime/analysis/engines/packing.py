"""Many small objects as few files: DuckDB takes a millisecond to open one, however small it is."""

import gzip
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from realtime.analysis.model import ArchiveError

Result = TypeVar("Result")

SMALL = 1 << 20
"""Bytes. A larger object is read where it is."""
PACK = 4 << 20
"""Bytes that a pack has at least, but for the last. DuckDB reads a gzipped file with one thread."""
_LINE_END = gzip.compress(b"\n", mtime=0)
"""After each object, whose last line may have no end. Members of gzip may follow each other in a file."""


def read_packed(files: Sequence[Path], folder: str, read: Callable[[Sequence[Path]], Result]) -> Result:
    """What ``read`` makes of gzipped ``files``; packs of the small ones lie in ``folder`` meanwhile.

    If the packs cannot be written or read, it reads the files, so that its ArchiveError names the one at
    fault.
    """
    with tempfile.TemporaryDirectory(dir=folder) as packs:
        try:
            return read([*_pack(files, Path(packs))])
        except (ArchiveError, OSError):
            return read(files)


def _pack(files: Iterable[Path], folder: Path) -> Iterator[Path]:
    pack: list[bytes] = []
    size = number = 0
    for file in files:
        if not 0 < file.stat().st_size < SMALL:  # an empty file is no gzip, which a pack would hide
            yield file
            continue
        pack += [file.read_bytes(), _LINE_END]
        size += len(pack[-2])
        if size >= PACK:
            yield _write(pack, folder / f"{number}.jsonl.gz")
            pack, size, number = [], 0, number + 1
    if pack:
        yield _write(pack, folder / f"{number}.jsonl.gz")


def _write(pack: Iterable[bytes], target: Path) -> Path:
    with target.open("wb") as file:
        file.writelines(pack)
    return target
