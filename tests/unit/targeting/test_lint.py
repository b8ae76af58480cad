"""Warnings: each names what is wrong and where; ordinary documents have none."""

from typing import Any

import pytest

from chalicelib.domain.targeting import lint, parse


def warnings(
    *conditions: tuple[Any, ...], version: str = "1.0", operator: str = "and", **more: Any
) -> list[str]:
    names = ("attribute", "operator", "value", "additional_value")
    group = {"operator": operator, "conditions": [dict(zip(names, row, strict=False)) for row in conditions]}
    document = {"version": version, "rules": [{"id": "r", "rule": group}]} | more
    return [str(warning) for warning in lint(parse(document))]


CONDITION = "rules[0].rule.conditions[0]"


@pytest.mark.parametrize(
    ("condition", "path", "message"),
    [
        (("a", "gt", "many"), f"{CONDITION}.value", "never matches"),
        (("a", "in", []), CONDITION, "can never match"),
        (("a", "percentage_bucket", 0), CONDITION, "can never match"),
        (("a", "contains", ""), CONDITION, "matches whenever a is present"),
        (("a", "not_in", []), CONDITION, "matches whenever a is present"),
        (("a", "between", 3, 1), f"{CONDITION}.value", "the lower one first"),
        (("a", "geo_distance", [1, 2], 3), f"{CONDITION}.value", "never matches a list"),
        (("a", "time_window", {"start": 1, "end": 2}), CONDITION, "always true"),
        (("a", "before", "2026-01-31"), f"{CONDITION}.value", "has no offset"),
        (("a", "after", 1767225600000), f"{CONDITION}.value", "looks like milliseconds"),
        (("a", "match_regex", "(a+)+$"), f"{CONDITION}.value", "backtracks catastrophically"),
        (("a", "match_regex", r"^(\w+\s?)*$"), f"{CONDITION}.value", "backtracks catastrophically"),
        (("a", "match_regex", "(a|aa)+$"), f"{CONDITION}.value", "backtracks catastrophically"),
        (("a", "match_regex", r"(a+)\1b"), f"{CONDITION}.value", "never matches texts beyond"),
    ],
)
def test_a_condition_that_is_hardly_meant_is_named(
    condition: tuple[Any, ...], path: str, message: str
) -> None:
    found = warnings(condition)
    assert any(warning.startswith(f"{path}: ") and message in warning for warning in found), found


def test_version_2_warns_of_naive_dates_but_reads_milliseconds() -> None:
    assert warnings(("a", "after", 1767225600000), version="2.0") == []
    window = {"start": "2026-01-31", "end": "2026-02-28T00:00:00Z"}
    (warning,) = warnings(("a", "time_window", window), version="2.0")
    assert warning == f"{CONDITION}.value.start: has no offset and is read as UTC: add Z or +hh:mm"


def test_groups_that_mean_something_else_are_named() -> None:
    assert "rules[0].rule: an empty `or` is always true in version 1.0" in warnings(operator="or")
    several = (("a", "eq", 1), ("b", "eq", 1))
    assert warnings(*several, operator="not")[0].startswith("rules[0].rule: `not` of several")
    assert warnings(*several, operator="not", version="2.0") == []
    (warning,) = warnings(("a", "eq", 1), ("a", "eq", 2))
    assert warning == "rules[0].rule.conditions[1]: a cannot equal two values"


def test_rules_behind_one_that_takes_everybody_are_unreachable() -> None:
    everybody = {"id": "all", "rule": {}, "priority": -1}
    some = {"id": "some", "rule": {"conditions": [{"attribute": "a", "operator": "eq", "value": 1}]}}
    rollout = {"id": "half", "rule": {}, "rollout_percentage": 50, "priority": -2}
    found = lint(parse({"rules": [some, rollout, everybody]}))
    assert [str(warning) for warning in found] == ["rules[0]: is never reached: rules[2] takes everybody"]


def test_duplicate_ids_ignored_defaults_and_unknown_versions_are_named() -> None:
    default = {"id": "r", "rule": {"conditions": [{"attribute": "a", "operator": "eq", "value": 1}]}}
    assert warnings(("a", "eq", 1), version="3", default_rule=default) == [
        "version: '3' is read as 1.0: write 1.0 or 2.0",
        "default_rule.id: is also the id of rules[0]: they share a rollout",
        "default_rule: has conditions or a rollout, which version 1.0 ignores",
    ]


def test_an_attribute_taken_for_two_types_is_named() -> None:
    (warning,) = warnings(("age", "gt", 18), ("age", "eq", "adult"))
    assert warning == f"rules[0].rule.conditions[1]: takes age for text, {CONDITION} for a number"
    assert warnings(("at", "before", "2026-01-31T00:00:00Z"), ("at", "starts_with", "2026")) == []


@pytest.mark.parametrize(
    "pattern", [r"^([a-z0-9]+\.)+com$", r"^\d{3}-\d{4}$", "^(foo|bar)+$", r"\bcat\b", "(?i)^vip"]
)
def test_harmless_patterns_have_no_warning(pattern: str) -> None:
    assert warnings(("a", "match_regex", pattern)) == []


def test_an_ordinary_document_has_no_warning() -> None:
    conditions = (
        ("country", "in", ["DE", "FR"]),
        ("app_version", "semantic_version", "2.3.0", "gte"),
        ("age", "between", 18, 65),
        ("signed_up", "after", "2026-01-31T00:00:00Z"),
        ("email", "ends_with", "@example.org"),
    )
    assert warnings(*conditions) == warnings(*conditions, version="2.0") == []
