"""Values that are made of others, in place of an attribute; and the conditions `unknown` and `error`."""

from typing import Any

import pytest

from chalicelib.domain.definitions.compiler import compile_flag, compile_segment, parse_flag, parse_segment
from chalicelib.domain.definitions.rules.units import list_attributes
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.general_form.state import State, Stop

NOW = 1_800_000_000.0
CONTEXT: dict[str, Any] = {
    "user_id": "eve",
    "city": "Berlin",
    "home": {"city": "BERLIN"},
    "age": 18,
    "tags": ["a", "b"],
    "orders": [{"sum": 5}, {"sum": 50}],
}
PRICES = {
    "key": "prices",
    "variants": {"usual": {"value": {"max": {"de": 100}}}},
    "rules": [{"serve": "usual"}],
    "default": "usual",
}


def holds(condition: Any, user: str = "ada", **context: Any) -> bool | None:
    flag = compile_flag(parse_flag(PRICES))
    state = State(NOW, {"prices": flag.definition}.get, lambda _key: None)
    segment = compile_segment(parse_segment({"key": "s", "when": condition}))
    return segment.condition(user, CONTEXT | context, state)


@pytest.mark.parametrize(
    "condition",
    [
        {"if": {"attribute": "city", "as": "lower"}, "eq": "BERLIN"},
        {"if": {"user": "id"}, "eq": "ada"},
        {"if": "user_id", "eq": "eve"},
        {"if": {"clock": "now"}, "eq": NOW},
        {"if": {"clock": "now"}, "after": "2027-01-01T00:00:00Z"},
        {"if": {"first": ["gone", {"attribute": "city", "as": "number"}, "age"]}, "eq": 18},
        {"if": {"cat": ["city", {"const": "/"}, "age", "gone"]}, "eq": "Berlin/18"},
        {"not": {"if": {"join": ["city", "gone"]}, "exists": True}},
        {"if": {"list": ["city", "age"]}, "eq": ["Berlin", 18], "list": "whole"},
        {"if": {"length": "tags"}, "eq": 2},
        {"if": {"length": {"cat": ["city", "age"]}}, "eq": 8},
        {"if": {"lower": "city"}, "eq": {"attribute": {"lower": "home.city"}}},
        {"if": {"const": 5}, "lt": {"attribute": "age"}},
        {"if": {"flag": "prices"}, "eq": {"max": {"de": 100}}},
        {"if": {"flag": "prices", "path": ["max", "de"]}, "gte": 100},
        {"if": {"flag": "prices", "get": "variant"}, "eq": "usual"},
        {"if": {"flag": "prices", "get": "enabled"}, "eq": True},
        {"not": {"if": {"flag": "prices", "path": ["min"]}, "exists": True}},
        {"some": "orders", "where": {"if": {"item": "sum"}, "gt": {"attribute": "age"}}},
        {"some": {"first": ["gone", "tags"]}, "where": {"item": "", "eq": "b"}},
        {"some": {"list": ["age", {"const": 1}]}, "where": {"item": "", "eq": 1}},
        {"if": {"lower": "age"}, "readable": False},
        {"if": "city", "readable": True, "as": "text"},
        {"if": "age", "truthy": True},
        {"if": "gone", "truthy": False},
        {"if": {"list": []}, "logic-truthy": False},
        {"if": {"lower": "city"}, "re2": "^ber"},
        {"if": "age", "cast-eq": "18"},
        {"if": "age", "remainder": [4.5, 0]},
    ],
)
def test_a_made_value_is_tested(condition: Any) -> None:
    assert holds(condition) is True


def test_a_word_is_neither_true_nor_false_or_ends_the_evaluation() -> None:
    assert holds("unknown") is None
    assert holds({"not": "unknown"}) is None
    assert holds({"any": ["unknown", {"if": "age", "eq": 18}]}) is True
    assert holds([{"if": "age", "eq": 1}, "error"]) is False
    with pytest.raises(Stop):
        holds([{"if": "age", "eq": 18}, "error"])


TOO_DEEP: Any = "a"
for _ in range(6):
    TOO_DEEP = {"lower": TOO_DEEP}


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ({"if": {}, "eq": 1}, "when.if: must be an attribute, or an object with one of attribute, item,"),
        ({"if": {"lower": "a", "length": "a"}, "eq": 1}, "when.if: must be an attribute, or an object"),
        ({"if": {"lower": "a", "of": 1}, "eq": 1}, "when.if.of: unknown field"),
        ({"if": {"lower": ["a", ""]}, "eq": 1}, "when.if.lower: must be an attribute"),
        ({"if": {"cat": "a"}, "eq": 1}, "when.if.cat: must be a list"),
        ({"if": {"cat": ["a", 5]}, "eq": 1}, "when.if.cat[1]: must be an attribute"),
        ({"if": {"user": "name"}, "eq": 1}, "when.if.user: must be id"),
        ({"if": {"clock": 5}, "eq": 1}, "when.if.clock: must be now"),
        ({"if": {"flag": "no key"}, "eq": 1}, "when.if.flag: must be 1 to 128 of"),
        ({"if": {"flag": "f", "get": "id"}, "eq": 1}, "when.if.get: must be one of value, variant, enabled"),
        ({"if": {"flag": "f", "path": []}, "eq": 1}, "when.if.path: must be a list of names"),
        ({"if": {"lower": "a", "as": "cbor"}, "eq": 1}, "when.if.as: must be one of"),
        ({"if": {"lower": "a", "get": "value"}, "eq": 1}, "when.if.get: unknown field"),
        ({"if": TOO_DEEP, "eq": 1}, "when.if.lower.lower.lower.lower.lower: is nested more than 5"),
        ({"if": "a", "eq": {"attribute": {"user": 1}}}, "when.eq.attribute.user: must be id"),
        ({"some": {"flag": 7}, "where": True}, "when.some.flag: must be 1 to 128 of"),
        ({"if": "a", "readable": 1}, "when.readable: must be true or false"),
        ({"if": "a", "readable": True, "missing": True}, "when.missing: has no meaning beside readable"),
        ("maybe", "when: must be a condition"),
    ],
)
def test_a_mistake_is_named_with_its_path(condition: Any, problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_segment({"key": "s", "when": condition})
    assert str(caught.value.details[0]).startswith(problem)


MD5: dict[str, Any] = {"scheme": "md5-mod", "of": 100, "below": 50, "as": "text-int"}


def find_inside(unit: Any, **context: Any) -> set[int]:
    shard = MD5 | {"unit": unit, "missing": "exclude"}
    return {number for number in range(60) if holds(shard, n=number, **context)}


@pytest.mark.parametrize(
    "unit",
    [
        {"attribute": "n"},
        {"first": ["gone", "n"]},
        [{"first": ["gone", {"attribute": "n", "as": "integer"}]}, "user_id"],
        ["gone", {"join": ["n", "gone"]}, "n"],
        [{"attribute": "city", "as": "number"}, "n"],
        {"of": {"cat": ["n"]}, "missing": "exclude"},
    ],
)
def test_a_unit_may_be_made(unit: Any) -> None:
    assert find_inside(unit) == find_inside("n") != set()


def test_a_unit_may_be_the_user_whatever_the_context_says() -> None:
    def find_users(unit: Any) -> set[int]:
        return {number for number in range(60) if holds(MD5 | {"unit": unit}, user=str(number), n=number)}

    assert find_users([{"user": "id"}]) == find_users("user_id") == find_users("n") != set()
    assert find_users({"attribute": "user_id"}) in (set(), set(range(60)))


def test_a_unit_of_a_flags_answer_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_segment({"key": "s", "when": MD5 | {"unit": {"first": [{"flag": "prices"}, "n"]}}})
    assert str(caught.value.details[0]).startswith("when.unit.first[0].flag: cannot be part of a unit")


@pytest.mark.parametrize(
    ("unit", "attributes"),
    [
        ("user_id", []),
        ("account.id", ["account.id", "account"]),
        ([["account", "id"], "user_id", "org"], ["account", "org"]),
        ({"of": ["a", "b"], "missing": "exclude"}, ["a", "b"]),
        (
            {"cat": [["account", "id"], {"lower": "city"}, {"const": "x"}, {"user": "id"}]},
            ["account", "city"],
        ),
        ([{"first": [{"attribute": ["a", "b"]}, {"length": "c"}]}, "a"], ["a", "c"]),
    ],
)
def test_a_unit_tells_which_attributes_it_reads(unit: Any, attributes: list[str]) -> None:
    assert list_attributes(unit) == attributes


def test_a_flag_that_a_made_value_reads_must_exist_and_lead_to_no_circle() -> None:
    from chalicelib.domain.definitions.consistency import check_set

    flag = {"key": "f", "rules": [{"when": {"if": {"lower": {"flag": "g"}}, "eq": "x"}, "serve": "on"}]}
    ((_, problem),) = check_set([parse_flag(flag)])
    assert "g" in str(problem)
    other = {"key": "g", "rules": [{"when": {"if": "a", "eq": {"attribute": {"flag": "f"}}}, "serve": "on"}]}
    assert check_set([parse_flag(flag), parse_flag(other)])
