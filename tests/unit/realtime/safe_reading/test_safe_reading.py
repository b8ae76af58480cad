"""What every command that reads a user's file relies on."""

import gzip
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from realtime.backup.format import Backup, decode, encode
from realtime.backup.places import LocalFile
from realtime.commands.check_rules import run
from realtime.commands.quarantine_changes import Edit
from realtime.safe_reading.regular_files import STANDARD_INPUT, RefusedFile, open_regular, read_regular
from realtime.safe_reading.shown_text import escape_controls, format_count
from realtime.safe_reading.strict_json import parse_json
from realtime.safe_reading.unpacking import TooMuch, unpack_gzip
from realtime.user_data.people import list_people
from tests.support.limits import run_limited

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(JSON)
def test_ordinary_json_is_read_as_json_reads_it(value: object) -> None:
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value, indent=1, ensure_ascii=False)) == value


@given(st.dictionaries(st.text(), st.integers(), min_size=1, max_size=3), st.integers(0, 3))
def test_a_field_that_is_written_twice_is_found_at_any_level(fields: dict[str, object], levels: int) -> None:
    name = json.dumps(next(iter(fields)))
    text = json.dumps(fields)[:-1] + f",\n{name}: 1}}"
    for _ in range(levels):
        text = f'{{"a": [{text}]}}'
    with pytest.raises(ValueError, match=r"line 2: .* is written twice; keep one"):
        parse_json(text)


def test_a_file_may_not_be_larger_than_its_reader_takes(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 1_000_001)
    assert len(read_regular(tmp_path / "f", 1_000_001, "split it")) == 1_000_001
    with pytest.raises(RefusedFile, match="f: has over 1 MB; split it"):
        read_regular(tmp_path / "f", 1_000_000, "split it")
    with pytest.raises(RefusedFile, match="/proc/self/maps: has over 10 bytes; split it"):
        read_regular(Path("/proc/self/maps"), 10, "split it")  # whose size is said to be 0
    with pytest.raises(RefusedFile, match=": is a folder; name a file"):
        open_regular(tmp_path)


def test_every_reader_of_a_named_file_refuses_a_pipe_and_a_device(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "a pipe"), (Path("/dev/zero"), "a device")):
        for read in (
            LocalFile(path).read,
            lambda path=path: list_people([], [], path),
            lambda path=path: Edit(file=path).apply(b"{}"),
        ):
            with pytest.raises(RefusedFile, match=f"{path}: is {kind}; save what it gives as a file"):
                read()
        console = Console(record=True)
        assert run([path], console) == 1
        assert f"{path}: is {kind}; save what it gives as a file" in console.export_text().replace("\n", "")


def test_gzip_is_unpacked_up_to_a_limit() -> None:
    assert unpack_gzip(gzip.compress(b"ab"), 2) == b"ab"
    with pytest.raises(TooMuch, match="unpacks to over 1 MB; split it"):
        unpack_gzip(gzip.compress(b" " * 1_000_001), 1_000_000)


CODE = """
import sys
from pathlib import Path
from rich.console import Console
from realtime.backup.format import decode
from realtime.commands.check_rules import run
folder = Path(sys.argv[1])
for file in sorted(folder.glob("*.backup")):
    try:
        decode(file.read_bytes())
    except ValueError as error:
        print(file.name, error)
run(sorted(folder.glob("*.gz")), Console(width=200))
"""


def test_bombs_need_little_memory(tmp_path: Path) -> None:
    header = encode(Backup("local", "2026-01-01T00:00:00Z", ()))
    first = gzip.decompress(header).splitlines(keepends=True)[0]
    for name, content in {
        "lines": first + b"{}\n" * 300_000,
        "line": first + b" " * 70_000_000,
        "blank": b"\n" * 70_000_000,
    }.items():
        packed = gzip.compress(content, compresslevel=1)
        (tmp_path / f"{name}.backup").write_bytes(packed)
        if name != "lines":
            (tmp_path / f"{name}.gz").write_bytes(packed)
    lines = run_limited(CODE, tmp_path, megabytes=400).splitlines()
    assert lines[0].startswith("blank.backup line 1 is not JSON")
    assert lines[1] == "line.backup it unpacks to more than a backup has: this is no backup"
    assert lines[2] == "lines.backup the last line is missing: the file was cut off"
    for line in lines[3:-1]:
        assert line.endswith(".gz: cannot be read: unpacks to over 64 MB; split it")
    assert lines[-1] == "0 passed, 2 failed"


@pytest.mark.parametrize(
    "line", ['{"kind": "flag", "kind": "key"}', "[" * 100_000, '{"version": ' + "9" * 5_000]
)
def test_a_line_of_a_backup_may_not_lie(line: str) -> None:
    packed = encode(Backup("local", "2026-01-01T00:00:00Z", ()))
    first, end = gzip.decompress(packed).splitlines(keepends=True)
    for lines in ((line.encode() + b"\n", end), (first, line.encode() + b"\n")):
        with pytest.raises(ValueError, match=r"line \d is not JSON"):
            decode(gzip.compress(b"".join(lines)))


def test_text_of_a_file_cannot_steer_the_terminal() -> None:
    assert escape_controls("a\x1b[31m\u202e\ud800\n√") == "a\\x1b[31m\\u202e\\ud800\n√"


def test_standard_input_is_read_and_bounded_as_a_file_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def give(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    give(b"abc")
    assert read_regular(STANDARD_INPUT, 3, "split it") == b"abc"
    give(b"abcd")
    with pytest.raises(RefusedFile, match="-: has over 3 bytes; split it"):
        read_regular(STANDARD_INPUT, 3, "split it")


@pytest.mark.parametrize(("number", "text"), [(0, "0 flags"), (1, "1 flag"), (2000, "2,000 flags")])
def test_a_count_has_the_plural_that_it_needs(number: int, text: str) -> None:
    assert format_count(number, "flag") == text
