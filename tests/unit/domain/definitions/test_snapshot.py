"""A snapshot is read back as it was, and nothing else is accepted."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.definitions.snapshot import (
    Pointer,
    Snapshot,
    compute_sha256,
    decode_pointer,
    decode_snapshot,
    encode_pointer,
    encode_snapshot,
)

KINDS = st.sampled_from(["experiment", "flag", "segment"])
ROWS = st.builds(
    DefinitionRow, KINDS, st.text(max_size=9), st.text(max_size=40), st.text(max_size=9), st.integers(1, 9)
)


def make_snapshot(*rows: DefinitionRow, version: int = 7) -> Snapshot:
    return Snapshot(version, {(row.kind, row.key): row for row in rows})


def point_at(data: bytes, version: int = 7) -> Pointer:
    return Pointer(version, compute_sha256(data), len(data), "2026-11-26T20:00:00Z")


ROW = DefinitionRow("flag", "on", '{"key": "on"}', "active", 7)


@given(st.lists(ROWS, max_size=3))
@settings(max_examples=30)
def test_it_is_read_back_as_it_was(rows: list[DefinitionRow]) -> None:
    snapshot = make_snapshot(*rows)
    data = encode_snapshot(snapshot)
    assert decode_snapshot(data, point_at(data)) == snapshot


def test_the_same_definitions_have_the_same_name_in_any_order() -> None:
    other = replace(ROW, key="other")
    assert encode_snapshot(make_snapshot(ROW, other)) == encode_snapshot(make_snapshot(other, ROW))
    assert encode_snapshot(make_snapshot(ROW)) != encode_snapshot(make_snapshot(other))


def test_one_that_was_changed_or_is_another_is_refused() -> None:
    data = encode_snapshot(make_snapshot(ROW))
    with pytest.raises(ValueError, match="another SHA-256"):
        decode_snapshot(data[:-1] + b"?", point_at(data))
    with pytest.raises(ValueError, match="another SHA-256"):
        decode_snapshot(encode_snapshot(make_snapshot()), point_at(data))
    with pytest.raises(ValueError, match="another format or version"):
        decode_snapshot(data, point_at(data, version=8))


def test_a_definition_of_an_unknown_kind_is_refused() -> None:
    data = encode_snapshot(make_snapshot(replace(ROW, kind="toggle")))  # type: ignore[arg-type] # on purpose
    with pytest.raises(ValueError, match="unknown kind 'toggle'"):
        decode_snapshot(data, point_at(data))


def test_a_pointer_is_read_back_and_nothing_else_is_one() -> None:
    pointer = point_at(b"x")
    assert decode_pointer(encode_pointer(pointer)) == pointer
    for data in (
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"format": "x"}',
        b'{"format": "realtime-snapshot-1"}',
        b"\xff",
    ):
        with pytest.raises(ValueError, match=r"pointer|Expecting|decode"):
            decode_pointer(data)
