"""The largest contexts are decided in less than a millisecond, the largest documents in a few."""

import json
from collections.abc import Iterable
from typing import Any

import pytest

from chalicelib.domain.definitions.targeting_rules import Rules
from chalicelib.domain.targeting import parse
from chalicelib.domain.targeting.regex import engine
from chalicelib.domain.targeting.semver import CACHE_SIZE, key_cache, key_cache_v2, read_key_v1, read_key_v2
from tests.support.timing import assert_takes_less, measure_fastest

WIDE: dict[str, Any] = {"user_id": "u", "texts": [f"text-{i}" for i in range(2_560)]}
assert len(json.dumps(WIDE)) > 32_000
NUMBERS: dict[str, Any] = {"user_id": "u", "numbers": list(range(6_000))}
assert len(json.dumps(NUMBERS)) > 32_000


def build_conditions(conditions: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    names = ("attribute", "operator", "value", "additional_value")
    return [dict(zip(names, row, strict=False)) for row in conditions]


def build_rules(*conditions: tuple[Any, ...], version: str, count: int = 1, depth: int = 1) -> Rules:
    group: dict[str, Any] = {"conditions": build_conditions(conditions)}
    for _ in range(depth - 1):
        group = {"groups": [group]}
    listed = [{"id": f"r{i}", "rule": group, "rollout_percentage": 99} for i in range(count)]
    return Rules(parse({"version": version, "rules": listed}))


MANY = [f"text-{i}" for i in range(9_999)]


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize(
    ("conditions", "more", "context"),
    [
        ([("a", "eq", 1)], {"depth": 64}, {"a": 1, "user_id": "u"}),
        ([("a", "eq", "x"), ("b", "gt", 5)], {"count": 1_000}, {"a": "x", "b": 5, "user_id": "u"}),
        ([("a", "in", MANY)], {"count": 50}, {"a": "absent"}),
        ([("a", "in", [1, 2.5, None, True, *MANY[4:]])], {}, {"a": [1]}),
        ([("texts", "contains_any", ["absent"])], {}, WIDE),
        ([("texts", "contains_all", MANY)], {}, WIDE),
        ([("texts", "contains", "absent")], {}, WIDE),
        ([("numbers", "contains_any", [-1, True])], {}, NUMBERS),
        ([("numbers", "eq", [1])], {}, NUMBERS),
        ([("numbers", "array_length", 6_000, "gt")], {}, NUMBERS),
        ([("a", "json_path", "$.a", 2)], {}, {"a": json.dumps(WIDE)}),
        ([("a", "semantic_version", "1.0.0", "gt")], {}, {"a": "1." * 16_000}),
        ([("a", "gt", 5)], {}, {"a": "1" * 32_000}),
        ([("a", "before", "2026-01-31T00:00:00Z")], {}, {"a": "2" * 32_000}),
    ],
)
def test_the_largest_inputs_take_less_than_a_millisecond(
    version: str, conditions: list[tuple[Any, ...]], more: dict[str, int], context: dict[str, Any]
) -> None:
    compiled = build_rules(*conditions, version=version, **more)
    compiled.match(context, 0.0, context.get("user_id"))
    assert_takes_less(lambda: compiled.match(context, 0.0, context.get("user_id")), 0.001)


LONG_TEXT = "abc " * 8_000


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize(
    ("conditions", "context", "milliseconds"),
    [
        ([("a", "gte", 1)] * 4 + [("a", "gte", 9)], {"a": 5}, 10),
        ([("a", "in", ["x{}"])], {"a": "y"}, 1),
        ([("texts", "contains_any", ["absent{}"])], WIDE, 3),
        ([("texts", "contains_all", ["absent{}"])], WIDE, 3),
        ([("texts", "in", [["absent{}"]])], WIDE, 50),
        ([("texts", "contains", "absent{}")], WIDE, 50),
        ([("a", "json_path", "$.user_id", "absent{}")], {"a": json.dumps(WIDE)}, 3),
        ([("a", "json_path", "$.user_id", "absent{}")], {"a": json.dumps(WIDE)[:-1]}, 3),
        ([("a", "contains", "absent{}")], {"a": LONG_TEXT}, 50),
        ([("a", "match_regex", "(a|b){}$")], {"a": LONG_TEXT}, 300),
    ],
)
def test_a_thousand_rules_about_one_large_value_read_it_once(
    version: str, conditions: list[tuple[Any, ...]], context: dict[str, Any], milliseconds: float
) -> None:
    listed = [
        {
            "id": f"r{i}",
            "rule": {
                "conditions": json.loads(json.dumps(build_conditions(conditions)).replace("{}", str(i)))
            },
        }
        for i in range(1_000)
    ]
    compiled = Rules(parse({"version": version, "rules": listed}))
    assert compiled.match(context, 0.0, context.get("user_id")) is None
    limit = milliseconds / 1_000
    assert_takes_less(lambda: compiled.match(context, 0.0, context.get("user_id")), limit)


def test_what_is_remembered_of_a_value_is_of_that_value() -> None:
    compiled = build_rules(("a", "contains_any", ["x"]), version="1.0")
    for values, expected in [(["x"], True), (["y"], False), (["x", "y"], True), ([], False), (["x"], True)]:
        assert (compiled.match({"a": values, "user_id": "u"}, 0.0, "u") is not None) == expected
    compiled = build_rules(("a", "contains", "x"), version="1.0")
    for value, expected in [(["x"], True), ({"y": 1}, False), ({"x": 1}, True), (["y"], False)]:
        assert (compiled.match({"a": value, "user_id": "u"}, 0.0, "u") is not None) == expected


def test_a_pattern_is_read_once_for_the_check_and_for_the_search() -> None:
    assert engine.read_pattern("^only once$") is engine.read_pattern("^only once$")


def test_membership_costs_the_same_in_10_and_10_000_values() -> None:
    few, many = (build_rules(("a", "in", MANY[:count]), version="1.0") for count in (10, 9_999))

    def match_100_times(compiled: Rules) -> None:
        for _ in range(100):
            compiled.match({"a": "absent"}, 0.0)

    limit = 3 * measure_fastest(lambda: match_100_times(few), 0, max_seconds=0.2)
    assert measure_fastest(lambda: match_100_times(many), limit) < limit


@pytest.mark.parametrize(
    ("read_key", "cache"), [(read_key_v1, key_cache), (read_key_v2, key_cache_v2)], ids=["1.0", "2.0"]
)
def test_parsed_versions_are_remembered_within_bounds(read_key: Any, cache: dict[str, Any]) -> None:
    for number in range(2 * CACHE_SIZE):
        assert read_key(f"1.0.{number}") is not None
        assert read_key(f"not a version {number}") is None
    read_key("1.0.0-" + "a" * 30_000)
    assert len(cache) <= CACHE_SIZE
    assert max(map(len, cache)) <= 64


def test_json_text_however_deep_is_just_no_match() -> None:
    compiled = build_rules(("a", "json_path", "$.0", 1), version="2.0")
    assert compiled.match({"a": "[" * 32_000, "user_id": "u"}, 0.0, "u") is None
    assert compiled.match({"a": "9" * 32_000, "user_id": "u"}, 0.0, "u") is None


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"k": inner}], ids=["list", "object"])
def test_a_value_deeper_than_any_document_equals_nothing(version: str, wrap: Any) -> None:
    deep: Any = 1
    for _ in range(900):
        deep = wrap(deep)
    context = {"a": deep, "user_id": "u"}
    first = {
        "id": "first",
        "rule": {"conditions": [{"attribute": "a", "operator": "in", "value": [wrap(1)]}]},
    }
    other = {
        "id": "other",
        "rule": {"conditions": [{"attribute": "a", "operator": "not_in", "value": [wrap(1)]}]},
    }
    rule = Rules(parse({"version": version, "rules": [first, other]})).match(
        context, 0.0, context.get("user_id")
    )
    assert rule is not None
    assert rule.id == "other"
