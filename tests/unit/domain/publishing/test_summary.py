"""A definition in one short line."""

from typing import Any

import pytest

from chalicelib.domain.definitions.compiler import parse_experiment, parse_flag, parse_segment
from chalicelib.domain.publishing.summary import get_rollout, list_split, summarize
from tests.support.flags import rules, where

NOW = 1_790_000_000.0
HALVES = [{"key": "a", "allocation": 0.5}, {"key": "b", "allocation": 0.5}]
RULES = rules({"rule": where("x", "eq", 1)})
OWN = rules({"rule": where("x", "eq", 1), "variant": "b"})
COLOURS = {
    "type": "string",
    "default_variant": "a",
    "variants": [each | {"value": each["key"]} for each in HALVES],
}


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "on for everybody"),
        ({"enabled": False}, "off"),
        ({"rollout_percentage": 25}, "on for 25 %"),
        ({"rollout_percentage": 0.5}, "on for 0.5 %"),
        (COLOURS, "50 % a, 50 % b for everybody"),
        (
            {"targeting_rules": rules({"rule": where("x", "eq", 1)}), "rollout_percentage": 5},
            "1 rule: on for 5 %",
        ),
        (COLOURS | {"targeting_rules": OWN}, "1 rule"),
        (COLOURS | {"targeting_rules": OWN, "rollout_percentage": 5}, "1 rule for 5 %"),
        ({"rules": [{"serve": "on"}, {"serve": "off"}]}, "2 rules"),
    ],
)
def test_a_flag_says_what_it_does(fields: dict[str, Any], line: str) -> None:
    assert summarize(parse_flag({"key": "f", "type": "boolean", **fields}), NOW) == line


def test_an_experiment_says_its_split_and_its_traffic() -> None:
    document = parse_experiment({"key": "e", "variants": HALVES, "traffic_allocation": 0.2})
    assert summarize(document, NOW) == "50 % a, 50 % b of 20 %"
    assert [tuple(share) for share in list_split(document) or ()] == [("a", 0.5), ("b", 0.5)]
    assert get_rollout(document, NOW) is None


def test_a_rollout_is_that_of_now() -> None:
    ramp = {"from": 0, "to": 100, "start": "2026-01-01T00:00:00Z", "end": "2026-01-03T00:00:00Z"}
    flag = parse_flag({"key": "f", "type": "boolean", "rollout_ramp": ramp})
    assert get_rollout(flag, 1_767_312_000.0) == 50  # the 2nd of January
    assert summarize(flag, 1_767_312_000.0) == "on for 50 %"


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({}, "empty"),
        ({"include": ["u"]}, "1 user included"),
        ({"include": ["u", "v"], "when": [{"if": "a", "eq": 1}]}, "2 users included, 1 condition"),
    ],
)
def test_a_segment_says_who_is_in_it(fields: dict[str, Any], line: str) -> None:
    assert summarize(parse_segment({"key": "s", **fields}), NOW) == line
