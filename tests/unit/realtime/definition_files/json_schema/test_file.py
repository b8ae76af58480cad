"""Editors and the parser agree about definitions."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from chalicelib.domain.definitions.rules.attribute_tests import OPERATORS
from chalicelib.domain.definitions.rules.conditions import CONDITIONS
from chalicelib.domain.definitions.rules.operands import VALUE_READERS
from realtime.definition_files.contents import LISTS
from realtime.definition_files.files import list_files
from realtime.definition_files.json_schema.descriptions import DESCRIPTIONS
from realtime.definition_files.json_schema.file import MODELS
from realtime.definition_files.json_schema.operators import _MEANINGS
from realtime.definition_files.syntax import parse_documents
from tests.support import condition_strategies, definition_strategies, experiments, flags, rule_strategies
from tests.support.definition_schema import SCHEMA, find_mistakes, is_parsed
from tests.support.paths import ROOT

# The schema itself


def test_it_is_a_valid_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def find_references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix("#/$defs/")
        for each in schema.values():
            yield from find_references(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from find_references(each)


def test_each_definition_is_used_and_each_reference_leads_somewhere() -> None:
    assert set(find_references(SCHEMA)) == set(SCHEMA["$defs"])


def find_properties(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Those of objects, without those that only limit a value further."""
    if isinstance(schema, dict):
        for name, each in schema.items():
            if name == "properties":
                yield from ((f"{path}.{field}", inner) for field, inner in each.items())
            if name not in ("if", "then"):
                yield from find_properties(each, f"{path}.{name}")
    elif isinstance(schema, list):
        for index, each in enumerate(schema):
            yield from find_properties(each, f"{path}[{index}]")


def test_each_property_is_described_in_one_sentence() -> None:
    for path, found in find_properties(SCHEMA):
        own = (
            found.get("description") or SCHEMA["$defs"][found["$ref"].removeprefix("#/$defs/")]["description"]
        )
        assert re.fullmatch(r"[A-Z].*\.", own), path


def test_no_description_is_left_over() -> None:
    fields = {
        (model, field) for model in SCHEMA["$defs"] for field in SCHEMA["$defs"][model].get("properties", {})
    }
    known = {field for _, field in fields} | {f"{model}.{field}" for model, field in fields}
    assert set(DESCRIPTIONS) <= known
    assert set(_MEANINGS) <= set(OPERATORS)


def test_it_has_each_kind_of_condition() -> None:
    objects = [each for each in SCHEMA["$defs"]["condition"]["anyOf"] if "properties" in each]
    known = {"if", "item"} | {field for each in objects for field in each["required"]}
    assert set(CONDITIONS) <= known


def test_it_has_each_list_of_a_file() -> None:
    assert set(LISTS) <= set(MODELS)


# Definitions of this repository


def list_definition_files() -> Iterator[tuple[str, Any]]:
    for folder in ("realtime/demo", "tests/smoke", "examples"):
        files, _ = list_files(ROOT / folder, []) if (ROOT / folder).is_dir() else ([], [])
        for file in files:
            for document in parse_documents(file.read_bytes(), file.suffix):
                yield str(file.relative_to(ROOT)), document
    for page in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]):
        for block in re.findall(r"^```ya?ml\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
            for document in parse_documents(block.encode(), ".yaml"):
                yield str(page.relative_to(ROOT)), document


FILES = [
    (name, document)
    for name, document in list_definition_files()
    if isinstance(document, dict) and document.keys() & MODELS
]


@pytest.mark.parametrize(("name", "document"), FILES)
def test_the_definitions_of_this_repository_are_valid(name: str, document: Any) -> None:
    assert find_mistakes(document) == []


def test_files_are_found() -> None:
    assert len(FILES) >= 5


def test_what_tests_build_is_valid() -> None:
    assert not find_mistakes({"experiments": [experiments.document()]})
    flag = {"key": "f", "type": "string", "variants": flags.variants(a=1.0), "default_variant": "a"}
    targeting = flags.rules({"rule": flags.where("country", "in", ["DE"])}, version="2.0")
    assert not find_mistakes({"flags": [{**flag, "targeting_rules": targeting}]})


# What the parser accepts


@given(flag=definition_strategies.flags("f", ["g"]))
def test_a_random_flag_is_valid(flag: Any) -> None:
    assert not is_parsed("flags", flag) or find_mistakes({"flags": [flag]}) == []


@given(experiment=definition_strategies.experiments())
def test_a_random_experiment_is_valid(experiment: Any) -> None:
    assert not is_parsed("experiments", experiment) or find_mistakes({"experiments": [experiment]}) == []


@given(flag=rule_strategies.flags())
def test_a_random_flag_with_rules_is_valid(flag: Any) -> None:
    assert is_parsed("flags", flag)
    assert find_mistakes({"flags": [flag]}) == []


@given(experiment=rule_strategies.experiments())
def test_a_random_experiment_with_conditions_is_valid(experiment: Any) -> None:
    assert is_parsed("experiments", experiment)
    assert find_mistakes({"experiments": [experiment]}) == []


@given(segment=rule_strategies.segments())
def test_a_random_segment_is_valid(segment: Any) -> None:
    assert is_parsed("segments", segment)
    assert find_mistakes({"segments": [segment]}) == []


@pytest.mark.parametrize("operator", condition_strategies.OPERATOR_NAMES)
def test_a_value_of_each_operator_is_valid(operator: str) -> None:
    values = condition_strategies.list_values(operator, None)
    assert values
    conditions = [{"if": "country", operator: value} for value in values]
    assert find_mistakes({"segments": [{"key": "s", "when": conditions}]}) == []


@pytest.mark.parametrize("reader", VALUE_READERS)
def test_a_value_of_each_reader_is_valid(reader: str) -> None:
    conditions = [
        {"if": "country", operator: value, "as": reader}
        for operator in condition_strategies.OPERATOR_NAMES
        for value in condition_strategies.list_values(operator, reader)[:2]
    ]
    assert find_mistakes({"segments": [{"key": "s", "when": conditions}]}) == []
