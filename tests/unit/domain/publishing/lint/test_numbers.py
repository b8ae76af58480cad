"""Warnings about numbers that may mean something else than their author meant."""

from pathlib import Path

import pytest

from chalicelib.domain.publishing.lint.document import lint_document
from realtime.definition_files.read import read_definitions


def list_warnings(folder: Path, text: str, name: str = "f.yaml") -> list[str]:
    file = folder / name
    file.write_text(text)
    definitions = read_definitions([file])
    assert definitions.problems == []
    return [
        str(problem)
        for name, document in definitions.documents.items()
        for problem in lint_document(name, document, definitions.sources[name])
    ]


SCHEDULE = (
    "rollout_schedule: [{at: 2026-01-01T00:00:00Z, percentage: A}, {at: 2026-02-01T00:00:00Z, percentage: B}]"
)


def write_schedule(first: str, second: str) -> str:
    return SCHEDULE.replace("A}", f"{first}}}").replace("B}", f"{second}}}")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("rollout_percentage: 0.5", ["rollout_percentage: is 0.5 %, did you mean 50? Otherwise write 0.5%"]),
        ("rollout_percentage: 0.5%", []),
        ("rollout_percentage: 0", []),
        ("rollout_percentage: 1", []),
        ("rollout_percentage: 10", []),
        (
            write_schedule("0.1", "1"),
            [
                "rollout_schedule[0].percentage: is 0.1 %, did you mean 10? Otherwise write 0.1%",
                "rollout_schedule[1].percentage: is 1 %, did you mean 100? Otherwise write 1%",
            ],
        ),
        (write_schedule("1", "10"), []),
    ],
)
def test_a_share_where_a_percentage_is_meant(tmp_path: Path, fields: str, expected: list[str]) -> None:
    assert list_warnings(tmp_path, f"flags: [{{key: f, type: boolean, {fields}}}]") == expected


RULES = "targeting_rules: {version: 'VERSION', rules: [{id: r, rule: {conditions: [CONDITION]}}]}"
CONDITION = "targeting_rules.rules[0].rule.conditions[0]"


def lint_condition(folder: Path, condition: str, version: str = "2.0") -> list[str]:
    rules = RULES.replace("VERSION", version).replace("CONDITION", condition)
    return list_warnings(folder, f"flags: [{{key: f, type: boolean, {rules}}}]")


def test_a_bucket_is_a_percentage_too(tmp_path: Path) -> None:
    bucket = "{attribute: a, operator: percentage_bucket, value: 0.25}"
    warning = f"{CONDITION}.value: is 0.25 %, did you mean 25?"
    assert lint_condition(tmp_path, bucket) == [f"{warning} Otherwise write 0.25%"]
    assert lint_condition(tmp_path, bucket, "1.0") == [warning]
    assert lint_condition(tmp_path, bucket.replace("0.25", "0.25%")) == []


@pytest.mark.parametrize(
    ("written", "read"),
    [("02139", "2139"), ("-007", "-7"), ("+4917012345", "4917012345"), ("00.5", "0.5"), ("1.10", "1.1")],
)
def test_a_code_that_becomes_a_number(tmp_path: Path, written: str, read: str) -> None:
    (warning,) = lint_condition(tmp_path, f"{{attribute: zip, operator: in, value: [{written}, 5]}}")
    assert warning == f"{CONDITION}.value[0]: {written} is read as the number {read}: quote it if it is text"
    assert lint_condition(tmp_path, f"{{attribute: zip, operator: in, value: ['{written}', '5']}}") == []


def test_numbers_that_are_compared_in_size_may_be_written_in_any_way(tmp_path: Path) -> None:
    assert lint_condition(tmp_path, "{attribute: spend, operator: gte, value: 1.50}") == []
    assert lint_condition(tmp_path, "{attribute: spend, operator: gte, value: 1e3}") == []
    assert "010 is read as" in lint_condition(tmp_path, "{attribute: n, operator: gte, value: 010}")[0]


@pytest.mark.parametrize(
    "integer", ["9007199254740992", "-9007199254740992", "123456789012345678901234567890"]
)
def test_an_integer_that_javascript_changes(tmp_path: Path, integer: str) -> None:
    message = f"{integer} is beyond ±9007199254740991, so JavaScript changes it: quote it"
    (warning,) = lint_condition(tmp_path, f"{{attribute: id, operator: eq, value: {integer}}}")
    assert warning == f"{CONDITION}.value: {message}"
    value = f"{{key: a, value: {integer}, allocation: 1}}"
    text = f"flags: [{{key: f, type: integer, default_variant: a, variants: [{value}]}}]"
    assert list_warnings(tmp_path, text) == [f"variants[0].value: {message}"]
    variant = f'{{"key": "a", "allocation": 1, "payload": [{integer}]}}'
    json = f'{{"experiments": [{{"key": "e", "variants": [{variant}]}}]}}'
    assert list_warnings(tmp_path, json, "f.json") == [f"variants[0].payload[0]: {message}"]


def test_the_largest_integer_is_no_warning(tmp_path: Path) -> None:
    assert lint_condition(tmp_path, "{attribute: id, operator: eq, value: 9007199254740991}") == []
