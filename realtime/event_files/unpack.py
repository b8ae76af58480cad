"""Open a file whatever it is packed in. What it is, its first bytes say; never its name alone."""

import bz2
import gzip
import io
import lzma
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from realtime.event_files.rows import FileError
from realtime.safe_reading.regular_files import RefusedFile, open_regular
from realtime.safe_reading.unpacking import Allowance, Counted, TooMuch, Unpacked


class Part(NamedTuple):
    """One table in a file. ``number`` is 0 unless an archive has several; a Parquet file has a path."""

    name: str
    number: int
    content: io.BufferedReader
    allowance: Allowance
    path: Path | None = None


def _open_zstd(content: Any) -> Any:
    from backports import zstd

    return zstd.ZstdFile(content)


def _open_xz(content: Any) -> Any:
    """`lzma.LZMAFile` has no limit of memory, and a file of a few bytes may ask for 4 GB."""
    return Unpacked(content, partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, MAX_XZ_MEMORY))


PACKED: dict[bytes, tuple[str, tuple[str, ...], Callable[[Any], Any]]] = {
    b"\x1f\x8b": ("gzip", (".gz", ".gzip"), lambda content: gzip.GzipFile(fileobj=content)),
    b"BZh": ("bzip2", (".bz2",), bz2.BZ2File),
    b"\x28\xb5\x2f\xfd": ("zstd", (".zst", ".zstd"), _open_zstd),
    b"\xfd7zXZ\x00": ("xz", (".xz",), _open_xz),
}
"""First bytes → what it is, the ends of its name, how it is opened."""
REFUSED = {
    b"Obj\x01": "Avro: export it as Parquet or JSON",
    b"ORC": "ORC: export it as Parquet or JSON",
    b"SQLite format 3": "SQLite: export the table as CSV",
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save it as CSV UTF-8",
    b"7z\xbc\xaf": "a 7z archive: unpack it first",
    b"Rar!": "a RAR archive: unpack it first",
}
MAX_XZ_MEMORY = 256 * 1024 * 1024
MAX_LEVELS = 3
"""Such as gzip in a zip in a gzip."""
MAX_MEMBERS = 10_000
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2})
"""LZMA in a zip has no limit of memory."""
PARQUET, ZIP = b"PAR1", b"PK\x03\x04"
IS_TAR = (257, b"ustar")
UNREADABLE = (UnicodeError, gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


def unpack(path: Path, name: str) -> Iterator[Part]:
    """Each table of a file, open until the next is asked for. FileError if it is nothing that can be read."""
    with open_file(path) as content:
        allowance = Allowance(os.fstat(content.fileno()).st_size)
        yield from _unpack(content, Packed(name, 0, allowance), path)


def open_file(path: Path) -> io.BufferedReader:
    """FileError for a pipe or a device, which is read twice and never ends."""
    try:
        return open_regular(path)
    except RefusedFile as error:
        raise FileError(str(error)) from None


class Packed(NamedTuple):
    """``number`` as of `Part`; ``levels``: how many times it is packed."""

    name: str
    number: int
    allowance: Allowance
    levels: int = 0

    def open_inner(self, name: str, number: int) -> "Packed":
        if self.levels == MAX_LEVELS:
            raise FileError(f"{self.name}: is packed more than {MAX_LEVELS} times; unpack it first")
        return self._replace(name=name, number=number, levels=self.levels + 1)


@contextmanager
def refuse_unreadable(name: str) -> Iterator[None]:
    """FileError instead of what the libraries raise for a damaged file."""
    from backports.zstd import ZstdError

    try:
        yield
    except UnicodeError as error:
        hint = "--encoding names another, such as cp1252"
        encoding = getattr(error, "encoding", "UTF-8")
        raise FileError(f"{name}: cannot be read as {encoding}; {hint}") from None
    except (*UNREADABLE, TooMuch, ZstdError) as error:
        raise FileError(f"{name}: cannot be read: {error}") from None
    except OSError as error:
        if error.errno is None:  # bz2 says so that the content is damaged
            raise FileError(f"{name}: cannot be read: {error}") from None
        raise


def _unpack(content: Any, packed: Packed, path: Path | None) -> Iterator[Part]:
    name, number = packed.name, packed.number
    if path is None:
        content = Counted(content, packed.allowance)
    buffered = content if isinstance(content, io.BufferedReader) else io.BufferedReader(content, 1 << 16)
    head = buffered.peek(300)[:300]
    for start, (_, _, open_packed) in PACKED.items():
        if head.startswith(start):
            inner = packed.open_inner(_strip_suffix(name), number)
            yield from _unpack(open_packed(buffered), inner, None)
            return
    _refuse(head, name)
    if head.startswith(ZIP):
        with _as_file(buffered, path) as file:
            yield from _unpack_zip(file, packed)
    elif head.startswith(PARQUET):
        with _as_file(buffered, path) as file:
            yield Part(name, number, buffered, packed.allowance, file)
    else:
        yield Part(name, number, buffered, packed.allowance)


def _unpack_zip(file: Path, packed: Packed) -> Iterator[Part]:
    name = packed.name
    with zipfile.ZipFile(file) as archive:
        members = [info for info in archive.infolist() if not info.is_dir() and not _is_hidden(info.filename)]
        if any(info.filename == "[Content_Types].xml" for info in members):
            raise FileError(f"{name}: is an Excel workbook; save it as CSV UTF-8 in Excel, and replay that")
        if not members:
            raise FileError(f"{name}: has no file in it")
        if len(members) > MAX_MEMBERS:
            raise FileError(f"{name}: has over {MAX_MEMBERS:,} files in it; unpack it and replay the folder")
        if any(info.compress_type not in METHODS for info in members):
            raise FileError(f"{name}: has a file packed by neither deflate nor bzip2; unpack it first")
        for number, info in enumerate(members, 1):
            try:
                content = archive.open(info)
            except (RuntimeError, NotImplementedError) as error:
                raise FileError(f"{name}: {info.filename} cannot be unpacked: {error}") from None
            with content:
                member = f"{name}/{info.filename}"
                inner = packed.open_inner(member, number if len(members) > 1 else 0)
                yield from _unpack(content, inner, None)


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


def _refuse(head: bytes, name: str) -> None:
    for start, what in REFUSED.items():
        if head.startswith(start):
            raise FileError(f"{name}: is {what}")
    place, mark = IS_TAR
    if head[place:].startswith(mark):
        raise FileError(f"{name}: is a tar archive; unpack it and replay the folder")
    for what, suffixes, _ in PACKED.values():
        if name.lower().endswith(suffixes):
            raise FileError(f"{name}: cannot be read: it is named as {what} and is not; correct its name")
    if name.lower().endswith((".zip", ".parquet")) and not head.startswith((ZIP, PARQUET)):
        raise FileError(f"{name}: cannot be read: its name does not fit its content; correct its name")


def _strip_suffix(name: str) -> str:
    suffixes = tuple(suffix for _, ends, _ in PACKED.values() for suffix in ends)
    return name.rsplit(".", 1)[0] if name.lower().endswith(suffixes) else name


@contextmanager
def _as_file(content: Any, path: Path | None) -> Iterator[Path]:
    """Zip and Parquet are read from their end, so what is packed once more is unpacked to the disk first."""
    if path is not None:
        yield path
        return
    with tempfile.NamedTemporaryFile() as file:
        shutil.copyfileobj(content, file)
        file.flush()
        yield Path(file.name)
