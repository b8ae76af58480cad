"""The check of imports: what is a case, what agrees, and what is said of what does not."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from realtime.migration.checking import Report, check_file
from realtime.migration.comparing import is_equal

TOGGLES = {
    "version": 2,
    "features": [
        {"name": "on", "enabled": True, "strategies": []},
        {"name": "lot", "enabled": True, "strategies": [{"name": "gradualRolloutRandom", "parameters": {}}]},
    ],
}
TOGGLES["features"][1]["strategies"][0]["parameters"] = {"percentage": "50"}  # type: ignore[index]
CASE: dict[str, Any] = {
    "vendor": "unleash",
    "case": "first",
    "definitions": TOGGLES,
    "key": "on",
    "user": None,
    "context": {},
    "expect": {"enabled": True},
}


def check(path: Path, *lines: Any) -> Report:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    report = Report()
    check_file(path, report)
    return report


def test_blank_lines_and_unknown_fields_are_passed_over(tmp_path: Path) -> None:
    case = CASE | {"note": "x", "expect": {"enabled": True, "reason": "STATIC"}}
    assert check(tmp_path / "x.jsonl", "", case, " ").passed == 1


def test_a_file_may_be_packed(tmp_path: Path) -> None:
    assert check(tmp_path / "x.jsonl.gz", CASE).passed == 1


def test_only_the_fields_of_the_case_are_compared(tmp_path: Path) -> None:
    report = check(tmp_path / "x.jsonl", CASE | {"expect": {"enabled": False}})
    [(file, line, difference)] = report.differences
    assert (file, line, difference.case) == (str(tmp_path / "x.jsonl"), 1, "first")
    assert (difference.expected, difference.answered) == ({"enabled": False}, {"enabled": True})


def test_of_a_refused_flag_the_reason_is_told(tmp_path: Path) -> None:
    report = check(tmp_path / "x.jsonl", CASE | {"key": "lot"})
    [(_, _, difference)] = report.differences
    assert difference.refusal.startswith("draws a lot")


def test_a_default_of_another_type_is_answered_itself(tmp_path: Path) -> None:
    flags = {"flags": {"f": {"state": "ENABLED", "variants": {"a": 1}, "defaultVariant": "a"}}}
    case = CASE | {"vendor": "flagd", "definitions": flags, "key": "f"}
    texts = case | {"default": "x", "expect": {"value": "x"}}
    numbers = case | {"default": 0.5, "expect": {"value": 1}}
    assert check(tmp_path / "x.jsonl", texts, numbers).passed == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "Expecting property name"),
        ("[]", "is no case: must be an object"),
        *(
            ({name: value for name, value in CASE.items() if name != field}, f"is no case: {field} must be")
            for field in ("vendor", "definitions", "key", "user", "context", "expect")
        ),
        (CASE | {"user": 7}, "user must be text or null"),
        (CASE | {"options": {"a": 1}}, "options must be an object of texts"),
        (CASE | {"expect": {"reason": "x"}}, "expect must have one of value, variant, enabled"),
        (CASE | {"now": "yesterday"}, "yesterday"),
        (CASE | {"vendor": "unleesh"}, "unleesh is not known; did you mean unleash?"),
        (CASE | {"definitions": {}}, "Unleash"),
        (CASE | {"options": {"fractional": "v1"}}, "unleash takes no options"),
    ],
)
def test_what_is_no_case_is_named_with_its_line(tmp_path: Path, line: Any, message: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011
        check(tmp_path / "x.jsonl", CASE, line)
    assert str(error.value).startswith(f"{tmp_path / 'x.jsonl'}:2: ")
    assert message in str(error.value)


@pytest.mark.parametrize("data", [b"no gzip", gzip.compress(b"{}")[:-9], gzip.compress(b"\xff")])
def test_a_file_that_cannot_be_unpacked_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"x\.jsonl\.gz: cannot be read"):
        check_file(path, Report())


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (0, False, False),
        ([1, {"a": None}], [1.0, {"a": None}], True),
        ([True], [1], False),
        ({"a": 1}, {"a": 1, "b": 1}, False),
        ("1", 1, False),
        (None, None, True),
    ],
)
def test_answers_are_compared_as_json(left: Any, right: Any, expected: bool) -> None:
    assert is_equal(left, right) is is_equal(right, left) is expected
