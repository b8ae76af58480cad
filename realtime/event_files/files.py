"""Find the files that a path, a folder or an `s3://` prefix names."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from realtime.event_files.objects import find_objects
from realtime.event_files.rows import FileError
from realtime.event_files.unpack import open_file

IGNORED = (".md", ".crc", ".py", ".sh", ".sql", ".yaml", ".yml", ".toml", ".html", ".pdf", ".png", ".jpg")
"""Suffixes of what lies beside exports, and is none."""


@dataclass(frozen=True)
class Source:
    """A file that may have to be fetched first. ``key`` names its content, without fetching it."""

    name: str
    folder: str
    get_key: Callable[[], str]
    open: Callable[[], AbstractContextManager[Path]]


def find_sources(target: str) -> Iterator[Source]:
    """In the order of their names. FileError if there are none."""
    if target.startswith("s3://"):
        for name, folder, key, fetch in find_objects(target):
            yield Source(name, folder, lambda key=key: key, fetch)  # type: ignore[misc]
        return
    path = Path(target)
    if not path.is_dir():
        yield _describe(path, path.name)
        return
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and not _is_ignored(file, path)]
    if not files:
        raise FileError(f"{target}: has no file of events in it")
    for file in files:
        yield _describe(file, str(file.relative_to(path)))


def hash_file(file: Path) -> str:
    """12 characters of the SHA-256 of its content."""
    with open_file(file) as content:
        return hashlib.file_digest(content, "sha256").hexdigest()[:12]


def _describe(file: Path, name: str) -> Source:
    @contextmanager
    def open_file() -> Iterator[Path]:
        yield file

    return Source(name, str(file.parent), lambda: hash_file(file), open_file)


def _is_ignored(file: Path, top: Path) -> bool:
    """Hidden files, what Spark and Hadoop leave (`_SUCCESS`), and what cannot be events."""
    parts = file.relative_to(top).parts
    return any(part.startswith((".", "_")) for part in parts) or file.suffix.lower() in IGNORED
