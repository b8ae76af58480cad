"""The parts of a definition that differ: each by its path, with both values whole."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.definitions.model import DefinitionRow
from chalicelib.domain.publishing.diff import compare_values, find_changes, list_version_differences
from chalicelib.domain.publishing.documents import build_row, parse_document
from tests.support.experiments import document, published


def compare(before: Any, after: Any) -> list[str]:
    differences = compare_values(before, after)
    return [f"{path}: {old} → {new}" for path, old, new in differences]


def rules(*ids: str, **values: Any) -> dict[str, Any]:
    """A rule for each id: ``country in values[id]``."""
    return {
        "targeting_rules": {
            "rules": [
                {
                    "id": rule_id,
                    "rule": {
                        "conditions": [
                            {"attribute": "country", "operator": "in", "value": values.get(rule_id, ["DE"])}
                        ]
                    },
                }
                for rule_id in ids
            ]
        }
    }


CONDITION = "targeting_rules.rules[eu].rule.conditions[0]"


def test_a_changed_country_is_shown_by_itself_in_the_rule_that_has_it() -> None:
    assert compare(rules("us", "eu"), rules("us", "eu", eu=["XX"])) == [f'{CONDITION}.value[0]: "DE" → "XX"']


def test_an_element_that_is_added_or_removed_moves_no_other() -> None:
    before = rules("eu", eu=["DE", "FR", "IT", "ES"])
    assert compare(before, rules("eu", eu=["AT", "DE", "FR", "ES"])) == [
        f'{CONDITION}.value[0]: absent → "AT"',
        f'{CONDITION}.value[2]: "IT" → absent',
    ]


def test_a_rule_is_compared_with_the_rule_of_its_id_wherever_it_stands() -> None:
    after = rules("eu", "us", us=["CA"])
    assert compare(rules("us", "eu"), after) == [
        "targeting_rules.rules: us, eu → eu, us",
        f'{CONDITION.replace("[eu]", "[us]")}.value[0]: "DE" → "CA"',
    ]


def test_rules_that_share_an_id_are_compared_by_position() -> None:
    before, after = rules("eu", "eu"), rules("eu", "eu")
    after["targeting_rules"]["rules"][1]["priority"] = 3
    assert compare(before, after) == ["targeting_rules.rules[1].priority: absent → 3"]


def test_an_id_that_is_no_plain_name_is_quoted() -> None:
    difference = 'targeting_rules.rules["1"].rule.conditions[0].value[0]: "DE" → "XX"'
    assert compare(rules("1", "x]"), rules("1", "x]", **{"1": ["XX"]})) == [difference]
    assert compare({"overrides": {"a.b c": "on"}}, {"overrides": {}}) == ['overrides["a.b c"]: "on" → absent']


def test_nothing_is_cut_however_long_it_is() -> None:
    long = "x" * 5_000
    assert compare({"value": long}, {"value": "y"}) == [f'value: "{long}" → "y"']


@pytest.mark.parametrize(
    ("before", "after"), [(1, True), (1, 1.0), (0, False), (None, 0), ("1", 1), ([], {}), ("", None)]
)
def test_values_of_two_types_differ(before: Any, after: Any) -> None:
    assert compare({"value": before}, {"value": after}) == [
        f"value: {json.dumps(before)} → {json.dumps(after)}"
    ]
    published_row = build_row(parse_document("experiment", make_experiment(before)))
    name, wanted = ("experiment", "checkout"), parse_document("experiment", make_experiment(after))
    assert [change.name for change in find_changes({name: published_row}, {name: wanted})] == [name]  # type: ignore[dict-item]


def make_experiment(payload: Any) -> dict[str, Any]:
    return document(variants=[{"key": "control", "allocation": 1.0, "payload": {"value": payload}}])


def test_the_order_of_an_allocation_counts_and_that_of_other_fields_does_not() -> None:
    split = {"allocation": {"a": 0.2, "b": 0.8}}
    assert compare({"r": split}, {"r": {"allocation": {"b": 0.8, "a": 0.2}}}) == ["r.allocation: a, b → b, a"]
    assert compare({"payload": {"a": 1, "b": 2}}, {"payload": {"b": 2, "a": 1}}) == []


def test_characters_that_a_terminal_would_act_on_are_escaped() -> None:
    assert compare({"name": "a"}, {"name": "\x9b31m\u202e\x1b\ud800é"}) == [
        r'name: "a" → "\u009b31m\u202e\u001b\ud800é"'
    ]


def test_a_version_that_is_not_valid_any_more_is_compared_as_it_was_written() -> None:
    before = DefinitionRow("experiment", "checkout", '{"key": "checkout", "gone": 1}', "active", 1)
    (difference, *_) = list_version_differences(before, published())
    assert difference == ("gone", "1", "absent")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, "", "a", "1"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "key", "value", "1", "a b"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_two_values_differ_exactly_if_their_json_does(before: Any, after: Any) -> None:
    is_same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert (compare(before, after) == []) is is_same


@given(JSON)
def test_a_value_does_not_differ_from_itself(value: Any) -> None:
    assert compare(value, json.loads(json.dumps(value))) == []
