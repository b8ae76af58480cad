"""What a document may be; refusals name the path of the mistake."""

from typing import Any

import pytest

from chalicelib.domain.definitions.targeting_rules import Rules
from chalicelib.domain.errors import Problem
from chalicelib.domain.targeting import InvalidRules, parse
from chalicelib.domain.targeting.document import (
    MAX_CONDITIONS,
    MAX_NESTING,
    MAX_PATTERN,
    MAX_RULES,
    MAX_VALUES,
)

CONDITION = {"attribute": "a", "operator": "eq", "value": 1}


def document(*conditions: dict[str, Any], version: str = "1.0", **rule: Any) -> dict[str, Any]:
    return {"version": version, "rules": [{"id": "r", "rule": {"conditions": list(conditions)}} | rule]}


def problems(raw: Any) -> list[Problem]:
    with pytest.raises(InvalidRules) as error:
        parse(raw)
    return list(error.value.problems)


def test_every_mistake_is_reported_with_its_path() -> None:
    raw = document(CONDITION, CONDITION | {"operator": "equals"}, CONDITION | {"attribute": "a-b"})
    raw["rules"].append({"id": 5, "rule": {}})
    raw["default_rule"] = {"id": "d", "rule": {"groups": [{"operator": "xor"}]}}
    assert [problem.path for problem in problems(raw)] == [
        "rules[0].rule.conditions[1].operator",
        "rules[0].rule.conditions[2].attribute",
        "rules[1].id",
        "default_rule.rule.groups[0].operator",
    ]


def test_a_rule_keeps_its_place_its_id_and_the_fields_that_flags_add() -> None:
    raw = document(CONDITION, variant="on", name="n", priority=5)
    raw["rules"].insert(0, {"id": "first", "rule": {"conditions": [CONDITION | {"value": 2}]}})
    raw["default_rule"] = {"id": "d", "rule": {}, "allocation": {"on": 1}}
    rules = Rules(parse(raw))
    match, default = rules.match({"a": 1}, 0.0), rules.match({"a": 3}, 0.0)
    assert match is not None
    assert default is not None
    assert (match.index, match.id, match.extra) == (1, "r", {"variant": "on"})
    assert (default.index, default.id, default.extra) == (2, "d", {"allocation": {"on": 1}})


@pytest.mark.parametrize("version", ["", "1.1", "2", "99"])
def test_any_other_version_text_means_1_0_as_in_the_backend(version: str) -> None:
    rules = Rules(parse(document(CONDITION, version=version)))
    assert rules.match({"a": True}, 0.0) is not None


def nested(depth: int) -> dict[str, Any]:
    group: dict[str, Any] = {"conditions": [CONDITION]}
    for _ in range(depth - 1):
        group = {"operator": "not", "groups": [group]}
    return {"rules": [{"id": "r", "rule": group}]}


def deep_value(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def regex(pattern: str) -> dict[str, Any]:
    return document({"attribute": "a", "operator": "match_regex", "value": pattern})


@pytest.mark.parametrize(
    ("largest", "beyond", "path"),
    [
        (nested(MAX_NESTING), nested(MAX_NESTING + 1), "rules[0].rule" + ".groups[0]" * MAX_NESTING),
        (
            {"rules": [{"id": "r", "rule": {}}] * MAX_RULES},
            {"rules": [{"id": "r", "rule": {}}] * (MAX_RULES + 1)},
            "rules",
        ),
        (document(*[CONDITION] * MAX_CONDITIONS), document(*[CONDITION] * (MAX_CONDITIONS + 1)), "rules"),
        (
            document(CONDITION | {"value": [0] * MAX_VALUES}),
            document(CONDITION | {"value": [0] * (MAX_VALUES + 1)}),
            "rules[0].rule.conditions[0].value",
        ),
        (
            document(CONDITION | {"value": deep_value(MAX_NESTING)}),
            document(CONDITION | {"value": deep_value(100_000)}),
            "rules[0].rule.conditions[0].value",
        ),
        (regex("a" * MAX_PATTERN), regex("a" * (MAX_PATTERN + 1)), "rules[0].rule.conditions[0].value"),
    ],
    ids=["nesting", "rules", "conditions", "values", "value depth", "pattern"],
)
def test_the_largest_document_is_taken_and_a_larger_one_refused(largest: Any, beyond: Any, path: str) -> None:
    parse(largest)
    (problem,) = problems(beyond)
    assert problem.path == path
    assert any(character.isdigit() for character in problem.message)  # names the limit


@pytest.mark.parametrize(
    "operands",
    [
        ("gt", "many", None),
        ("gt", True, None),
        ("between", 3, 1),
        ("before", "soon", None),
        ("starts_with", None, None),
        ("match_regex", "(", None),
        ("match_regex", r"(a)\1", None),
        ("match_regex", "(?=a)b", None),
        ("semantic_version", "2.3.0", ">="),
        ("geo_distance", [1, 2], None),
        ("geo_distance", [True, 2], 5),
        ("geo_distance", {"lat": 1, "lon": 2, "radius": True}, None),
        ("geo_distance", [1, 2], False),
        ("geo_distance", [1, 2], []),
        ("geo_distance", [1, 2], ""),
        ("time_window", {"start": 1, "days": [True]}, None),
        ("time_window", {"start": 1, "timezone": 0}, None),
        ("time_window", {"start": 1, "timezone": ""}, None),
        ("semantic_version", "2.3.0", ""),
        ("semantic_version", "2.3.0", {}),
        ("array_length", 1, False),
        ("array_length", -1, None),
        ("array_length", {"min": 3, "max": 1}, "between"),
        ("percentage_bucket", 0.0004, None),
        ("gt", "9" * 5000, None),
        ("semantic_version", "9" * 5000, None),
        ("semantic_version", "1.3.0.4", None),
        ("semantic_version", "1.03", None),
        ("semantic_version", True, None),
        ("match_regex", "(?m:^a$)|b$", None),
        ("time_window", {}, None),
        ("time_window", {"timezone": "UTC"}, None),
        ("time_window", {"from": 1}, None),
        ("time_window", {"start_time": "09:00"}, None),
        ("percentage_bucket", 100.5, None),
        ("array_length", 1.5, None),
        ("array_length", {"min": 1}, "between"),
    ],
)
def test_version_2_refuses_operands_that_1_0_silently_never_matches(operands: tuple[str, Any, Any]) -> None:
    operator, value, additional_value = operands
    condition = {"attribute": "a", "operator": operator, "value": value, "additional_value": additional_value}
    (problem,) = problems(document(condition, version="2.0"))
    assert problem.path == "rules[0].rule.conditions[0].value"


@pytest.mark.parametrize("pattern", ["(?i)müller", r"(?a)\w+", "(a|b$)c", r"(?i)\bstraße\b", r"$\n?^"])
def test_version_2_takes_every_pattern_without_memory(pattern: str) -> None:
    parse(document({"attribute": "a", "operator": "match_regex", "value": pattern}, version="2.0"))


def test_a_number_that_is_not_finite_is_refused_in_both_versions() -> None:
    for version in ("1.0", "2.0"):
        for value in (float("nan"), [1, float("inf")]):
            condition = {"attribute": "a", "operator": "eq", "value": value}
            (problem,) = problems(document(condition, version=version))
            assert problem.path == "rules[0].rule.conditions[0].value"


def test_version_2_refuses_empty_groups_and_ids_it_cannot_hash_by() -> None:
    raw = {"version": "2.0", "rules": [{"id": "r", "rule": {"operator": "or"}}]}
    assert problems(raw)[0].path == "rules[0].rule"
    raw = {
        "version": "2.0",
        "rules": [{"id": "r", "rule": {}}, {"id": "r", "rule": {}}, {"id": "a b", "rule": {}}],
    }
    assert [problem.path for problem in problems(raw)] == ["rules[1].id", "rules[2].id"]


@pytest.mark.parametrize("value", [50, 50.0, "50", "+50", True])
def test_an_integer_field_takes_what_the_backend_coerces(value: Any) -> None:
    parse(document(CONDITION, rollout_percentage=value))


@pytest.mark.parametrize("value", [50.5, "50.5", " 50 ", "", None, [], float("inf"), 10**30])
def test_an_integer_field_refuses_everything_else(value: Any) -> None:
    assert problems(document(CONDITION, rollout_percentage=value))[0].path == "rules[0].rollout_percentage"
