"""Read the events of one file: unpack it, tell its format, guess its mapping, convert its rows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

from realtime.event_files.csv_rows import CsvTable
from realtime.event_files.guess import SAMPLE, choose_mapping
from realtime.event_files.json_rows import JsonDecoder, read_json
from realtime.event_files.mapping import EventMapping, find_value
from realtime.event_files.options import ReadOptions
from realtime.event_files.parquet_rows import read_parquet
from realtime.event_files.rows import Data, Event, EventRow, FileError, Row, get_column, list_columns
from realtime.event_files.text import MAX_LINE, decode, read_lines
from realtime.event_files.unpack import Part, refuse_unreadable, unpack

HEAD = 4096
JSON_SUFFIXES = (".json", ".jsonl", ".ndjson", ".geojsonl")
CSV_SUFFIXES = (".csv", ".tsv", ".tab")


@dataclass(frozen=True)
class Table:
    """``columns`` is empty for JSON, whose rows name their own."""

    kind: str
    rows: Iterator[Row]
    columns: list[str]
    delimiter: str = ""


class UniqueRows:
    """Tells a row that was read before, in this file or another of its folder, or of the folder before.

    A retry archives an event again into the same hour, so memory stays bounded over any number of hours.
    """

    def __init__(self) -> None:
        self._folders: dict[str, dict[int, int]] = {}

    def is_first(self, folder: str, place: str, value: object) -> bool:
        if folder not in self._folders:
            self._folders[folder] = {}
            while len(self._folders) > 2:
                self._folders.pop(next(iter(self._folders)))
        key, mark = hash(value), hash(place)
        if any(places.get(key, mark) != mark for places in self._folders.values()):
            return False
        self._folders[folder][key] = mark
        return True


@dataclass(frozen=True)
class EventFile:
    """``file_hash`` begins the ids of rows that have none, so that a row that is sent twice counts once."""

    path: Path
    name: str
    file_hash: str
    folder: str = ""

    def read(
        self,
        options: ReadOptions,
        unique: UniqueRows | None = None,
        on_table: Callable[[str, str, EventMapping], object] = lambda _name, _kind, _mapping: None,
    ) -> Iterator[EventRow]:
        """Every row in the order of the file. FileError names a file that is nothing that can be read."""
        unique = unique or UniqueRows()
        with refuse_unreadable(self.name):
            for part in unpack(self.path, self.name):
                table = open_table(part, options)
                sample = list(islice(table.rows, SAMPLE))
                rows = [row.data for row in sample if not row.problem]
                if not sample:
                    continue
                columns = table.columns or list_columns(rows)
                mapping = self._choose_mapping(part, rows, columns, table, options)
                on_table(part.name, table.kind, mapping)
                for row in chain(sample, table.rows):
                    yield self._convert(row, part, mapping, unique)

    def _choose_mapping(
        self, part: Part, rows: list[Data], columns: list[str], table: Table, options: ReadOptions
    ) -> EventMapping:
        is_table = not table.kind.startswith("JSON")
        if not rows and not is_table:
            rows, columns = [{"event_type": "", "user_id": "", "timestamp": ""}], ["event_type"]
        try:
            return choose_mapping(rows, columns, options, is_table=is_table, delimiter=table.delimiter)
        except FileError as error:
            raise FileError(f"{part.name}: {error}") from None

    def _convert(self, row: Row, part: Part, mapping: EventMapping, unique: UniqueRows) -> EventRow:
        place = f"{part.name.rpartition('/')[2]}, {row.place}" if part.number else row.place
        if row.problem:
            return EventRow(place, None, row.problem)
        shape = mapping.shape
        if shape.skipped_if and get_column(row.data, shape.skipped_if) is True:
            return EventRow(place, None)
        if shape.unique:
            _, value = find_value(row.data, (shape.unique,))
            if not unique.is_first(self.folder, f"{self.file_hash} {place}", value):
                return EventRow(place, None)
        try:
            event = mapping.build_event(row.data)
        except ValueError as error:
            return EventRow(place, None, str(error))
        return EventRow(place, self._identify(event, row, part))

    def _identify(self, event: Event, row: Row, part: Part) -> Event:
        if event.get("event_id") is not None:
            return event
        member = f"{part.number}-" if part.number else ""
        event_id = f"{self.file_hash}-{member}{row.number}"
        event.pop("event_id", None)
        return {"event_id": event_id, **event}


def open_table(part: Part, options: ReadOptions) -> Table:
    decoder = JsonDecoder(options.null_texts)
    if part.path is not None:
        return Table("Parquet", read_parquet(part.path, part.name, decoder, part.allowance), [])
    text = decode(part.content, options.encoding)
    head = _read_head(text, part.name)
    if _is_json(head, part.name):
        return Table("JSON", read_json(head, text, part.name, decoder), [])
    if not head.strip():
        return Table("an empty file", iter(()), [])
    table = CsvTable(read_lines(head, text, part.name), part.name, options)
    return Table(f"CSV, {table.delimiter_name}", table.read_rows(), table.columns, table.delimiter)


def _read_head(text: TextIO, name: str) -> str:
    """Enough to tell the format; twice as much each time, so that blanks take no time either."""
    head = text.read(HEAD)
    while head and head.isspace() and (more := text.read(len(head))):
        head += more
        if len(head) > MAX_LINE:
            raise FileError(f"{name}: begins with over {MAX_LINE:,} blank characters; remove them")
    return head


def _is_json(head: str, name: str) -> bool:
    suffix = Path(name).suffix.lower()
    if suffix in JSON_SUFFIXES:
        return True
    return suffix not in CSV_SUFFIXES and head.lstrip()[:1] in ("{", "[")
