"""CSV as people have it: any delimiter, Excel's first line, a header or names for one."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain

from realtime.event_files.options import ReadOptions
from realtime.event_files.rows import FileError, Row
from realtime.event_files.shapes import SHAPES
from realtime.event_files.text import MAX_LINE

DELIMITERS = ",;\t|"
MAX_CELL = 1024 * 1024
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}


class CsvTable:
    """A table that knows its delimiter and its columns. FileError if it has none."""

    def __init__(self, lines: Iterable[str], name: str, options: ReadOptions) -> None:
        lines = iter(lines)
        self._name = name
        self._null_texts = options.null_texts
        self._row_size = 0
        first, self._skipped, marked = _read_first_line(lines)
        if not first:
            raise FileError(f"{name}: is empty")
        self.delimiter = options.delimiter or marked or guess_delimiter(first, name)
        known = options.header or _know_columns(first)
        csv.field_size_limit(MAX_CELL)
        is_unquoted = known and not options.header
        self._reader = csv.reader(
            self._count(chain([first], lines)),
            delimiter=self.delimiter,
            quoting=csv.QUOTE_NONE if is_unquoted else csv.QUOTE_MINIMAL,
        )
        self.columns = list(known) or self._read_header()

    @property
    def delimiter_name(self) -> str:
        return NAMES.get(self.delimiter, repr(self.delimiter))

    def _read_header(self) -> list[str]:
        cells = self._next_cells() or []
        columns = [cell.strip() or f"column_{number}" for number, cell in enumerate(cells, 1)]
        if twice := [column for column, count in Counter(columns).items() if count > 1]:
            raise FileError(f"{self._name}: two columns are named {twice[0]}; rename one of them")
        return columns

    def read_rows(self) -> Iterator[Row]:
        number, width = 0, len(self.columns)
        while (cells := self._next_cells()) is not None:
            if not cells:
                continue
            number += 1
            place = f"row {number} (line {self._line})"
            if len(cells) > width and not any(cells[width:]):
                cells = cells[:width]
            if len(cells) != width:
                problem = f"has {len(cells)} cells, must have {width} cells, as the first line; "
                problem += "quote cells that contain the delimiter, or name it with --delimiter"
                yield Row(str(number), place, {}, problem)
                continue
            if self._null_texts:
                cells = ["" if cell in self._null_texts else cell for cell in cells]
            yield Row(str(number), place, dict(zip(self.columns, cells, strict=True)))

    @property
    def _line(self) -> int:
        return self._reader.line_num + self._skipped

    def _count(self, lines: Iterable[str]) -> Iterator[str]:
        """A row may go on over lines, by quotes, and without a limit it would fill the memory."""
        for line in lines:
            self._row_size += len(line)
            if self._row_size > MAX_LINE:
                message = f"line {self._line}: has a row of over {MAX_LINE:,} characters; close its quotes"
                raise FileError(f"{self._name}: {message}")
            yield line

    def _next_cells(self) -> list[str] | None:
        self._row_size = 0
        try:
            return next(self._reader, None)
        except csv.Error as error:
            raise FileError(f"{self._name}: cannot be read: line {self._line}: {error}") from None


def guess_delimiter(line: str, name: str = "") -> str:
    """The one that the first line has most of, outside of quotes; a tab, where the name says so."""
    unquoted = "".join(line.split('"')[::2])
    if name.lower().endswith((".tsv", ".tab")) and "\t" in unquoted:
        return "\t"
    return max(DELIMITERS, key=unquoted.count)


def _know_columns(first: str) -> tuple[str, ...]:
    """Of a shape whose files have no header."""
    width = first.count("\t") + 1
    fitting = (shape.columns for shape in SHAPES if len(shape.columns) == width > 1)
    return next((columns for columns in fitting if not first.startswith(columns[0] + "\t")), ())


def _read_first_line(lines: Iterator[str]) -> tuple[str, int, str]:
    """The first line with content, how many are before it, and the delimiter that Excel's `sep=;` names."""
    skipped, delimiter = 0, ""
    for line in lines:
        text = line.strip()
        if text[:4].lower() == "sep=" and len(line.rstrip("\r\n")) == 5:
            delimiter = line[4]
        elif text:
            return line, skipped, delimiter
        skipped += 1
    return "", skipped, delimiter
