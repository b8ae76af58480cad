"""Warnings: each names what is wrong and where; ordinary documents have none."""

from typing import Any

import pytest

from chalicelib.domain.definitions.targeting_rules import Rules
from chalicelib.domain.targeting import parse
from chalicelib.domain.targeting.lint.rules import lint_rules
from chalicelib.domain.targeting.regex import engine
from chalicelib.domain.targeting.regex.ambiguity import is_catastrophic
from tests.support.targeting_patterns import CATASTROPHIC_PATTERNS, ORDINARY_PATTERNS
from tests.support.timing import assert_takes_less


def warnings(
    *conditions: tuple[Any, ...], version: str = "1.0", operator: str = "and", **fields: Any
) -> list[str]:
    names = ("attribute", "operator", "value", "additional_value", "attribute_type")
    group = {"operator": operator, "conditions": [dict(zip(names, row, strict=False)) for row in conditions]}
    document = {"version": version, "rules": [{"id": "r", "rule": group}]} | fields
    return [str(warning) for warning in lint_rules(parse(document))]


CONDITION = "rules[0].rule.conditions[0]"
LIST_CONDITION = {"attribute": "roles", "operator": "contains_any", "value": ["x"]}


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
        (("a", "array_length", {"min": 3, "max": 1}, "between"), f"{CONDITION}.value", "never matches"),
        (("a", "array_length", -1), f"{CONDITION}.value", "never matches"),
        (("a", "array_length", 0, "lt"), f"{CONDITION}.value", "never matches"),
        (("a", "array_length", 0, "gte"), CONDITION, "matches every list, object and text"),
        (("a", "gt", "inf"), f"{CONDITION}.value", "lies beyond every number"),
        (("a", "match_regex", ""), CONDITION, "matches every text"),
        (("a", "match_regex", "^.*"), CONDITION, "matches every text"),
        (("a", "json_path", "$.items[0].x", 1), f"{CONDITION}.value", "write $.items.0"),
    ],
)
def test_a_condition_that_is_hardly_meant_is_named(
    condition: tuple[Any, ...], path: str, message: str
) -> None:
    messages = warnings(condition)
    assert any(text.startswith(f"{path}: ") and message in text for text in messages), messages


@pytest.mark.parametrize("operator", ["contains", "starts_with", "ends_with"])
def test_an_empty_part_of_a_text_is_named_in_both_versions(operator: str) -> None:
    assert warnings(("a", operator, "")) == [f"{CONDITION}: matches whenever a is present"]
    assert warnings(("a", operator, ""), version="2.0") == [f"{CONDITION}: matches every text and number"]


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize(
    "conditions",
    [
        (("a", "gt", 10), ("a", "lt", 5)),
        (("a", "gt", 5), ("a", "lte", 5)),
        (("a", "between", 1, 5), ("a", "gte", 6)),
        (("a", "in", ["x"]), ("a", "in", ["y", "z"])),
        (("a", "eq", "x"), ("a", "neq", "x")),
        (("a", "in", [1, 2]), ("a", "gt", 2)),
        (("a", "eq", "x"), ("a", "not_in", ["y", "x"])),
        (("a", "after", "2026-02-01T00:00:00Z"), ("a", "before", "2026-01-01T00:00:00Z")),
        (("a", "gte", 5), ("a", "lte", 5), ("a", "neq", 5)),
    ],
)
def test_conditions_that_no_value_meets_together_are_named(conditions: Any, version: str) -> None:
    path = f"rules[0].rule.conditions[{len(conditions) - 1}]"
    assert f"{path}: no value of a meets this condition and those before it" in warnings(
        *conditions, version=version
    )
    assert warnings(*conditions, version="2.0", operator="or") == []


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize(
    "conditions",
    [
        (("a", "gte", 5), ("a", "lte", 5)),
        (("a", "gt", 5), ("a", "lt", 6), ("a", "neq", 5.5)),
        (("a", "in", ["x", "y"]), ("a", "neq", "x")),
        (("a", "after", "2026-01-01T00:00:00Z"), ("a", "before", "2026-01-01T00:00:01Z")),
        (("a", "gt", 1e9), ("a", "before", "2000-01-01T00:00:00Z")),
        (("a", "neq", 1), ("a", "neq", 2)),
        (("a", "gt", 10), ("b", "lt", 5)),
    ],
)
def test_conditions_that_some_value_meets_are_not_named(conditions: Any, version: str) -> None:
    assert warnings(*conditions, version=version) == []


def test_a_version_may_be_a_number_in_version_2_only() -> None:
    conditions = ("a", "semantic_version", "1.3.0", "gte"), ("a", "lt", 2)
    assert len(warnings(*conditions)) == 1
    assert warnings(*conditions, version="2.0") == []
    assert len(warnings(conditions[0], ("a", "eq", True), version="2.0")) == 1


HALF_A_SECOND = "2026-01-31T09:00:00.5z"


def test_version_2_reads_fractions_of_a_second_in_warnings_too() -> None:
    between = (
        ("a", "after", "2026-01-31T09:00:00.123456788Z"),
        ("a", "before", "2026-01-31T09:00:00.12345679Z"),
    )
    assert warnings(*between, version="2.0") == []
    empty = between[0], ("a", "before", "2026-01-31T09:00:00.123456789Z")
    assert "no value of a meets" in warnings(*empty, version="2.0")[0]
    assert warnings(("a", "after", HALF_A_SECOND), version="2.0") == []
    assert "has no offset" in warnings(("a", "after", HALF_A_SECOND[:-1]), version="2.0")[0]


BIG = 2**53


@pytest.mark.parametrize(
    ("conditions", "is_contradiction"),
    [
        ((("a", "gt", BIG), ("a", "lt", BIG + 2)), False),
        ((("a", "gt", BIG), ("a", "lt", BIG + 1)), True),
        ((("a", "gt", 10**400), ("a", "lt", 10**400 + 1)), True),
        ((("a", "gt", 10**400), ("a", "lt", 10**400 + 2)), False),
        ((("a", "between", "-5", "-3"), ("a", "gt", -4)), False),
        ((("a", "between", "-5", "-3"), ("a", "gt", -3)), True),
    ],
)
def test_version_2_knows_the_integers_that_no_double_is(conditions: Any, is_contradiction: bool) -> None:
    assert bool(warnings(*conditions, version="2.0")) is is_contradiction


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
    assert warning == "rules[0].rule.conditions[1]: no value of a meets this condition and those before it"


def test_rules_behind_one_that_matches_everybody_are_unreachable() -> None:
    everybody = {"id": "all", "rule": {}, "priority": -1}
    targeted = {"id": "targeted", "rule": {"conditions": [{"attribute": "a", "operator": "eq", "value": 1}]}}
    rollout = {"id": "half", "rule": {}, "rollout_percentage": 50, "priority": -2}
    problems = lint_rules(parse({"rules": [targeted, rollout, everybody]}))
    assert [str(warning) for warning in problems] == [
        "rules[0]: is never reached: rules[2] matches everybody"
    ]
    problems = lint_rules(
        parse({"version": "2.0", "rules": [everybody], "default_rule": {"id": "rest", "rule": {}}})
    )
    assert [str(warning) for warning in problems] == [
        "default_rule: is never reached: rules[0] matches everybody"
    ]


def test_duplicate_ids_ignored_defaults_and_unknown_versions_are_named() -> None:
    default = {"id": "r", "rule": {"conditions": [{"attribute": "a", "operator": "eq", "value": 1}]}}
    assert warnings(("a", "eq", 1), version="3", default_rule=default) == [
        "version: '3' is read as 1.0: write 1.0 or 2.0",
        "default_rule.id: is also the id of rules[0]: they share a rollout",
        "default_rule: has conditions or a rollout, which version 1.0 ignores",
    ]


def test_an_attribute_read_as_two_types_is_named() -> None:
    (warning,) = warnings(("age", "gt", 18), ("age", "eq", "adult"), operator="or")
    assert warning == f"rules[0].rule.conditions[1]: reads age as text, but {CONDITION} reads it as a number"
    assert warnings(("at", "before", "2026-01-31T00:00:00Z"), ("at", "starts_with", "2026")) == []


@pytest.mark.parametrize(
    "conditions",
    [
        (("a", "between", 1, 5), ("a", "eq", "adult")),
        (("a", "array_length", 1, "gt"), ("a", "gt", 5)),
        (("a", "contains_all", ["x"]), ("a", "lt", 5)),
        (("a", "semantic_version", "1.0.0"), ("a", "after", "2026-01-31T00:00:00Z")),
        (("a", "eq", 1, None, "number"), ("a", "neq", "x")),
        (("a", "eq", 1, None, "number"), ("a", "neq", 2, None, "string")),
    ],
)
def test_other_types_that_exclude_each_other_are_named(conditions: Any) -> None:
    assert any("rules[0].rule.conditions[1]: reads a as" in text for text in warnings(*conditions))


def test_a_condition_that_contradicts_its_own_declaration_is_named() -> None:
    (warning,) = warnings(("age", "gt", 18, None, "string"))
    assert warning == f"{CONDITION}: reads age as a number, but its attribute_type says text"


@pytest.mark.parametrize(
    "conditions",
    [
        (("a", "array_length", 1, "gt"), ("a", "starts_with", "x")),
        (("a", "contains_any", ["x"]), ("a", "array_length", 2, "lt")),
        (("a", "between", "2026-01-31T00:00:00Z", "2026-02-01T00:00:00Z"), ("a", "starts_with", "2026")),
        (("a", "gt", 5, None, "number"), ("a", "between", 1, 9)),
        (("a", "contains", "x"), ("a", "contains_all", ["x"], None, "array")),
    ],
)
def test_types_that_agree_are_not_named(conditions: Any) -> None:
    assert warnings(*conditions) == []


LISTS = [
    ("roles", "contains_any", ["x"]),
    ("roles", "array_length", 1, "gte"),
    ("roles", "contains_all", ["x"]),
]
WHOLE = (
    "compares roles as a whole: a list that holds the value matches, too: "
    "write a `not` group with contains_any"
)


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("evidence", LISTS)
@pytest.mark.parametrize("condition", [("roles", "neq", "admin"), ("roles", "not_in", ["admin", "owner"])])
def test_a_negated_comparison_of_a_list_is_named(version: str, evidence: Any, condition: Any) -> None:
    expected = f"rules[0].rule.conditions[1]: {WHOLE}"
    assert expected in warnings(evidence, condition, version=version)
    assert expected in warnings(evidence, condition, version=version, operator="or")


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_a_declared_list_is_enough_and_the_evidence_may_be_in_another_rule(version: str) -> None:
    assert warnings(("roles", "neq", 7, None, "array"), version=version)[0] == f"{CONDITION}: {WHOLE}"
    other = {"id": "o", "rule": {"conditions": [LIST_CONDITION]}}
    assert f"{CONDITION}: {WHOLE}" in warnings(("roles", "neq", "admin"), version=version, default_rule=other)


def test_an_equality_in_a_not_group_is_negated() -> None:
    group = {"operator": "not", "conditions": [{"attribute": "roles", "operator": "in", "value": ["admin"]}]}
    document = {
        "version": "2.0",
        "rules": [{"id": "r", "rule": {"conditions": [LIST_CONDITION], "groups": [group]}}],
    }
    (warning,) = map(str, lint_rules(parse(document)))
    assert warning == (
        "rules[0].rule.groups[0].conditions[0]: compares roles as a whole: "
        "a list that holds the value matches, too: use contains_any in this `not`"
    )


def test_not_contains_searches_the_text_of_a_list_in_version_1_only() -> None:
    conditions = (LISTS[0], ("roles", "not_contains", "admin"))
    (warning,) = warnings(*conditions)
    assert "searches roles as one text, so parts of elements count as well: write a `not` group" in warning
    assert warnings(*conditions, version="2.0") == []
    (warning,) = warnings(LISTS[0], ("roles", "not_contains", ["admin"]), version="2.0")
    assert "looks for `value` as one element of roles" in warning


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize(
    "conditions",
    [
        (("roles", "neq", "admin"),),
        (LISTS[1], ("roles", "neq", None)),
        (LISTS[1], ("roles", "neq", [])),
        (LISTS[1], ("roles", "not_in", [["admin"], ["owner"]])),
        (LISTS[1], ("name", "neq", "admin")),
        (LISTS[1], ("roles", "starts_with", "a"), ("roles", "neq", "admin")),
        (LISTS[1], ("roles", "neq", "admin", None, "string")),
    ],
)
def test_other_negations_are_not_named(version: str, conditions: Any) -> None:
    assert warnings(*conditions, version=version) == []


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("condition", [("roles", "neq", "admin"), ("roles", "not_in", ["admin"])])
def test_what_is_said_about_a_list_is_true(version: str, condition: tuple[Any, ...]) -> None:
    def is_matched(group: dict[str, Any]) -> bool:
        rules = Rules(parse({"version": version, "rules": [{"id": "r", "rule": group}]}))
        return rules.match({"roles": ["admin", "owner"]}, 0.0) is not None

    written = dict(zip(("attribute", "operator", "value"), condition, strict=True))
    instead = {"attribute": "roles", "operator": "contains_any", "value": ["admin"]}
    assert is_matched({"conditions": [written]})
    assert not is_matched({"operator": "not", "conditions": [instead]})


@pytest.mark.parametrize(
    "pattern",
    [
        *CATASTROPHIC_PATTERNS,
        "(a|b|ab)*c",
        "(ab|a|b)+$",
        "(a.?)*b$",
        "(.|a)*b",
        r"(\d{1,3},?)*$",
        r"(?:\w{1,5} ?)*;",
        "^(a|a?)+$",
        "([a-z]+)*@",
        r"(\w+)*\s$",
    ],
)
def test_a_catastrophic_pattern_is_named(pattern: str) -> None:
    messages = warnings(("a", "match_regex", pattern))
    assert any("backtracks catastrophically" in message for message in messages), messages


@pytest.mark.parametrize(
    "pattern",
    [
        *ORDINARY_PATTERNS,
        r"^([a-z0-9]+\.)+com$",
        r"^\d{3}-\d{4}$",
        "^(foo|bar)+$",
        "(?i)^vip",
        r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$",
        r"^https?://[\w.-]+(/[\w./-]*)?$",
        r"^(?:\d{1,3}\.){3}\d{1,3}$",
        "^([0-9a-f]{32},?)*$",
        "^([0-9a-f]{2}:){5}[0-9a-f]{2}$",
        r"^\s*(\w+)\s*$",
        r"(\w+\.)+\w+$",
        r"^[A-Z]{2}\d{2}(?: ?\d{4}){4}(?: ?\d{1,2})?$",
        r"(\b\w+\b\s*)+$",
        r"^v?\d+(\.\d+)*(-[\w.]+)?$",
        "[a-z]{2,20}[a-z0-9]{0,20}$",
        "^(a?b)*$",
        r"x(a+)+",
    ],
)
def test_harmless_patterns_have_no_warning(pattern: str) -> None:
    assert warnings(("a", "match_regex", pattern)) == []


@pytest.mark.parametrize(
    "pattern", ["(" + "a?" * 250 + ")*$", "((((a{1,9}){1,9}){1,9})x)*$", "([ab]{200}c?)*" * 30]
)
def test_a_pattern_too_large_to_judge_is_not_judged_for_long(pattern: str) -> None:
    tree = engine.read_pattern(pattern).tree
    assert_takes_less(lambda: is_catastrophic(tree), 0.5)


def test_an_ordinary_document_has_no_warning() -> None:
    conditions = (
        ("country", "in", ["DE", "FR"]),
        ("app_version", "semantic_version", "2.3.0", "gte"),
        ("age", "between", 18, 65),
        ("signed_up", "after", "2026-01-31T00:00:00Z"),
        ("email", "ends_with", "@example.org"),
    )
    assert warnings(*conditions) == warnings(*conditions, version="2.0") == []
