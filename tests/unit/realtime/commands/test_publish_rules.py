"""`publish`: what a changed rule does to users, over contexts made from the conditions that are written."""

import re
from typing import Any

import pytest

from tests.support.publisher import Publisher


def make_flag(condition: Any, **fields: Any) -> dict[str, Any]:
    return {"key": "f", "rules": [{"when": condition, "serve": "on"}], "default": "off", **fields}


CHANGES: list[tuple[Any, Any, str]] = [
    ({"if": "country", "in": ["DE"]}, {"if": "country", "in": ["XX"]}, 'with {"country": "XX"}: off → on'),
    (
        {"if": "account.plan", "eq": "gold"},
        {"if": "account.plan", "eq": "silver"},
        'with {"account": {"plan": "silver"}}: off → on',
    ),
    (
        {"some": "orders", "where": {"item": "sku", "eq": "a"}},
        {"some": "orders", "where": {"item": "sku", "eq": "b"}},
        'with {"orders": [{"sku": "b"}]}: off → on',
    ),
    (
        {"not": {"if": "country", "in": ["DE"]}},
        {"not": {"if": "country", "in": ["XX"]}},
        'with {"country": "DE"}: off → on',
    ),
    (
        {"if": "version", "gte": "2.3.0", "as": "semver"},
        {"if": "version", "gte": "3.0.0", "as": "semver"},
        'with {"version": "2.3.0"}: on → off',
    ),
    (
        {"if": "seen", "after": "2026-01-01T00:00:00Z"},
        {"if": "seen", "after": "2026-06-01T00:00:00Z"},
        "on → off",
    ),
    ({"if": "seen", "after": "now - 7d"}, {"if": "seen", "after": "now - 1d"}, "on → off"),
    ({"user": ["alice"]}, {"user": ["bob"]}, 'with {"user_id": "bob"}: off → on'),
]


@pytest.mark.parametrize(("before", "after", "line"), CHANGES, ids=str)
def test_users_of_a_condition_that_is_exchanged_lose_and_gain(
    publisher: Publisher, before: Any, after: Any, line: str
) -> None:
    publisher.publish(make_flag(before))
    publisher.publish(make_flag(after), dry_run=True)
    shown = re.search(r"([\d.]+)% of users whom a rule targets", publisher.output)
    assert shown, publisher.output
    assert float(shown[1]) > 0
    assert line in publisher.output
    differing = publisher.output.partition("~ flag f\n")[2].splitlines()[0]
    assert "→" in differing


def test_users_of_a_changed_segment_lose_and_gain(publisher: Publisher) -> None:
    def make(country: str) -> dict[str, Any]:
        return {"key": "eu", "when": {"if": "home.country", "in": [country]}}

    outer = {"key": "people", "when": [{"segment": "eu"}, {"if": "plan", "eq": "gold"}]}
    flag = make_flag({"segment": "people"})
    publisher.publish(flag, segments=(make("DE"), outer))
    publisher.publish(flag, segments=(make("XX"), outer), dry_run=True)
    of_segment, of_flag = publisher.output.split("flag f uses segment eu: ")
    assert re.search(r"[1-9][\d.]*% of users whom a rule targets", of_segment)
    assert 'with {"home": {"country": "XX"}}: not in the segment → in the segment' in of_segment
    assert re.match(r"[1-9][\d.]*% of users whom a rule targets", of_flag)


def test_a_part_of_those_of_a_rule_get_another_answer_where_its_gate_changes(publisher: Publisher) -> None:
    def make(traffic: str) -> dict[str, Any]:
        flag = make_flag([{"if": "country", "in": ["DE"]}])
        flag["rules"][0] |= {"gates": [{"traffic": traffic}], "unit": "account.id"}
        return flag

    publisher.publish(make("20%"))
    publisher.publish(make("50%"))
    shown = re.search(r"([\d.]+)% of users whom a rule targets get another answer", publisher.output)
    assert shown, publisher.output
    assert abs(float(shown[1]) - 30) < 2


def test_those_whom_no_condition_describes_are_told_apart(publisher: Publisher) -> None:
    def make(traffic: str) -> dict[str, Any]:
        flag = make_flag({"if": "country", "in": ["DE"]})
        flag["rules"].append({"gates": [{"traffic": traffic}], "serve": "on"})
        return flag

    publisher.publish(make("20%"))
    publisher.publish(make("50%"))
    shown = re.search(r"0\.0% of users whom a rule targets, and ([\d.]+)% of the others", publisher.output)
    assert shown, publisher.output
    assert abs(float(shown[1]) - 30) < 2


def test_a_flag_that_a_condition_names_is_followed(publisher: Publisher) -> None:
    other = {"key": "g", "rules": [{"when": {"if": "plan", "eq": "gold"}, "serve": "on"}], "default": "off"}
    publisher.publish(make_flag({"flag": "g", "variant": "on"}), other)
    publisher.publish(make_flag({"flag": "g", "variant": "off"}), other)
    assert 'with {"plan": "gold"}: on → off' in publisher.output


def test_an_experiments_condition_and_gates_are_followed(publisher: Publisher) -> None:
    def make(country: str) -> dict[str, Any]:
        gate = {"not": {"if": "country", "in": ["FR"]}}
        variants = {"control": 1, "treatment": 1}
        condition = {"if": "home.country", "in": [country]}
        return {"key": "e", "status": "active", "variants": variants, "when": condition, "gates": [gate]}

    publisher.publish(experiments=(make("DE"),))
    publisher.publish(experiments=(make("XX"),))
    assert re.search(r'with {"home": {"country": "XX"}}: no variant → control \d+%', publisher.output)
