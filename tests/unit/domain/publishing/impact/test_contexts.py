"""Contexts from conditions: for each operator one that satisfies it, and one that just misses it."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.definitions.targeting_rules import build_check
from chalicelib.domain.publishing.impact.contexts import make_contexts
from chalicelib.domain.publishing.impact.paths import USER
from chalicelib.domain.targeting import RulesDocument, parse
from chalicelib.domain.targeting.compiler import translate_group
from tests.support.targeting_strategies import documents

NOW = 1_800_000_000.0


def make_rules(*conditions: dict[str, Any], version: str = "2.0", operator: str = "and") -> dict[str, Any]:
    group = {"operator": operator, "conditions": [*conditions]}
    return {"version": version, "rules": [{"id": "r", "rule": group}]}


def condition(operator: str, value: Any, additional: Any = None, attribute: str = "a") -> dict[str, Any]:
    return {"attribute": attribute, "operator": operator, "value": value, "additional_value": additional}


def make_rule_contexts(*versions: RulesDocument) -> Iterator[dict[str, Any]]:
    """Of all rules of each version."""
    conditions = [
        [translate_group(rule.group, version.is_v2) for rule in version.in_order()] for version in versions
    ]
    return make_contexts(conditions, [USER], NOW)


def list_matches(*versions: dict[str, Any]) -> list[tuple[bool, ...]]:
    """For each context, whether the one rule of each version matches it."""
    parsed = [parse(version) for version in versions]
    matchers = [build_check(item.rules[0].group, item.is_v2) for item in parsed]
    return [tuple(matches(context, NOW) for matches in matchers) for context in make_rule_contexts(*parsed)]


OPERANDS = [
    condition("eq", "DE"),
    condition("eq", None),
    condition("neq", 3),
    condition("in", ["DE", "FR"]),
    condition("not_in", ["DE"]),
    condition("contains", "beta"),
    condition("not_contains", "beta"),
    condition("starts_with", "a"),
    condition("ends_with", ".org"),
    condition("gt", 10),
    condition("gte", 1000),
    condition("lt", 0.5),
    condition("lte", -3),
    condition("between", 18, 65),
    condition("between", "2026-01-01", "2026-02-01T00:00:00Z"),
    condition("before", "2026-01-01T00:00:00Z"),
    condition("after", 1_700_000_000),
    condition("contains_all", ["a", "b"]),
    condition("contains_any", ["a", "b"]),
    condition("match_regex", r"^user-\d+$"),
    condition("semantic_version", "1.2.3", "gte"),
    condition("geo_distance", [52.5, 13.4], 10),
    condition("geo_distance", {"lat": 52.5, "lon": 13.4, "radius": 10, "unit": "miles"}),
    condition("time_window", {"days": [5], "start_time": "22:00", "end_time": "06:00"}),
    condition("json_path", "$.plan.tier", "gold"),
    condition("array_length", 3, "gte"),
    condition("array_length", {"min": 2, "max": 4}, "between"),
]


@pytest.mark.parametrize("part", OPERANDS, ids=lambda part: part["operator"])
def test_a_context_satisfies_each_operator_and_another_one_misses_it(part: dict[str, Any]) -> None:
    assert set(list_matches(make_rules(part))) == {(True,), (False,)}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (condition("in", ["DE"]), condition("in", ["XX"])),
        (condition("in", [*map(str, range(500)), "DE"]), condition("in", [*map(str, range(500)), "XX"])),
        (condition("semantic_version", "1.2.3", "gte"), condition("semantic_version", "3.0.0", "lt")),
        (condition("between", 0, 50), condition("between", 40, 90)),
        (condition("starts_with", "a"), condition("ends_with", "z")),
    ],
)
def test_contexts_lose_and_gain_where_an_operand_changes(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    found = list_matches(make_rules(before), make_rules(after))
    assert {(True, False), (False, True)} <= set(found)


def test_conditions_on_one_attribute_are_satisfied_together() -> None:
    parts = condition("gte", 18), condition("lt", 21), condition("eq", True, attribute="b")
    assert (True,) in list_matches(make_rules(*parts))


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("operator", ["or", "not"])
def test_other_groups_are_satisfied_too(version: str, operator: str) -> None:
    parts = condition("eq", "x"), condition("in", ["y", "z"], attribute="b")
    assert {(True,), (False,)} == set(list_matches(make_rules(*parts, version=version, operator=operator)))


@given(st.booleans().flatmap(documents))
def test_contexts_can_be_made_from_any_rules(document: dict[str, Any]) -> None:
    for context in make_rule_contexts(parse(document)):
        assert isinstance(context, dict)
