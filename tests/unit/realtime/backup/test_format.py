"""The file of a backup: what was written is read back, and nothing else is accepted."""

import gzip
import hashlib
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.keys import ApiKey
from realtime.backup.format import Backup, decode, describe, encode

ROW = DefinitionRow("flag", "f", '{"key":"f"}', "active", 1, "2027-01-15T08:00:00.000Z", "ada", "a note")
REMOVED = DefinitionRow("flag", "f", "", "removed", 2, "2027-01-16T08:00:00.000Z", "grace")
KEY = ApiKey(
    "ab" * 32,
    "web",
    ("flags", "events"),
    "2027-01-15T08:00:00Z",
    "2027-01-16T08:00:00Z",
    "2027-04-15T08:00:00Z",
)
BACKUP = Backup("prod", "2027-01-17T00:00:00Z", (ROW, REMOVED), (KEY,))

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ROWS = st.builds(
    DefinitionRow,
    st.sampled_from(["flag", "experiment", "segment"]),
    TEXTS.filter(bool),
    TEXTS,
    TEXTS,
    st.integers(1, 10**9),
    TEXTS,
    TEXTS,
    TEXTS,
)


def rewrite(*lines: Any, **header: Any) -> bytes:
    """A file with these lines after its header, and a last line that fits."""
    first = {"format": "realtime-backup", "format_version": 1, "version": 1, "has_keys": False} | header
    body = b"".join(json.dumps(line).encode() + b"\n" for line in (first, *lines))
    end = {"lines": len(lines) + 1, "sha256": hashlib.sha256(body).hexdigest()}
    return gzip.compress(body + json.dumps(end).encode() + b"\n")


def make_line(**fields: Any) -> dict[str, Any]:
    names = "kind", "key", "version", "status", "text", "published_at", "published_by", "published_note"
    return {name: getattr(ROW, name) for name in names} | fields


def test_everything_comes_back_in_the_order_of_versions() -> None:
    read = decode(encode(Backup("prod", BACKUP.created_at, (REMOVED, ROW), (KEY,))))
    assert read == BACKUP
    assert [row.published_by for row in read.versions] == ["ada", "grace"]
    assert read.versions[0].published_note == "a note"
    assert read.list_latest() == [REMOVED]


@given(st.lists(ROWS, unique_by=lambda row: (row.version, row.kind, row.key)), st.booleans())
def test_any_texts_come_back_as_they_were(rows: list[DefinitionRow], has_keys: bool) -> None:
    backup = Backup("dev", "", tuple(rows), (KEY,) if has_keys else None)
    read = decode(encode(backup))
    assert set(map(repr, read.versions)) == set(map(repr, rows))
    assert read.keys == backup.keys
    assert encode(read) == encode(backup)


@given(st.data())
def test_a_file_that_was_changed_or_cut_off_is_refused(data: st.DataObject) -> None:
    whole = encode(BACKUP)
    if data.draw(st.booleans()):
        damaged = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        place = data.draw(st.integers(10, len(whole) - 1))  # before it are fields that gzip ignores
        change = data.draw(st.integers(1, 255))
        damaged = whole[:place] + bytes([whole[place] ^ change]) + whole[place + 1 :]
    read = _read_or_tell(damaged)
    if isinstance(read, str):
        assert re.search(r"gzip|empty|JSON|checksum|last line|format", read)
    else:  # one of the bits that fill up the last byte of what is packed: they mean nothing
        assert gzip.decompress(damaged) == gzip.decompress(whole)
        assert read == decode(whole)


def _read_or_tell(file: bytes) -> Backup | str:
    """The backup, or why it is refused."""
    try:
        return decode(file)
    except ValueError as error:
        return str(error)


def test_lines_that_are_missing_are_noticed() -> None:
    lines = gzip.decompress(encode(BACKUP)).splitlines(keepends=True)
    for kept in (lines[:-1], [*lines[:1], *lines[2:]], [*lines[:-1], b'{"lines":3,"sha256":""}\n']):
        with pytest.raises(ValueError, match=r"cut off|checksum"):
            decode(gzip.compress(b"".join(kept)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"flags: []", "no whole gzip file"),
        (gzip.compress(b"{}\n"), "line 1 does not name the format"),
        (gzip.compress(b"[1]\n"), "line 1 is no JSON object"),
        (rewrite(format_version=2), "it has format 2, and this version of the program reads format 1"),
        (rewrite(make_line(version="1")), "line 2: version must be a whole number"),
        (rewrite(make_line(version=True)), "line 2: version must be a whole number"),
        (rewrite(make_line(text=None)), "line 2: text must be a text"),
        (rewrite(make_line(kind="layer")), "line 2: kind must be experiment, flag, segment or key"),
        (rewrite(make_line(version=0)), "line 2: version must be 1 or more"),
        (rewrite(make_line(), make_line()), "flag f has version 1 2 times"),
        (rewrite(make_line(), version=2), "version is 2, but the last one is 1"),
        (rewrite(make_line(), {"kind": "key", "id": "x"}), "line 3: a key has id, label"),
    ],
)
def test_a_file_that_is_no_backup_is_refused_by_what_is_wrong(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode(data)


def test_a_backup_is_described_in_a_line() -> None:
    assert describe(BACKUP) == "version 2 of prod: no definitions, with 2 versions in all, 1 API key"
    flags = Backup("dev", "", (ROW,))
    assert describe(flags) == "version 1 of dev: 1 flag, with 1 version in all"
