"""A share or a percentage as text means its number, exactly."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.definitions.compiler import parse_experiment, parse_flag
from chalicelib.domain.definitions.percent import read_percentage, read_share
from chalicelib.domain.errors import InvalidInput
from tests.support.experiments import document, shares


@given(number=st.decimals(0, 100, places=5))
def test_text_is_the_number_it_means(number: Decimal) -> None:
    assert read_share(f"{number:f}%") == float(number / 100)
    assert read_percentage(f"{number:f} %") == float(number)


@pytest.mark.parametrize(
    "value", ["20", "%", "1e1%", "20%%", "２０%", "٢٠%", "a%", 20, None, True, ["20%"], "9" * 99 + "%"]
)
def test_other_values_are_left_to_the_schema(value: Any) -> None:
    assert read_share(value) is value
    assert read_percentage(value) is value


def test_an_experiment_stores_numbers() -> None:
    variants = [
        {"key": key, "allocation": share} for key, share in (("a", "33.3%"), ("b", "33.3%"), ("c", "33.4%"))
    ]
    experiment = parse_experiment(
        document(
            variants=variants,
            traffic_allocation="20%",
            layer={"key": "l", "start": "0%", "end": "12.5%"},
            holdout={"key": "h", "share": "5 %"},
        )
    )
    assert [variant.allocation for variant in experiment.variants] == [0.333, 0.333, 0.334]
    assert experiment.traffic_allocation == 0.2
    assert experiment.layer
    assert experiment.layer.end == 0.125
    assert experiment.holdout
    assert experiment.holdout.share == 0.05
    assert "%" not in experiment.model_dump_json()


def test_a_flag_stores_numbers_in_its_rules_too() -> None:
    bucket = {"attribute": "a", "operator": "percentage_bucket", "value": "2.5%"}
    rules = {
        "version": "2.0",
        "rules": [
            {"id": "a", "rollout_percentage": "50%", "rule": {"groups": [{"conditions": [bucket]}]}},
            {"id": "b", "allocation": {"on": "20%", "off": "80%"}, "rule": {}},
        ],
        "default_rule": {"id": "c", "rollout_percentage": "10.0%", "rule": {}},
    }
    flag = parse_flag(
        {
            "key": "f",
            "type": "boolean",
            "rollout_percentage": "0.5%",
            "rollout_schedule": [{"at": "2026-01-01T00:00:00Z", "percentage": "33.333%"}],
            "tracking_sample": "10%",
            "targeting_rules": rules,
        }
    )
    assert (flag.rollout_percentage, flag.rollout_schedule[0].percentage, flag.tracking_sample) == (
        0.5,
        33.333,
        0.1,
    )
    written = json.dumps(flag.targeting_rules)
    assert "%" not in written
    assert '"rollout_percentage": 50,' in written
    assert '"value": 2.5' in written
    assert '{"on": 0.2, "off": 0.8}' in written
    assert '"rollout_percentage": 10,' in written


def test_a_bucket_of_version_1_that_matches_nobody_stays_so() -> None:
    condition = {"attribute": "a", "operator": "percentage_bucket", "value": "20%"}
    rules = {"rules": [{"id": "a", "rule": {"conditions": [condition]}}]}
    assert parse_experiment(document(targeting_rules=rules)).targeting_rules == rules


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"traffic_allocation": 20},
            "must be at most 1: it is a share, such as 0.2 or 20%, not a",
        ),
        ({"traffic_allocation": "120%"}, "must be at most 1: it is a share"),
        ({"traffic_allocation": "-1%"}, "must be at least 0"),
        ({"traffic_allocation": "20"}, "must be a number, or text such as 20%"),
        ({"variants": [*shares(a=0.5), {"key": "b", "allocation": 50}]}, "must be at most 1: it is a share"),
    ],
)
def test_a_mistake_names_the_kind_of_number(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_experiment(document(**fields))
    assert problem in str(caught.value.details[0])


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"rollout_percentage": 120},
            "rollout_percentage: must be at most 100: it is a percentage",
        ),
        (
            {"targeting_rules": {"rules": [{"id": "r", "rollout_percentage": 0.5, "rule": {}}]}},
            "rollout_percentage: must be an integer: 0.5 is a share; did you mean 50?",
        ),
        (
            {"targeting_rules": {"rules": [{"id": "r", "rollout_percentage": "33.3%", "rule": {}}]}},
            "rollout_percentage: must be an integer",
        ),
    ],
)
def test_a_mistaken_percentage_names_the_kind_of_number(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_flag({"key": "f", "type": "boolean"} | fields)
    assert problem in str(caught.value.details[0])
