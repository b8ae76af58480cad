"""docs/rules.md: its examples are valid, its tables complete, and what it says of missing values true."""

import re
from typing import Any

import pytest

from chalicelib.domain.definitions.compiler import (
    compile_flag,
    compile_segment,
    list_references,
    parse_experiment,
    parse_flag,
    parse_segment,
)
from chalicelib.domain.definitions.consistency import check_document
from chalicelib.domain.definitions.rules.attribute_tests import OPERATORS, YES_OR_NO
from chalicelib.domain.definitions.rules.operands import VALUE_READERS
from chalicelib.domain.definitions.rules.rules import RULE_FIELDS, WORDS
from chalicelib.domain.definitions.rules.units import UNIT_READERS
from chalicelib.domain.definitions.schema import Definition
from chalicelib.domain.general_form.readers import READERS
from chalicelib.domain.general_form.readers.texts import TEXT_READERS
from chalicelib.domain.general_form.schemes import SCHEMES
from chalicelib.domain.general_form.state import State
from realtime.definition_files.syntax import parse_documents
from tests.support.paths import ROOT

TEXT = (ROOT / "docs" / "rules.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def read_block(block: str) -> list[Definition]:
    (data,) = parse_documents(block.encode(), ".yaml")
    assert data.keys() <= {"flags", "experiments", "segments"}
    return [
        *map(parse_segment, data.get("segments", [])),
        *map(parse_experiment, data.get("experiments", [])),
        *map(parse_flag, data.get("flags", [])),
    ]


def list_first_cells(heading: str) -> list[str]:
    """What is set as code in the first column of the tables below a heading."""
    section = re.split(r"^##+ ", TEXT.partition(f"# {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    cells = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("block", BLOCKS)
def test_each_example_is_a_valid_set_of_definitions(block: str) -> None:
    documents = read_block(block)
    keys = {document.key for document in documents}
    assert len(keys) == len(documents) > 0
    for document in documents:
        assert check_document(document) == []
        references = list_references(document)
        named = {*references.flags, *references.experiments, *references.segments}
        assert named <= keys


def test_the_tables_have_every_operator_reader_scheme_and_field() -> None:
    assert sorted(list_first_cells("Operators")) == sorted(OPERATORS)
    assert sorted(list_first_cells("Readers")) == sorted([*VALUE_READERS, "cbor"])
    assert list_first_cells("Schemes") == list(SCHEMES)
    fields = list_first_cells("A rule")
    assert set(RULE_FIELDS) <= set(fields)
    assert set(WORDS) <= set(fields)


def test_the_readers_of_units_answer_texts_or_integers() -> None:
    values: list[Any] = ["DE", "7", "1.2.3", "2026-01-31T09:00:00Z", 7, True, [1], {"a": 1}, 1_800_000_000]
    for name in VALUE_READERS:
        types = {type(READERS[name](value)) for value in values}
        assert name not in UNIT_READERS or types & {str, int}, name
    assert set(re.findall("`([a-z-]+)`", TEXT.partition("the unit: a reader of text, ")[2][:45])) == {
        *(name for name in UNIT_READERS if name not in TEXT_READERS)
    }


def test_the_scheme_table_has_every_parameter() -> None:
    for name, entry in SCHEMES.items():
        (row,) = re.findall(rf"^\| `{name}` \| [^|]+ \| ([^|]+) \|", TEXT, re.MULTILINE)
        assert {*re.findall(r"`(\w+)", row)} == entry.required | entry.optional


DIGESTS = {"algorithm": "sha256", "salt": "s", "suffix": "x"}
VALUES: dict[str, Any] = {
    "between": [1, 2],
    "modulo": [2, 1],
    "in": [1],
    "not_in": [1],
    "contains_any": [1],
    "contains_all": [1],
    "subset_of": [1],
    "same_as": [1],
    "type": "list",
    "cidr": "10.0.0.0/8",
    "not_cidr": "10.0.0.0/8",
    "before": "2026-01-01T00:00:00Z",
    "after": "2026-01-01T00:00:00Z",
    **dict.fromkeys(YES_OR_NO, True),
    "remainder": [2, 1],
    "caret": "1.2.3",
    "tilde": "1.2.3",
    **dict.fromkeys([f"version-prefix-{order}" for order in ("eq", "lt", "le", "gt", "ge")], "1.2"),
    **dict.fromkeys(("digest-in", "digest-list"), DIGESTS | {"digests": ["0" * 64]}),
    **dict.fromkeys(("digest-starts", "digest-ends"), DIGESTS | {"digests": [f"5_{'0' * 64}"]}),
}


def holds(condition: Any, context: dict[str, Any], now: float = 0.0) -> bool | None:
    segment = compile_segment(parse_segment({"key": "s", "when": condition}))
    return segment.condition("ada", context, State(now, lambda _key: None, lambda _key: None))


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_missing_attribute_meets_no_operator(operator: str) -> None:
    test = {"if": "a", operator: VALUES.get(operator, "x")}
    for context in ({}, {"a": None}):
        assert holds(test, context) is False
        assert holds({"not": test}, context) is True
        if "missing" in YES_OR_NO.get(operator, ("missing",)):
            assert holds(test | {"missing": True}, context) is True
            assert holds(test | {"missing": "unknown"}, context) is None
            assert holds({"not": test | {"missing": "unknown"}}, context) is None


UNREADABLE = {
    "number": ("gt", 5, "6"),
    "text": ("starts_with", "a", 7),
    "semver-strict": ("gte", "1.0.0", "2.0"),
    "instant": ("before", "2026-01-01T00:00:00Z", "2025-01-01"),
}


@pytest.mark.parametrize(("operator", "value", "attribute"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_value_that_cannot_be_read_is_false(operator: str, value: Any, attribute: Any) -> None:
    test = {"if": "a", operator: value} | ({"as": "semver-strict"} if operator == "gte" else {})
    assert holds(test, {"a": attribute}) is False
    assert holds(test | {"unreadable": "unknown"}, {"a": attribute}) is None


@pytest.mark.parametrize(
    ("condition", "attribute", "expected"),
    [
        ({"in": ["x"]}, ["y", "x"], True),
        ({"not_in": ["x"]}, ["y", "x"], False),
        ({"not_in": ["x"]}, ["y"], True),
        ({"gt": 5}, [1, 9], True),
        ({"contains": "ell"}, ["hello", "world"], True),
        ({"eq": ["x"], "list": "whole"}, ["x"], True),
        ({"eq": "x", "list": "whole"}, ["x"], False),
        ({"contains_all": ["x", "y"]}, ["y", "z", "x"], True),
        ({"contains_all": ["x", "y"]}, "xy", False),
        ({"subset_of": ["x", "y"]}, ["y"], True),
        ({"subset_of": ["x", "y"]}, ["y", "z"], False),
        ({"eq": None, "missing": "pass"}, None, True),
        ({"eq": 1}, True, False),
        ({"eq": "straße", "as": "fold"}, "STRASSE", True),
    ],
)
def test_lists_null_and_types(condition: dict[str, Any], attribute: Any, expected: bool) -> None:
    assert holds({"if": "a"} | condition, {"a": attribute}) is expected


def answer(context: dict[str, Any], user: str | None = "ada", **fields: Any) -> tuple[Any, ...]:
    flag = compile_flag(parse_flag({"key": "f"} | fields))
    state = State(0.0, lambda _key: None, lambda _key: None, lambda _key: None)
    given = flag.definition.decide(user, context, state)
    return given.variant, str(given.reason), given.enabled


GATED: dict[str, Any] = {"when": {"if": "a", "eq": 1}, "gates": [{"if": "b", "eq": 1}], "serve": "on"}
NEXT_FOR_ALL = [{"rest": True, "serve": "next"}]
LAST: dict[str, Any] = {"serve": {"variant": "off", "enabled": True}}


@pytest.mark.parametrize(
    ("rules", "context", "expected"),
    [
        ([GATED, LAST], {"a": 1, "b": 1}, ("on", "TARGETING_MATCH", True)),
        ([GATED, LAST], {"b": 1}, ("off", "DEFAULT", True)),  # when is not true: the next rule
        ([GATED, LAST], {"a": 1}, ("off", "DEFAULT", True)),  # no else: the next rule
        ([GATED | {"else": "on"}, LAST], {"a": 1}, ("on", "NOT_IN_ROLLOUT", False)),
        ([GATED | {"else": "default"}, LAST], {"a": 1}, ("off", "NOT_IN_ROLLOUT", False)),
        ([{"serve": "default"}, LAST], {}, ("off", "DEFAULT", False)),
        ([{"gates": [True], "serve": "on"}], {}, ("on", "SPLIT", True)),
        ([{"serve": {"rules": [GATED]}, "else": "on"}], {}, ("on", "NOT_IN_ROLLOUT", False)),
        ([{"serve": {"split": NEXT_FOR_ALL}, "else": "on"}, LAST], {}, ("off", "DEFAULT", True)),
        ([{"serve": {"rules": [{"serve": "next"}]}, "else": "on"}], {}, ("on", "NOT_IN_ROLLOUT", False)),
        ([{"serve": {"experiment": "e"}, "else": "on"}], {}, ("on", "NOT_IN_ROLLOUT", False)),
        ([], {}, ("off", "STATIC", False)),
    ],
)
def test_serve_and_else(rules: list[Any], context: dict[str, Any], expected: tuple[Any, ...]) -> None:
    assert answer(context, rules=rules, default="off") == expected
