"""A definition in words: who gets what, without a user."""

from pathlib import Path
from typing import Any

import pytest

from chalicelib.domain.definitions.compiler import parse_experiment, parse_flag, parse_segment
from chalicelib.domain.explanation.documents import describe_definition
from realtime.definition_files.read import read_definitions
from tests.support.flags import rules, where
from tests.support.paths import ROOT

NOW = 1_790_000_000.0
BOOLEAN = {"key": "f", "type": "boolean"}
COLOURS = {
    "key": "f",
    "type": "string",
    "variants": [{"key": key, "value": value} for key, value in (("red", "#a00"), ("blue", "#00a"))],
    "default_variant": "red",
}


def say(document: Any) -> list[str]:
    return ["  " * line.level + line.text for line in describe_definition(document, NOW)]


def say_flag(**fields: Any) -> list[str]:
    return say(parse_flag(BOOLEAN | fields))


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        ({}, ["1. everybody: for everybody", "  serve on (true)"]),
        ({"enabled": False}, ["1. disabled: for everybody", "  serve off (false)"]),
        (
            {"rollout_percentage": 25},
            [
                "1. everybody: for everybody",
                "  only 25 % by user",
                "  serve on (true)",
                "  all others of them: off (false)",
            ],
        ),
        (
            {"overrides": {"ann": "on", "ben": "on"}, "enabled": True, "rollout_percentage": 0},
            ["1. override: if the user is one of 2 named users", "  serve on (true)"],
        ),
        (
            {"targeting_rules": rules({"rule": where("country", "eq", "DE")})},
            [
                '1. rule r0: if country is "DE"',
                "  serve on (true)",
                "2. not targeted: for everybody",
                "  serve off (false)",
            ],
        ),
    ],
)
def test_the_short_form_says_who_gets_what(fields: dict[str, Any], lines: list[str]) -> None:
    assert say_flag(**fields)[: len(lines)] == lines


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"if": "plan", "in": ["gold", "silver"]}, 'plan is one of "gold", "silver"'),
        ({"if": "plan", "not_in": ["gold"]}, 'plan is none of "gold"'),
        ({"if": "age", "between": [18, 99]}, "age is between 18 and 99"),
        ({"if": "age", "gte": 18}, "age >= 18"),
        ({"not": {"if": "age", "gte": 18}}, "age is not >= 18"),
        ({"if": "email", "ends_with": "@example.com"}, 'email ends with "@example.com"'),
        ({"if": "email", "matches": "^a"}, 'email matches "^a"'),
        ({"if": "plan", "exists": True}, "plan is there"),
        ({"if": "plan", "exists": False}, "plan is absent"),
        ({"segment": "staff"}, "in segment staff"),
        ({"not": {"segment": "staff"}}, "not in segment staff"),
        (
            [{"if": "age", "gt": 17}, {"any": [{"segment": "staff"}, {"if": "plan", "eq": "gold"}]}],
            'age > 17 and (in segment staff or plan is "gold")',
        ),
        ({"not": {"any": [{"segment": "a"}, {"segment": "b"}]}}, "not (in segment a or in segment b)"),
    ],
)
def test_a_condition_is_said_as_people_say_it(condition: Any, words: str) -> None:
    lines = say_flag(rules=[{"id": "r", "when": condition, "serve": "on"}], default="off")
    assert lines == [f"1. r: if {words}", "  serve on (true)", "Otherwise: off (false)"]
    assert say(parse_segment({"key": "s", "when": condition})) == [f"In it: {words}"]


def test_a_long_condition_has_a_line_for_each_part() -> None:
    parts = [{"if": f"attribute{number}", "eq": "x" * 30} for number in range(3)]
    lines = say_flag(rules=[{"id": "r", "when": parts, "serve": "on"}])
    assert lines[0] == "1. r: if all of these hold:"
    assert [line.strip() for line in lines[1:4]] == [
        f'attribute{number} is "{"x" * 30}"' for number in range(3)
    ]


def test_a_condition_with_very_many_parts_says_how_many_more() -> None:
    parts = [{"if": f"attribute{number}", "eq": "x" * 30} for number in range(50)]
    assert say(parse_segment({"key": "s", "when": {"any": parts}}))[-1].strip() == "and 30 more"


def test_a_split_names_each_share_and_who_is_left() -> None:
    served = {"split": {"red": 3, "blue": 7}}
    lines = say(parse_flag(COLOURS | {"rules": [{"id": "r", "serve": served}]}))
    assert lines == ["1. r: for everybody", "  serve by user: 30 % red, 70 % blue"]


def test_an_experiment_says_its_traffic_and_its_split() -> None:
    variants = [{"key": "old", "allocation": 0.5}, {"key": "new", "allocation": 0.5}]
    document = {"key": "e", "status": "active", "variants": variants, "traffic_allocation": 0.2}
    assert say(parse_experiment(document)) == [
        "1. traffic: for everybody",
        "  only 20 % by user",
        "  serve by user: 50 % old, 50 % new",
        "  all others of them: nothing",
    ]


def test_a_user_who_is_named_is_not_shown() -> None:
    lines = say_flag(overrides={"ann@example.com": "on"})
    assert "ann" not in " ".join(lines)


FILES = sorted((ROOT / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_definition_that_was_imported_from_another_system_has_words(path: Path) -> None:
    documents = read_definitions([path]).documents
    assert documents
    for document in documents.values():
        lines = describe_definition(document, NOW)
        assert lines
        assert all(line.text and "{'" not in line.text for line in lines)
