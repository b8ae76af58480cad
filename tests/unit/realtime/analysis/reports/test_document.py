"""The answer as JSON: its shape is a contract with scripts."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from realtime.analysis.model import Analysis, Check
from realtime.analysis.reports.document import describe_analysis
from tests.support.analyses import (
    change_design,
    make_analysis,
    make_comparison,
    make_full_analysis,
    make_result,
    make_undefined_comparison,
)

GOLDEN = Path(__file__).with_name("analysis.json")
NUMBER = {"type": ["number", "null"]}
INTERVAL = {"type": ["array", "null"], "items": NUMBER, "minItems": 2, "maxItems": 2}


def shape(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def listed(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


FIXED = shape(interval=INTERVAL, lift_interval=INTERVAL, p_value=NUMBER)
COMPARISON = shape(
    treatment={"type": "string"},
    difference=NUMBER,
    se=NUMBER,
    interval=INTERVAL,
    lift=NUMBER,
    lift_interval=INTERVAL,
    p_value=NUMBER,
    fixed={"anyOf": [{"type": "null"}, FIXED]},
    decision={"type": ["string", "null"]},
)
METRIC = shape(
    key={"type": "string"},
    role={"enum": ["primary", "guardrail", "secondary"]},
    cuped={"type": "boolean"},
    cap=NUMBER,
    variants={
        "type": "object",
        "additionalProperties": shape(users={"type": "integer"}, mean=NUMBER, variance=NUMBER),
    },
    comparisons=listed(COMPARISON),
)
SCHEMA = shape(
    experiment_key={"type": "string"},
    iteration={"type": "integer"},
    version={"type": "integer"},
    as_of={"type": "string", "pattern": "Z$"},
    anchor={"type": "string"},
    engine={"type": "string"},
    settings={"type": "object"},
    users={"type": "object", "additionalProperties": {"type": "integer"}},
    checks=listed(shape(code={"type": "string"}, status={"enum": ["ok", "note", "warning", "alarm"]})),
    metrics=listed(METRIC),
    verdict=shape(
        code={
            "enum": [
                "stop_data_problem",
                "keep_running",
                "ship",
                "do_not_ship",
                "no_difference_that_matters",
            ]
        },
        reasons=listed({"type": "string"}),
    ),
)


def describe(analysis: Analysis) -> dict[str, Any]:
    """As a reader gets it. JSON knows no NaN and no infinity."""
    answer: dict[str, Any] = json.loads(json.dumps(describe_analysis(analysis), allow_nan=False))
    return answer


@pytest.mark.parametrize(
    "analysis",
    [make_full_analysis(), make_analysis(), make_analysis(make_result(make_undefined_comparison()))],
    ids=["full", "plain", "undefined"],
)
def test_the_shape_is_the_documented_one(analysis: Analysis) -> None:
    jsonschema.validate(describe(analysis), SCHEMA)


def test_the_whole_document_is_as_it_was() -> None:
    """If this fails, scripts of users may, too: add fields, but do not rename them."""
    assert describe(make_full_analysis()) == json.loads(GOLDEN.read_text())


def test_numbers_are_not_rounded() -> None:
    lift = 0.0123456789012345
    [metric] = describe(make_analysis(make_result(make_comparison(lift))))["metrics"]
    assert metric["comparisons"][0]["lift"] == lift


def test_nothing_to_say_is_null() -> None:
    result = make_result(make_undefined_comparison(), means={"control": None, "treatment": float("nan")})
    [metric] = describe(make_analysis(result))["metrics"]
    [comparison] = metric["comparisons"]
    nulls = ("difference", "se", "interval", "lift", "lift_interval", "p_value", "fixed")
    assert [comparison[name] for name in nulls] == [None] * len(nulls)
    assert [mean["mean"] for mean in metric["variants"].values()] == [None, None]


def test_an_unbounded_end_is_null() -> None:
    [metric] = describe(make_analysis(make_result(make_comparison(0.4, None, 1.5))))["metrics"]
    assert metric["comparisons"][0]["lift_interval"] == [None, 1.5]


def test_facts_of_a_check_stand_beside_its_code() -> None:
    check = Check(
        "split", "ok", "Fine.", {"p_value": 0.648, "users": {"a": 1}, "code": "no", "x": float("inf")}
    )
    [described] = describe(make_analysis(checks=[check]))["checks"]
    assert described == {
        "code": "split", "status": "ok", "message": "Fine.", "p_value": 0.648, "users": {"a": 1}, "x": None,
    }  # fmt: skip


def test_segments_are_there_if_they_were_asked_for_and_decide_nothing() -> None:
    assert "segments" not in describe(make_analysis())
    assert describe(make_analysis(by="country"))["segments"] == []
    segments = describe(make_full_analysis())["segments"]
    assert [segment["segment"] for segment in segments] == ["DE", "FR"]
    assert {each["decision"] for segment in segments for each in segment["comparisons"]} == {None}


def test_no_user_id_is_in_it() -> None:
    analysis = change_design(make_full_analysis(), left_out=frozenset({"margaret-hamilton"}))
    assert "margaret" not in json.dumps(describe(analysis))
