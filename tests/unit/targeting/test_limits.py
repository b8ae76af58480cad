"""The largest documents and contexts are decided in less than a millisecond."""

import json
from typing import Any

import pytest

from chalicelib.domain.targeting import Rules, compile_rules, parse
from chalicelib.domain.targeting.semver import MEMO_SIZE, key, known
from tests.support.timing import fastest

WIDE: dict[str, Any] = {"user_id": "u", "texts": [f"text-{i}" for i in range(2_560)]}
assert len(json.dumps(WIDE)) > 32_000
NUMBERS: dict[str, Any] = {"user_id": "u", "numbers": list(range(6_000))}
assert len(json.dumps(NUMBERS)) > 32_000


def rules(*conditions: tuple[Any, ...], version: str, count: int = 1, depth: int = 1) -> Rules:
    names = ("attribute", "operator", "value", "additional_value")
    group: dict[str, Any] = {"conditions": [dict(zip(names, row, strict=False)) for row in conditions]}
    for _ in range(depth - 1):
        group = {"groups": [group]}
    listed = [{"id": f"r{i}", "rule": group, "rollout_percentage": 99} for i in range(count)]
    return compile_rules(parse({"version": version, "rules": listed}))


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
    compiled = rules(*conditions, version=version, **more)
    compiled.match(context, 0.0)
    assert fastest(lambda: compiled.match(context, 0.0), 0.001) < 0.001


def test_membership_costs_the_same_in_10_and_10_000_values() -> None:
    few, many = (rules(("a", "in", MANY[:count]), version="1.0") for count in (10, 9_999))

    def hundred(compiled: Rules) -> None:
        for _ in range(100):
            compiled.match({"a": "absent"}, 0.0)

    limit = 3 * fastest(lambda: hundred(few), 0, patience=0.2)
    assert fastest(lambda: hundred(many), limit) < limit


def test_parsed_versions_are_remembered_within_bounds() -> None:
    for number in range(2 * MEMO_SIZE):
        assert key(f"1.0.{number}") is not None
        assert key(f"not a version {number}") is None
    key("1.0.0-" + "a" * 30_000)
    assert len(known) <= MEMO_SIZE
    assert max(map(len, known)) <= 64


def test_json_text_however_deep_is_just_no_match() -> None:
    compiled = rules(("a", "json_path", "$.0", 1), version="2.0")
    assert compiled.match({"a": "[" * 32_000, "user_id": "u"}, 0.0) is None
    assert compiled.match({"a": "9" * 32_000, "user_id": "u"}, 0.0) is None


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"k": inner}], ids=["list", "object"])
def test_a_value_deeper_than_any_document_equals_nothing(version: str, wrap: Any) -> None:
    deep: Any = 1
    for _ in range(900):
        deep = wrap(deep)
    context = {"a": deep, "user_id": "u"}
    held = {"id": "held", "rule": {"conditions": [{"attribute": "a", "operator": "in", "value": [wrap(1)]}]}}
    other = {
        "id": "other",
        "rule": {"conditions": [{"attribute": "a", "operator": "not_in", "value": [wrap(1)]}]},
    }
    rule = compile_rules(parse({"version": version, "rules": [held, other]})).match(context, 0.0)
    assert rule is not None
    assert rule.id == "other"
