"""An imported definition is written so that reading the file gives the same, whatever is in it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.definition_files.syntax import parse_documents
from realtime.migration.model import Definition, Imported
from realtime.migration.writing import WIDTH, write_json, write_yaml

TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.sampled_from(["\u2028# x", "a\x85b", "\r\n", "\ufeff", "'", '"', "- a", "a: b", "#", "\x1c", " "]),
)
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
).filter(lambda value: "Infinity" not in str(value) and "inf" not in str(value))


def read_back(text: str, suffix: str) -> Any:
    (document,) = parse_documents(text.encode(), suffix)
    return document


def write(value: Any, comment: str = "") -> Imported:
    return Imported(flags=[Definition("f", {"key": "f", "value": value}, comment)])


@given(VALUES, TEXTS)
def test_a_file_has_what_was_imported(value: Any, comment: str) -> None:
    imported = write(value, comment)
    written = [imported.flags[0].data]
    assert read_back(write_yaml(imported, comment), ".yaml")["flags"] == written
    assert read_back(write_json(imported), ".json")["flags"] == written


@pytest.mark.parametrize(
    "text",
    [
        *("on", "off", "yes", "No", "true", "null", "~", "", "y", "="),
        *("1", "1.0", "1e3", "0o7", "0x1F", "0b1", "1_000", "12:30:45", ".5", "+1", ".inf", ".NaN", "007"),
        *("2026-01-31", "2026-01-31T09:00:00Z", "<<", "1.2.3", "a: b", "a #b", "@a", "%a", "&a", "*a", "!a"),
    ],
)
def test_text_stays_text(text: str) -> None:
    imported = write([text, {text: text}])
    (flag,) = read_back(write_yaml(imported, "x"), ".yaml")["flags"]
    assert flag["value"] == [text, {text: text}]
    assert [type(each) for each in flag["value"][1]] == [str]


@pytest.mark.parametrize(
    "number", [0.1 + 0.2, 1 / 3, 3.141592653589793, 2**53 - 1, 1e22, 1.5e-7, 5e-324, -0.5]
)
def test_numbers_keep_their_digits(number: float) -> None:
    (flag,) = read_back(write_yaml(write(number), "x"), ".yaml")["flags"]
    assert flag["value"] == number
    assert type(flag["value"]) is type(number)


def test_it_is_a_file_that_a_person_would_keep() -> None:
    rule = {"id": "half of them", "when": {"if": "country", "in": ["DE", "FR"]}, "serve": "on", "else": "off"}
    imported = Imported(
        flags=[
            Definition("first", {"key": "first", "rules": [rule], "default": "off"}, "A habit.\nAnother."),
            Definition("second", {"key": "second", "rules": [], "default": "off"}),
        ],
        segments=[Definition("s", {"key": "s", "when": True})],
    )
    text = write_yaml(imported, "Imported from Somewhere. " + "word " * 30)
    assert all(len(line) <= WIDTH for line in text.splitlines())
    assert text.startswith("# Imported from Somewhere. word")
    assert text.partition("segments:")[2] == (
        "\n  - key: s\n    when: true\n\nflags:\n"
        "  # A habit.\n  # Another.\n"
        "  - key: first\n    rules:\n"
        "    - id: half of them\n      when: {if: country, in: [DE, FR]}\n"
        "      serve: 'on'\n      else: 'off'\n"
        "    default: 'off'\n\n"
        "  - key: second\n    rules: []\n    default: 'off'\n"
    )


def test_without_flags_the_file_is_still_one() -> None:
    assert read_back(write_yaml(Imported(), "x"), ".yaml") == {"flags": []}
