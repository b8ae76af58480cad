"""Bytes as text: UTF-8, UTF-16 as Excel writes it, or the encoding that the person names."""

import codecs
import io
from collections.abc import Iterator
from typing import TextIO

from realtime.event_files.rows import FileError

MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark begins it
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
MAX_LINE = 4 * 1024 * 1024
"""Characters. A longer line is no row of events, and would have to fit in memory."""


def decode(content: io.BufferedReader, encoding: str = "") -> TextIO:
    head = content.peek(200)[:200]
    return io.TextIOWrapper(content, encoding or guess_encoding(head), newline="")


def guess_encoding(head: bytes) -> str:
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return encoding
    if b"\0" in head:
        return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
    return "utf-8"


def read_lines(head: str, text: TextIO, name: str) -> Iterator[str]:
    """The lines of a text whose first characters were read already."""
    yield from io.StringIO(head + _read_line(text, name), newline="")
    while line := _read_line(text, name):
        yield line


def _read_line(text: TextIO, name: str) -> str:
    line = text.readline(MAX_LINE)
    if len(line) == MAX_LINE:
        raise FileError(f"{name}: has a line of over {MAX_LINE:,} characters; no event is as long")
    return line
