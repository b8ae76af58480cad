"""Open what a user names, if it is a regular file of a bounded size.

A named pipe would block, a device has no end, and a huge file would fill the memory.
"""

import io
import os
import stat
import sys
from pathlib import Path

MEGABYTE = 1_000_000
STANDARD_INPUT = Path("-")
"""A file of this name has to be given with its whole path."""
_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


class RefusedFile(ValueError):
    """``reason`` says what is wrong and what helps; the message names the file as well."""

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason


def open_regular(path: Path) -> io.BufferedReader:
    """Raises OSError, or RefusedFile for what is no regular file. A link to one is fine."""
    _check_kind(path, os.stat(path))
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb")
    try:
        _check_kind(path, os.fstat(file.fileno()))  # it may have been replaced in between
    except RefusedFile:
        file.close()
        raise
    return file


def read_regular(path: Path, max_bytes: int, remedy: str) -> bytes:
    """The whole content, of `STANDARD_INPUT` too. Raises OSError, or RefusedFile with the ``remedy``."""
    if path == STANDARD_INPUT:
        size, data = 0, sys.stdin.buffer.read(max_bytes + 1)
    else:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            data = b"" if size > max_bytes else file.read(max_bytes + 1)  # files of /proc have the size 0
    if max(size, len(data)) > max_bytes:
        limit = f"{max_bytes // MEGABYTE} MB" if max_bytes >= MEGABYTE else f"{max_bytes:,} bytes"
        raise RefusedFile(path, f"has over {limit}; {remedy}")
    return data


def _check_kind(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "something else")
        remedy = "name a file" if kind == "a folder" else "save what it gives as a file"
        raise RefusedFile(path, f"is {kind}; {remedy}")
