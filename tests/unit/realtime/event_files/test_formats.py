"""One table in every encoding, packing and format that people have is the same events."""

import bz2
import gzip
import json
import lzma
import re
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from backports import zstd

from realtime.event_files.options import ReadOptions, parse_options
from realtime.event_files.reader import EventFile
from realtime.event_files.rows import FileError

HEADER = ["user_id", "event_type", "timestamp", "value", "city"]
ROWS = [
    ["u1", "purchase", "2026-11-22T10:00:00Z", "12.5", "Köln"],
    ["u2", "purchase", "2026-11-22T11:00:00Z", "7", 'the "old"; town, Łódź'],
]


def read(path: Path, options: ReadOptions | None = None) -> list[dict[str, Any]]:
    """The events without their ids; a row that is no event fails the test."""
    rows = list(EventFile(path, path.name, "h").read(options or ReadOptions()))
    assert [row.problem for row in rows if row.problem] == []
    return [{**row.event, "event_id": ""} for row in rows if row.event]


def list_problems(path: Path, options: ReadOptions | None = None) -> list[str]:
    return [
        f"{row.place}: {row.problem}"
        for row in EventFile(path, path.name, "h").read(options or ReadOptions())
        if row.problem
    ]


def write_csv(delimiter: str = ",", end: str = "\n", rows: list[list[str]] = ROWS) -> str:
    def quote(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"' if set(cell) & {delimiter, '"', "\n"} else cell

    return "".join(delimiter.join(map(quote, row)) + end for row in [HEADER, *rows])


EXPECTED = [
    {
        "event_id": "",
        "user_id": user,
        "event_type": event_type,
        "timestamp": timestamp,
        "value": float(value),
        "properties": {"city": city},
    }
    for user, event_type, timestamp, value, city in ROWS
]
NATIVE = [{**event, "properties": {"city": event["properties"]["city"]}} for event in EXPECTED]  # type: ignore[index]
LINES = "".join(json.dumps(event) + "\n" for event in NATIVE)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_encodings_and_line_ends(tmp_path: Path, delimiter: str, encoding: str, end: str) -> None:
    file = tmp_path / "e.csv"
    file.write_bytes(write_csv(delimiter, end).encode(encoding))
    assert read(file) == EXPECTED


def test_the_name_may_say_that_tabs_divide_the_cells(tmp_path: Path) -> None:
    file = tmp_path / "e.tsv"
    file.write_text("user_id\tevent,type,timestamp\nu1\t2026-01-01\n")
    (row,) = EventFile(file, "e.tsv", "h").read(
        parse_options(maps=["timestamp=event,type,timestamp"], constants=["event_type=x"], null_texts=[])
    )
    assert row.event
    assert row.event["user_id"] == "u1"


def test_excel_names_its_delimiter_and_writes_decimal_commas(tmp_path: Path) -> None:
    file = tmp_path / "e.csv"
    rows = [[*row[:3], row[3].replace(".", ","), row[4]] for row in ROWS]
    file.write_text("sep=;\r\n" + write_csv(";", "\r\n", rows), encoding="utf-8-sig", newline="")
    assert read(file) == EXPECTED


def test_an_encoding_can_be_named(tmp_path: Path) -> None:
    file = tmp_path / "e.csv"
    file.write_bytes(write_csv(rows=ROWS[:1]).encode("cp1252"))
    with pytest.raises(FileError, match=re.escape("e.csv: cannot be read as utf-8; --encoding")):
        read(file)
    assert read(file, ReadOptions(encoding="cp1252")) == EXPECTED[:1]


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "zst": zstd.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("name", ["e.csv", "e.jsonl", "e.ndjson", "e.json"])
def test_packed_files_are_read_whatever_their_name(tmp_path: Path, suffix: str, name: str) -> None:
    content = PACKERS[suffix]((write_csv() if name == "e.csv" else LINES).encode())
    for file in (tmp_path / f"{name}.{suffix}", tmp_path / name):
        file.write_bytes(content)
        assert read(file) == EXPECTED


def test_a_zip_is_read_member_by_member_and_what_is_packed_twice_too(tmp_path: Path) -> None:
    file = tmp_path / "e.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("__MACOSX/._e.csv", b"\0")
        archive.writestr("day/1.csv", write_csv(rows=ROWS[:1]))
        archive.writestr("day/2.json.gz", gzip.compress(json.dumps(NATIVE[1:]).encode()))
    rows = list(EventFile(file, "e.zip", "h").read(ReadOptions()))
    assert [{**(row.event or {}), "event_id": ""} for row in rows] == EXPECTED
    assert [row.event and row.event["event_id"] for row in rows] == ["h-1-1", ""]
    packed = tmp_path / "e.zip.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert read(packed) == EXPECTED


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(NATIVE),
        json.dumps(NATIVE, indent=2),
        "\n\n".join(json.dumps(event, indent=1) for event in NATIVE),
        "".join(map(json.dumps, NATIVE)),
        json.dumps({"next": None, "results": NATIVE}),
        json.dumps({"results": NATIVE}, indent=2),
        "\ufeff" + LINES.replace("\n", "\r\n"),
    ],
)
def test_json_in_every_layout(tmp_path: Path, text: str) -> None:
    file = tmp_path / "events"
    file.write_text(text, encoding="utf-8", newline="")
    assert read(file) == EXPECTED


def test_parquet_with_its_types(tmp_path: Path) -> None:
    file = tmp_path / "e.parquet"
    table = duckdb.sql(
        "select 'u1' as user_id, 'purchase' as event_type, timestamptz '2026-11-22 12:00:00+02' as timestamp,"
        " 12.5::decimal(10, 2) as value, {'a': [1, null]} as nested, 9007199254740993 as big, null as gone"
    )
    assert table is not None
    table.write_parquet(str(file))
    expected = {
        "event_id": "",
        "user_id": "u1",
        "event_type": "purchase",
        "timestamp": "2026-11-22T10:00:00Z",
        "value": 12.5,
        "properties": {"nested": {"a": [1, None]}, "big": 9007199254740993},
    }
    assert read(file) == [expected]
    (tmp_path / "e[1]*.parquet").write_bytes(file.read_bytes())
    assert read(tmp_path / "e[1]*.parquet") == [expected]
    packed = tmp_path / "e.parquet.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    assert read(packed) == [expected]


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("e.xlsx", "xlsx", "is an Excel workbook; save it as CSV UTF-8"),
        ("e.avro", b"Obj\x01avro", "is Avro: export it as Parquet or JSON"),
        ("e.csv.gz", b"no gzip", "is named as gzip and is not; correct its name"),
        (
            "e.csv.gz",
            gzip.compress(write_csv().encode() * 99)[:-200],
            "e.csv: cannot be read|e.csv.gz: cannot",
        ),
        ("e.csv.bz2", bz2.compress(write_csv().encode())[:-9], "cannot be read"),
        ("e.csv.zst", zstd.compress(write_csv().encode())[:-4], "cannot be read"),
        ("e.parquet", b"PAR1 broken PAR1", "cannot be read"),
        ("e.zip", b"PK\x03\x04broken", "cannot be read"),
        ("e.tar", b"\0" * 257 + b"ustar", "is a tar archive; unpack it"),
        ("e.csv", b"a,b\n1,2\n", "no column is known as event_type and user_id and timestamp"),
        ("e.csv", b"user_id,user_id\n1,2\n", "two columns are named user_id"),
        ("e.csv", b'user_id,b\n"' + b"x" * 2_000_000, "line 2: field larger than field limit"),
        ("e.json", b'[{"event_type": "x"}', "the array ends after row 1 without a bracket"),
        ("e.json", b'[{"event_type": "x"}, {"event_type"', "row 2: not JSON"),
        ("e.json", b"[" * 100_000, "row 1: not JSON"),
    ],
)
def test_what_cannot_be_read_is_said_with_the_remedy(
    tmp_path: Path, name: str, content: bytes | str, hint: str
) -> None:
    file = tmp_path / name
    if isinstance(content, str):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("[Content_Types].xml", "<Types/>")
    else:
        file.write_bytes(content)
    with pytest.raises(FileError, match=hint):
        read(file)


@pytest.mark.parametrize(
    ("name", "text", "problems"),
    [
        ("e.csv", "event_type,user_id,timestamp\nx,u\n", "row 1 (line 2): has 2 cells, must have 3"),
        (
            "e.csv",
            'event_type,user_id,timestamp\nx,"a\nb",2026-01-01\n\nx,u,soon\n',
            "row 2 (line 5): column timestamp: text",
        ),
        (
            "e.csv",
            "event_type,user_id,timestamp,value\nx,u,2026-01-01,1_000\n",
            "row 1 (line 2): column value: text with an underscore",
        ),
        (
            "e.csv",
            "event_type,user_id,timestamp,value\nx,u,2026-01-01,NaN\n",
            "row 1 (line 2): column value: NaN is no number",
        ),
        (
            "e.csv",
            "event_type,visitor,timestamp\nx,,2026-01-01\n",
            "row 1 (line 2): column visitor: an empty value; every event needs a user_id",
        ),
        ("e.jsonl", "{}\n{\n", "row 2: not JSON"),
        ("e.jsonl", '{"a": [{"b": NaN}]}\n', "row 1: column a.0.b: NaN is no number"),
        ("e.jsonl", '{"value": -Infinity}\n', "row 1: column value: -Infinity is no number"),
        ("e.jsonl", "[1]", "row 1: an event must be a JSON object"),
        ("e.jsonl", '{"value": 1}\n{"value": 1_000}\n', "row 2: not JSON"),
    ],
)
def test_a_row_that_is_no_event_is_named_with_its_column_and_the_remedy(
    tmp_path: Path, name: str, text: str, problems: str
) -> None:
    file = tmp_path / name
    file.write_text(text)
    if name == "e.jsonl":
        options = parse_options(
            maps=[], constants=["event_type=x", "user_id=u", "timestamp=2026-01-01"], null_texts=[]
        )
    else:
        options = ReadOptions()
    (problem,) = list_problems(file, options)
    assert problem.startswith(problems)


def test_null_texts_are_no_values(tmp_path: Path) -> None:
    file = tmp_path / "e.csv"
    file.write_text("event_type,user_id,timestamp,value\nx,u,2026-01-01,NaN\nx,u,2026-01-01,NULL\n")
    events = read(file, ReadOptions(null_texts=frozenset({"NaN", "NULL"})))
    assert ["value" in event for event in events] == [False, False]


@pytest.mark.parametrize("name", ["e.csv", "e.jsonl", "e.json", "e.parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    rows = """(select 'u' || i as user_id, 'x' as event_type, '2026-01-01T00:00:00Z' as timestamp,
                repeat('x', 4000) as text from range(1500) r(i))"""
    form = {".csv": "csv", ".jsonl": "json", ".json": "json, array true", ".parquet": "parquet"}[file.suffix]
    duckdb.execute(f"copy {rows} to '{file}' (format {form})")
    tracemalloc.start()
    count = sum(1 for _ in EventFile(file, name, "h").read(ReadOptions()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 1_500
    assert peak < 3_000_000  # the rows have 6 MB
