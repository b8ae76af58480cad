"""Recorded and golden cases, through the same command that users run."""

import gzip
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from realtime.commands.check_rules import run
from tests.support.paths import ROOT
from tests.support.targeting_interpreter import condition

CORPUS = ROOT / "tests" / "conformance"


def check(*paths: Path) -> tuple[int, list[str]]:
    output = io.StringIO()
    code = run(paths, Console(file=output, width=80))
    return code, output.getvalue().splitlines()


@pytest.mark.parametrize(
    ("name", "cases"),
    [("targeting_operators.jsonl", 2096), ("targeting_rules.jsonl", 1041), ("targeting_v2.jsonl", 332)],
)
def test_every_case_of_the_corpus_agrees(name: str, cases: int) -> None:
    assert check(CORPUS / name) == (0, [f"{cases} passed, 0 failed"])


def test_the_interpreter_agrees_with_the_cases_of_version_2() -> None:
    """But for patterns: it searches with Python's engine, which some of them would keep busy for years."""
    lines = (CORPUS / "targeting_v2.jsonl").read_text().splitlines()
    cases = [
        case for case in map(json.loads, lines) if "condition" in case and case.get("schema_valid", True)
    ]
    wrong = [
        case["id"]
        for case in cases
        if case["operator"] != "match_regex"
        and condition(case["condition"], case["context"], 0.0, True, "rule//:") is not case["expected"]
    ]
    assert (wrong, len(cases) > 150) == ([], True)


def test_the_documented_example_passes() -> None:
    assert check(ROOT / "docs" / "targeting-example.jsonl") == (0, ["10 passed, 0 failed"])


CASE = {
    "id": "c1",
    "operator": "eq",
    "condition": {"attribute": "a", "operator": "eq", "value": 1},
    "context": {"a": 1},
    "expected": True,
}
DOCUMENT = {"id": "d1", "targeting_rules": {"rules": [{"id": "[r]", "rule": {}}]}, "context": {}}


def lines(path: Path, *cases: object) -> Path:
    path.write_text("\n".join(case if isinstance(case, str) else json.dumps(case) for case in cases))
    return path


def test_a_disagreement_names_the_place_the_case_and_both_answers(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "corpus.jsonl",
        CASE,
        CASE | {"expected": False},
        "",
        DOCUMENT | {"expected_rule_id": "other"},
        DOCUMENT | {"invalid": True},
        {"id": "d4", "targeting_rules": {"rules": None}, "context": {}, "expected_rule_id": None},
        CASE | {"schema_valid": False},
    )
    assert check(path) == (
        1,
        [
            f"{path}:2: c1: expected false, got true",
            f'{path}:4: d1: expected rule "other", got "[r]"',
            f"{path}:5: d1: expected the document to be refused, got accepted",
            f"{path}:6: d4: expected rule null, got refused: rules: must be a list of at most 1000 rules",
            f"{path}:7: c1: expected the schema to refuse the condition, got accepted",
            "1 passed, 5 failed",
        ],
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Expecting property name"),
        ("[]", "must be a JSON object"),
        ("7", "not a case: must be a JSON object"),
        ('{"condition": 7, "context": {}, "expected": true}', "not a case: a field has the wrong type"),
        ('{"context": {}}', "needs the field 'condition'"),
        (json.dumps(CASE | {"context": [1]}), "a field has the wrong type: context"),
        (json.dumps(CASE | {"context": "s"}), "a field has the wrong type: context"),
        (json.dumps(CASE | {"expected": 1, "now": "0"}), "a field has the wrong type: now, expected"),
        (json.dumps(DOCUMENT | {"expected_rule_id": None, "salt": 1}), "a field has the wrong type: salt"),
        ('{"condition": {"attribute": "a"}, "context": {}, "expected": true}', "needs the field 'operator'"),
        ('{"id": NaN}', "NaN is not JSON"),
        ("[" * 100_000, "not a case"),
    ],
)
def test_a_malformed_line_is_a_failure_with_its_place(tmp_path: Path, line: str, reason: str) -> None:
    path = lines(tmp_path / "corpus.jsonl", CASE, line)
    code, (failure, total) = check(path)
    assert (code, total) == (1, "1 passed, 1 failed")
    assert failure.startswith(f"{path}:2: not a case")
    assert reason in failure


def test_no_case_at_all_is_a_failure(tmp_path: Path) -> None:
    path = lines(tmp_path / "empty.jsonl", "", "")
    assert check(path) == (1, [f"{path}: has no case", "0 passed, 1 failed"])


def test_a_case_may_fix_the_clock(tmp_path: Path) -> None:
    window = {"start": 0, "end": 1, "days": [3]}
    condition = {"attribute": "t", "operator": "time_window", "value": window}
    thursday = {"condition": condition, "context": {"t": None}, "now": 0, "expected": True}
    friday = thursday | {"now": 86_400, "expected": False}
    assert check(lines(tmp_path / "corpus.jsonl", thursday, friday)) == (0, ["2 passed, 0 failed"])


def test_compressed_files_are_read_and_missing_ones_reported(tmp_path: Path) -> None:
    path = tmp_path / "corpus.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(CASE).encode()))
    code, (failure, total) = check(path, tmp_path / "absent.jsonl")
    assert (code, total) == (1, "1 passed, 1 failed")
    assert "absent.jsonl: cannot be read" in failure
