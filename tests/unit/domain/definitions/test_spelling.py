"""A misspelt field or value is answered with the one that was probably meant."""

from typing import Any

import pytest

from chalicelib.domain.definitions.compiler import parse_experiment, parse_flag
from chalicelib.domain.errors import InvalidInput
from tests.support.experiments import document

FLAG: dict[str, Any] = {"key": "f", "type": "boolean"}
STRING = {
    "key": "f",
    "type": "string",
    "default_variant": "red",
    "variants": [{"key": "red", "value": "r", "allocation": 1}, {"key": "blue", "value": "b"}],
}
CONDITION = {"attribute": "a", "operator": "eq", "value": 1}


def list_problems(kind: str, data: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        parse_flag(data) if kind == "flag" else parse_experiment(data)
    return [str(problem) for problem in caught.value.details]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"rollout": 5}, "rollout: unknown field; did you mean rollout_percentage?"),
        ({"rolloutPercentage": 5}, "rolloutPercentage: unknown field; did you mean rollout_percentage?"),
        ({"Enabled": True}, "Enabled: unknown field; did you mean enabled?"),
        ({"targetting_rules": {}}, "targetting_rules: unknown field; did you mean targeting_rules?"),
        ({"desc": ""}, "desc: unknown field; did you mean description?"),
        ({"zzz": ""}, "zzz: unknown field; remove it or correct its spelling"),
        ({"type": "bool"}, "or 'any'; did you mean boolean?"),
        ({"type": "Boolean"}, "; did you mean boolean?"),
        ({"type": "sting"}, "; did you mean string?"),
        ({"type": 7}, "or 'any'"),
        (
            {"variants": [{"key": "on", "value": True, "alocation": 1}]},
            "variants[0].alocation: unknown field; did you mean allocation?",
        ),
        (
            {"prerequisites": [{"flag": "g", "variants": ["on"], "variant": "on"}]},
            "prerequisites[0].variant: unknown field; did you mean variants?",
        ),
        (
            {"rollout_schedule": [{"at": "2026-01-01T00:00:00Z", "percent": 5}]},
            "rollout_schedule[0].percent: unknown field; did you mean percentage?",
        ),
        ({"overrides": {"ada": "onn"}}, "no variant 'onn'; there are on, off; did you mean on?"),
    ],
)
def test_a_flags_fields_and_values(fields: dict[str, Any], problem: str) -> None:
    assert any(text.endswith(problem) for text in list_problems("flag", FLAG | fields))


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"status": "actve"}, "or 'completed'; did you mean active?"),
        ({"status": "Active"}, "; did you mean active?"),
        ({"status": "complete"}, "; did you mean completed?"),
        ({"metric": []}, "metric: unknown field; did you mean metrics?"),
        ({"layer": {"key": "l", "start": 0, "ende": 1}}, "layer.ende: unknown field; did you mean end?"),
        ({"holdout": {"key": "l", "shares": 0.1}}, "holdout.shares: unknown field; did you mean share?"),
        (
            {"variants": [{"key": "a", "allocation": 1, "paylaod": 1}]},
            "variants[0].paylaod: unknown field; did you mean payload?",
        ),
        ({"overrides": {"ada": "contorl"}}, "there are control, treatment; did you mean control?"),
    ],
)
def test_an_experiments_fields_and_values(fields: dict[str, Any], problem: str) -> None:
    assert any(text.endswith(problem) for text in list_problems("experiment", document(**fields)))


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ({"operator": "eqals"}, "; did you mean eq?"),
        ({"operator": "EQ"}, "; did you mean eq?"),
        ({"operator": "equals"}, "; did you mean eq?"),
        ({"operator": "not-in"}, "; did you mean not_in?"),
        ({"operator": "startswith"}, "; did you mean starts_with?"),
        ({"operator": "regex"}, "; did you mean match_regex?"),
        ({"operator": "semanticversion"}, "; did you mean semantic_version?"),
        ({"attribute_type": "strng"}, "semantic_version; did you mean string?"),
        ({"attribute_type": "int"}, "or one of string, number, boolean"),
    ],
)
def test_operators_and_types_of_conditions(version: str, condition: dict[str, Any], problem: str) -> None:
    rules = {"version": version, "rules": [{"id": "r", "rule": {"conditions": [CONDITION | condition]}}]}
    (text,) = list_problems("flag", FLAG | {"targeting_rules": rules})
    assert problem in text


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (
            {"id": "r", "rule": {"operator": "AND"}},
            "rule.operator: must be and, or, or not (lower case); d",
        ),
        ({"id": "r", "ruel": {}}, "rules[0].rule: is required, in place of 'ruel': a group"),
        ({"ID": "r", "rule": {}}, "rules[0].id: is required, in place of 'ID'"),
        (
            {"id": "r", "rule": {"conditions": [{"atribute": "a", "operator": "eq", "value": 1}]}},
            "conditions[0].attribute: is required, in place of 'atribute'",
        ),
        (
            {"id": "r", "rule": {"conditions": [{"attribute": "a", "operator": "in", "values": [1]}]}},
            "conditions[0].value: is required, in place of 'values' (it may be null)",
        ),
        ({"id": "r", "rule": {}, "variant": "bleu"}, "must be one of red, blue; did you mean blue?"),
        ({"id": "r", "rule": {}, "allocation": {"redd": 1}}, "shares that sum to 1; did you mean red?"),
    ],
)
def test_fields_and_values_of_rules(rule: dict[str, Any], problem: str) -> None:
    (text,) = list_problems("flag", STRING | {"targeting_rules": {"rules": [rule]}})
    assert problem in text
