"""Contexts from written conditions: for each test one that satisfies it, and one that just misses it."""

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.domain.definitions.compiler import parse_flag, parse_segment
from chalicelib.domain.definitions.rules.conditions import translate_condition
from chalicelib.domain.definitions.rules.syntax import References, Scope
from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.general_form.relations import RELATIONS
from chalicelib.domain.general_form.state import State
from chalicelib.domain.publishing.impact.contexts import make_contexts
from chalicelib.domain.publishing.impact.forms import Forms, relax
from chalicelib.domain.publishing.impact.native_values import list_test_values
from chalicelib.domain.publishing.impact.paths import USER

NOW = 1_800_000_000.0
WEEK = 604_800


def translate(condition: Any) -> Any:
    scope = Scope("f", "flag/f:", "user", "error", {}, References())
    return translate_condition(condition, "when", scope)


def holds(condition: Any, context: Mapping[str, Any]) -> bool:
    state = State(NOW, lambda _key: None, lambda _name: None)
    return bool(compile_condition(condition, "").condition(context.get("user_id"), context, state))


def list_outcomes(*conditions: Any) -> set[tuple[bool, ...]]:
    """Of one condition for each version."""
    forms = [translate(condition) for condition in conditions]
    contexts = make_contexts([[form] for form in forms], [USER], NOW)
    return {tuple(holds(relax(form), context) for form in forms) for context in contexts}


@pytest.mark.parametrize(
    "condition",
    [
        {"if": "country", "eq": "DE"},
        {"if": "country", "neq": "DE"},
        {"if": "country", "in": ["DE", "FR"]},
        {"if": "country", "not_in": ["DE"], "missing": True},
        {"if": "country", "in": ["de"], "as": "fold"},
        {"if": "age", "gt": 18},
        {"if": "age", "lte": 17.5},
        {"if": "age", "between": [18, 65]},
        {"if": "version", "gte": "2.3.0", "as": "semver"},
        {"if": "version", "lt": "1.0.0-beta", "as": "semver"},
        {"if": "seen", "before": "2026-01-01T00:00:00Z"},
        {"if": "seen", "after": "2026-01-01T00:00:00+02:00"},
        {"if": "mail", "ends_with": "@example.org"},
        {"if": "mail", "starts_with": "a"},
        {"if": "mail", "not_contains": "x"},
        {"if": "mail", "exists": True},
        {"if": "mail", "exists": False},
        {"if": "account.plan", "eq": "gold"},
        {"if": ["account", "plan"], "in": ["gold"]},
        {"if": "tags", "eq": ["a", "b"], "list": "whole"},
        {"if": "country", "eq": {"attribute": "home"}},
        {"if": "age", "lt": {"attribute": "limits.age"}, "as": "number"},
        {"user": ["alice", "bob"]},
        {"not": {"if": "country", "in": ["DE"]}},
        {"any": [{"if": "country", "eq": "DE"}, {"if": "age", "gt": 18}]},
        [{"if": "country", "eq": "DE"}, {"not": {"if": "age", "gt": 18}}, {"share": "20%", "salt": "s"}],
        {"some": "orders", "where": {"item": "sku", "eq": "a"}},
        {"some": "tags", "where": {"item": "", "starts_with": "x"}},
        {"some": "orders", "where": [{"item": "sku", "in": ["a"]}, {"item": "price.net", "gte": 10}]},
        {"some": "rows", "where": {"some": "", "where": {"item": "sku", "eq": "a"}}},
        {"not": {"some": "orders", "where": {"item": "sku", "eq": "a"}}},
        [
            {"some": "orders", "where": {"item": "sku", "eq": "a"}},
            {"some": "orders", "where": {"item": "sku", "eq": "b"}},
        ],
        [{"if": "account", "exists": True}, {"if": ["account", "plan"], "eq": "gold"}],
    ],
    ids=str,
)
def test_a_context_satisfies_each_condition_and_another_one_misses_it(condition: Any) -> None:
    assert list_outcomes(condition) == {(True,), (False,)}


@pytest.mark.parametrize(
    "condition",
    [
        {"if": "mail", "matches": r"^user-\d+$"},
        {"if": "mail", "not_matches": r"@example\.org$"},
        {"if": "ip", "cidr": "10.1.0.0/16"},
        {"if": "ip", "not_cidr": ["10.1.0.0/16", "2001:db8::/32"]},
        {"if": "id", "modulo": [7, 3]},
        {"if": "tags", "contains_any": ["a", "b"]},
        {"if": "tags", "contains_all": ["a", "b"]},
        {"if": "tags", "subset_of": ["a", "b"]},
        {"if": "seen", "after": "now - 7d"},
        {"if": "seen", "before": "now"},
    ],
    ids=str,
)
def test_conditions_that_the_engine_may_not_have_yet_are_satisfied_too(condition: Any) -> None:
    try:
        translate(condition)
    except InvalidForm:
        pytest.skip("the engine does not have it")
    assert list_outcomes(condition) == {(True,), (False,)}


def test_values_around_a_time_that_is_relative_to_now_are_tried() -> None:
    test = {"test": "lt", "of": {"attr": "a", "as": "instant"}, "with": {"now": -WEEK, "as": "instant"}}
    values = list_test_values(test, NOW)
    assert {"2027-01-08T08:00:00+00:00", "2027-01-08T07:59:59+00:00"} <= {
        value for value in values if isinstance(value, str)
    }
    assert NOW - WEEK in values


@pytest.mark.skipif("weekly" not in RELATIONS, reason="the engine does not have it")
def test_an_hour_of_a_weekly_window_is_tried() -> None:
    window = {"days": ["sat"], "from": "09:00", "until": "12:00", "timezone": "Europe/Berlin"}
    form = {"test": "weekly", "of": {"attr": "local"}, "value": window}
    contexts = make_contexts([[form]], [USER], NOW)
    assert {holds(form, context) for context in contexts} == {True, False}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"if": "country", "in": ["DE"]}, {"if": "country", "in": ["XX"]}),
        ({"if": "account.plan", "eq": "gold"}, {"if": "account.plan", "eq": "silver"}),
        ({"if": "version", "gte": "1.2.3", "as": "semver"}, {"if": "version", "lt": "1.0.0", "as": "semver"}),
        (
            {"some": "orders", "where": {"item": "sku", "eq": "a"}},
            {"some": "orders", "where": {"item": "sku", "eq": "b"}},
        ),
        ({"if": "seen", "before": "2026-01-01T00:00:00Z"}, {"if": "seen", "after": "2026-06-01T00:00:00Z"}),
        ({"user": ["alice"]}, {"user": ["bob"]}),
    ],
    ids=str,
)
def test_contexts_lose_and_gain_where_a_condition_changes(before: Any, after: Any) -> None:
    assert {(True, False), (False, True)} <= list_outcomes(before, after)


def test_the_values_of_a_path_are_objects() -> None:
    (context, *_) = make_contexts([[translate({"if": "account.plan.name", "eq": "gold"})]], [USER], NOW)
    assert context == {"account": {"plan": {"name": "gold"}}}


def list_contexts(*documents: Any, name: tuple[str, str] = ("flag", "f")) -> list[dict[str, Any]]:
    parsed = {
        ("segment" if "when" in document else "flag", document["key"]): (
            parse_segment(document) if "when" in document else parse_flag(document)
        )
        for document in documents
    }
    forms = Forms(parsed, NOW)
    conditions = forms.list_conditions(name)
    expanded = [forms.expand_flags(condition) for condition in (*conditions.rules, *conditions.exclusions)]
    return list(make_contexts([expanded], forms.list_units(name), NOW))


def test_segments_are_followed_to_those_that_they_name() -> None:
    rules = [{"when": {"segment": "eu"}, "serve": "on"}]
    inner = {"key": "de", "when": {"if": "country", "in": ["DE"]}, "include": ["alice"], "share": "50%"}
    outer = {"key": "eu", "when": [{"segment": "de"}, {"if": "age", "gt": 18}]}
    contexts = list_contexts({"key": "f", "rules": rules}, inner, outer)
    assert {"country": "DE", "age": 19} in contexts
    assert {"user_id": "alice", "age": 19} in contexts


@pytest.mark.parametrize(
    "condition",
    [
        {"flag": "g", "variant": "on"},
        {"flag": "g", "value": True},
        {"flag": "g", "enabled": True},
        {"not": {"flag": "g", "variants": ["off"]}},
    ],
    ids=str,
)
def test_flags_are_followed_to_the_conditions_under_which_they_answer_so(condition: Any) -> None:
    rules = [{"when": [condition, {"if": "age", "gt": 18}], "serve": "on"}]
    other = [{"when": {"if": "country", "in": ["DE"]}, "serve": "on"}]
    contexts = list_contexts({"key": "f", "rules": rules}, {"key": "g", "rules": other, "default": "off"})
    assert {"country": "DE", "age": 19} in contexts


def test_what_a_rule_serves_is_followed_too() -> None:
    inner = [{"when": {"if": "age", "gt": 18}, "serve": {"flag": "g"}}]
    rules = [{"when": {"if": "country", "eq": "DE"}, "serve": {"rules": inner}}]
    other = [{"when": {"if": "plan", "eq": "gold"}, "serve": "on"}]
    contexts = list_contexts({"key": "f", "rules": rules}, {"key": "g", "rules": other})
    assert {"country": "DE", "age": 19, "plan": "gold"} in contexts


def test_a_rule_behind_one_that_stops_everybody_unknown_is_reached() -> None:
    rules = [
        {"when": {"not": {"if": "country", "in": ["DE"]}}, "serve": "off"},
        {"when": {"if": "plan", "eq": "gold"}, "serve": "on"},
    ]
    assert {"country": "DE", "plan": "gold"} in list_contexts({"key": "f", "rules": rules})


def test_the_units_of_all_that_is_referred_to_are_known() -> None:
    rules = [
        {"when": {"share": "20%", "salt": "s", "unit": "account.id"}, "serve": "on"},
        {"gates": [{"traffic": "20%", "unit": ["device", "session"]}], "serve": {"flag": "g"}},
    ]
    documents = {
        ("flag", "f"): parse_flag({"key": "f", "rules": rules}),
        ("flag", "g"): parse_flag(
            {"key": "g", "rules": [{"gates": [{"traffic": "5%", "unit": "org"}], "serve": "on"}]}
        ),
    }
    units = Forms(documents, NOW).list_units(("flag", "f"))
    assert units == {("account", "id"), ("device",), ("session",), ("org",)}


def test_circles_end() -> None:
    rules = [{"when": {"flag": "f", "variant": "on"}, "serve": {"flag": "f"}}]
    segment = {"key": "s", "when": {"segment": "s"}}
    assert (
        list_contexts({"key": "f", "rules": [*rules, {"when": {"segment": "s"}, "serve": "on"}]}, segment)
        == []
    )
