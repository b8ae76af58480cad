"""Files of events that grow, loop or lie: each is refused by one line that names the file and the fix."""

import bz2
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from realtime.event_files.files import find_sources, hash_file
from realtime.event_files.options import ReadOptions
from realtime.event_files.reader import EventFile
from realtime.event_files.rows import EventRow, FileError
from tests.support.limits import run_limited
from tests.support.timing import assert_takes_less

LINE = b'{"event_type": "view", "user_id": "ada", "timestamp": "2026-11-22T10:00:00Z"}\n'
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}


def read(path: Path) -> list[EventRow]:
    return list(EventFile(path, path.name, hash_file(path)).read(ReadOptions()))


def write(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).write_bytes(data)
    return folder / name


def zip_up(**files: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return data.getvalue()


@pytest.mark.parametrize("suffix", PACKERS)
def test_what_is_packed_in_several_streams_is_read_as_a_whole(tmp_path: Path, suffix: str) -> None:
    pack = PACKERS[suffix]
    file = write(tmp_path, f"e.jsonl.{suffix}", pack(LINE * 2_000) + pack(LINE))
    assert len(read(file)) == 2_001


@pytest.mark.parametrize("suffix", PACKERS)
def test_what_is_cut_off_is_refused(tmp_path: Path, suffix: str) -> None:
    packed = PACKERS[suffix](b"".join(b"%d " % number + LINE for number in range(2_000)))
    with pytest.raises(FileError, match=f"e.jsonl.{suffix}: "):
        read(write(tmp_path, f"e.jsonl.{suffix}", packed[:-20]))


CODE = """
import sys
from pathlib import Path
from realtime.event_files.options import ReadOptions
from realtime.event_files.reader import EventFile
path = Path(sys.argv[1])
try:
    for row in EventFile(path, path.name, "hash").read(ReadOptions()):
        pass
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize("suffix", ["gz.gz"])
def test_a_bomb_is_refused_in_little_memory(tmp_path: Path, suffix: str) -> None:
    bomb = b'{"a": 1}\n' + (b" " * 999 + b"\n") * 33_000
    for name in suffix.split("."):
        bomb = zip_up(e_jsonl=bomb) if name == "zip" else PACKERS[name](bomb)
    answer = run_limited(CODE, write(tmp_path, f"e.jsonl.{suffix}", bomb), megabytes=500)
    assert answer.startswith(
        f"e.jsonl.{suffix}: cannot be read: unpacks to over 200 times its size; if that is right"
    )


def test_blanks_at_the_start_take_no_time(tmp_path: Path) -> None:
    file = write(tmp_path, "e.jsonl", b" " * 4_000_000 + LINE)
    assert_takes_less(lambda: read(file), 0.5)
    with pytest.raises(FileError, match="begins with over 4,194,304 blank characters; remove them"):
        read(write(tmp_path, "f.jsonl", b" " * 9_000_000 + LINE))


def test_xz_may_not_ask_for_gigabytes(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
    packed = bytearray(lzma.compress(LINE, lzma.FORMAT_XZ, filters=filters))
    position = packed.index(b"\x21\x01\x10", 12)  # the filter LZMA2, and the size of its dictionary
    packed[position + 2] = 40  # 4 GB less one byte
    header = packed[12 : 12 + (packed[12] + 1) * 4]
    packed[12 + len(header) - 4 : 12 + len(header)] = _crc32(header[:-4])
    with pytest.raises(FileError, match=r"e\.jsonl\.xz: cannot be read: Memory usage limit exceeded"):
        read(write(tmp_path, "e.jsonl.xz", bytes(packed)))


def _crc32(data: bytearray) -> bytes:
    import zlib

    return zlib.crc32(data).to_bytes(4, "little")


def test_packing_has_a_limit(tmp_path: Path) -> None:
    data = LINE
    for _ in range(3):
        data = gzip.compress(data)
    assert len(read(write(tmp_path, "e.gz", data))) == 1
    with pytest.raises(FileError, match="is packed more than 3 times; unpack it first"):
        read(write(tmp_path, "f.gz", gzip.compress(data)))


def test_an_archive_may_not_have_endless_files_or_a_method_without_limits(tmp_path: Path) -> None:
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(10_001):
            archive.writestr(f"{number}.jsonl", b"")
    with pytest.raises(FileError, match=r"has over 10,000 files in it; unpack it and replay the folder"):
        read(write(tmp_path, "e.zip", many.getvalue()))
    hungry = io.BytesIO()
    with zipfile.ZipFile(hungry, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("e.jsonl", LINE)
    with pytest.raises(FileError, match="packed by neither deflate nor bzip2; unpack it first"):
        read(write(tmp_path, "f.zip", hungry.getvalue()))


def test_a_row_of_csv_may_not_go_on_for_ever(tmp_path: Path) -> None:
    start = b'event_type,user_id,timestamp\n"'
    with pytest.raises(FileError, match=r"has a row of over 4,194,304 characters; close its quotes"):
        read(write(tmp_path, "e.csv", start + b'a\n","' * 1_000_000))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (b'{"a": 1, "a": 2}', "'a' is written twice; keep one"),
        (b'{"a": {"b": [{"c": 1, "\\u0063": 2}]}}', "'c' is written twice; keep one"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "has a number of over 1,000 digits; quote it, if it is text"),
        (b'{"a": 0.' + b"9" * 5_000 + b"}", "has a number of over 1,000 digits"),
        (b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}", "is nested too deeply"),
        (b'{"a": ' + b"[" * 100_000, "is nested too deeply"),
        (b'{"a": NaN}', "NaN is no number"),
    ],
)
def test_a_row_that_lies_is_named_and_spoils_no_other(tmp_path: Path, row: bytes, problem: str) -> None:
    first, second, third = read(write(tmp_path, "e.jsonl", LINE + row + b"\n" + LINE))
    assert first.event
    assert third.event
    assert second.place == "row 2"
    assert problem in second.problem


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jsonl")
    for name, kind in ((str(tmp_path / "pipe.jsonl"), "a pipe"), ("/dev/zero", "a device")):
        (source,) = find_sources(name)
        with pytest.raises(FileError, match=f"{name}: is {kind}; save what it gives as a file"):
            source.get_key()
        with pytest.raises(FileError, match=f"is {kind}; save what it gives as a file"):
            list(EventFile(Path(name), name, "hash").read(ReadOptions()))
    write(tmp_path, "e.jsonl", LINE)
    os.symlink(".", tmp_path / "loop")
    assert [source.name for source in find_sources(str(tmp_path))] == ["e.jsonl"]
