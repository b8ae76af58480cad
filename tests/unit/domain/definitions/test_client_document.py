"""The document of `GET /definitions`: what is written is read again, whatever has rewritten it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.definitions.client_document import (
    FORMAT,
    ClientDocument,
    decode_document,
    encode_definitions,
    encode_document,
)
from chalicelib.domain.definitions.model import DefinitionRow

keys = st.text("ABCabc019._-", min_size=1, max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
layouts: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}]
)
rows = st.builds(
    lambda kind, key, version, document, layout: DefinitionRow(
        kind, key, json.dumps({"key": key, "document": document}, **layout), "active", version
    ),
    st.sampled_from(["flag", "segment"]),
    keys,
    st.integers(0, 10**9),
    values,
    layouts,
)
row_sets = st.lists(rows, max_size=6, unique_by=lambda row: (row.kind, row.key))


def encode(
    definitions: list[DefinitionRow], aliases: dict[str, str], version: int = 7, window: float | None = 3600.0
) -> str:
    return encode_document(version, window, encode_definitions(definitions, aliases))


@given(row_sets, st.text(min_size=1, max_size=20), st.none() | st.floats(0, 1e6), layouts)
def test_what_was_written_is_read_again_in_any_layout(
    definitions: list[DefinitionRow], alias: str, window: float | None, layout: dict[str, Any]
) -> None:
    flags = [row.key for row in definitions if row.kind == "flag"]
    aliases = {alias: flags[0]} if flags else {}
    text = encode(definitions, aliases, 7, window)
    read = decode_document(text)
    assert (read.version, read.window) == (7, window)
    assert {name: json.loads(each.text) for name, each in read.definitions.items()} == {
        (row.kind, row.key): json.loads(row.text) for row in definitions
    }
    assert {name: each.version for name, each in read.definitions.items()} == {
        (row.kind, row.key): row.version for row in definitions
    }
    named = {each.alias: each.key for each in read.definitions.values() if each.alias is not None}
    assert named == aliases
    rewritten: ClientDocument = decode_document(json.dumps(json.loads(text), **layout))
    assert rewritten.definitions.keys() == read.definitions.keys()
    assert [json.loads(each.text) for each in rewritten.definitions.values()] == [
        json.loads(each.text) for each in read.definitions.values()
    ]


def test_it_has_one_definition_on_each_line_in_order() -> None:
    flag = DefinitionRow("flag", "b", '{\n "key": "b"\n}\n', "active", 2)
    text = encode([DefinitionRow("segment", "a", '{"key":"a"}', "active", 3), flag], {"the b": "b"})
    assert text.split("\n") == [
        f'{{"format":"{FORMAT}","version":7,"tracking_window":3600.0,"definitions":[',
        '{"kind":"flag","key":"b","version":2,"alias":"the b","definition":{  "key": "b" }},',
        '{"kind":"segment","key":"a","version":3,"definition":{"key":"a"}}',
        "]}",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        "not JSON",
        '{"definitions":[]}',
        '{"format":"other","version":1,"tracking_window":null,"definitions":[]}',
        f'{{"format":"{FORMAT}","version":1,"tracking_window":null,"definitions":[\n{{"key":"a"}}\n]}}',
        f'{{"format":"{FORMAT}","version":1,"tracking_window":null,"definitions":[1]}}',
        f'{{"format":"{FORMAT}","version":1,"tracking_window":null,"definitions":[{{"kind":"flag"}}]}}',
        f'{{"format":"{FORMAT}","version":"x","tracking_window":null,"definitions":[\n\n]}}',
    ],
)
def test_anything_else_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of whichever reader
        decode_document(text)
