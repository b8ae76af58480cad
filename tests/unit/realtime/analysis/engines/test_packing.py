"""Packs of small objects are read as the objects are, and a broken one is named."""

import gzip
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from realtime.analysis.engines.columns import write_raw
from realtime.analysis.engines.duckdb_connection import MEMORY, connect, execute
from realtime.analysis.engines.packing import PACK, SMALL, read_packed
from realtime.analysis.model import ArchiveError


def write_line(number: int) -> bytes:
    return b'{"event_id": "%d", "event_type": "a", "realtime": {"place": "p%d"}}\n' % (number, number)


GOOD = {
    "two lines": gzip.compress(write_line(1) + write_line(2)),
    "no end of the last line": gzip.compress(write_line(3)[:-1]),
    "nothing": gzip.compress(b""),
    "two members": gzip.compress(write_line(4)) + gzip.compress(write_line(5)),
    "empty lines": gzip.compress(b"\n\n" + write_line(6) + b"\n"),
}
BROKEN = {
    "empty": b"",
    "no gzip": b"no gzip",
    "cut off": gzip.compress(write_line(7) * 50)[:-12],
    "bytes behind": GOOD["two lines"] + b"\x00",
    "half a member behind": GOOD["two lines"] + GOOD["two lines"][:12],
    "no JSON": gzip.compress(b'{"event_id": \n' + write_line(8)),
}


class Reader:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connection = connect(MEMORY, str(folder))
        self.read: list[int] = []

    def __call__(self, files: Sequence[Path]) -> list[Any]:
        self.read.append(len(files))
        rows = execute(self.connection, f"select event_id from ({write_raw(files)})")
        return sorted(row["event_id"] for row in rows)


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    folder = tmp_path / "spill"
    folder.mkdir()
    return Reader(folder)


def write_files(folder: Path, contents: Sequence[bytes]) -> list[Path]:
    files = [folder / f"{number:04}.jsonl.gz" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    return files


def test_hundreds_of_small_objects_are_one_file(reader: Reader, tmp_path: Path) -> None:
    files = write_files(tmp_path, [*GOOD.values()] * 100)
    assert read_packed(files, str(reader.folder), reader) == reader(files)
    assert reader.read == [1, 500]
    assert len(reader(files)) == 600
    assert list(reader.folder.iterdir()) == []


def test_large_objects_are_read_where_they_are_and_packs_end(reader: Reader, tmp_path: Path) -> None:
    noise = random.Random(1)
    padding = b'{"event_id": "0", "flag_key": "%s"}\n' % noise.randbytes(SMALL // 3).hex().encode()
    half = gzip.compress(padding)
    count = PACK // len(half) + 2
    large = half * 4
    files = write_files(tmp_path, [large, *[half] * count])
    assert SMALL / 4 < len(half) < SMALL < len(large)
    assert len(read_packed(files, str(reader.folder), reader)) == count + 4
    assert reader.read == [3]


@pytest.mark.parametrize("place", [0, 3, 6])
@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_object_is_named(reader: Reader, tmp_path: Path, content: bytes, place: int) -> None:
    contents = [GOOD["two lines"]] * 6
    contents.insert(place, content)
    files = write_files(tmp_path, contents)
    with pytest.raises(ArchiveError, match=f"{place:04}.jsonl.gz"):
        read_packed(files, str(reader.folder), reader)
    assert list(reader.folder.iterdir()) == []


def test_an_object_that_has_gone_meanwhile_is_named(reader: Reader, tmp_path: Path) -> None:
    first, gone = write_files(tmp_path, [GOOD["two lines"]] * 2)
    gone.unlink()
    with pytest.raises(ArchiveError, match=gone.name):
        read_packed([first, gone], str(reader.folder), reader)


def test_no_object_is_no_event(reader: Reader) -> None:
    assert read_packed([], str(reader.folder), reader) == []
