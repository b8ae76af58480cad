"""`validate`: warnings about targeting rules."""

import io
import json
from typing import Any

import pytest
from rich.console import Console

from realtime.commands.validate import validate
from realtime.safe_reading.regular_files import STANDARD_INPUT
from tests.support.experiments import document
from tests.support.publisher import FLAG, Publisher

CONDITION = {"attribute": "a", "operator": "eq", "value": 1}


@pytest.mark.parametrize(
    ("rules", "path", "hint"),
    [
        ({"default": {}}, "default", "did you mean default_rule?"),
        ({"rules": [{"id": "r", "rule": {}, "varaint": "on"}]}, "rules[0].varaint", "did you mean variant?"),
        ({"default_rule": {"id": "r", "rule": {}, "prio": 1}}, "default_rule.prio", "did you mean priority?"),
        (
            {"rules": [{"id": "r", "rule": {"condition": [CONDITION]}}]},
            "rules[0].rule.condition",
            "did you mean conditions?",
        ),
        (
            {"rules": [{"id": "r", "rolloutPercentage": 5, "rule": {"conditions": [CONDITION]}}]},
            "rules[0].rolloutPercentage",
            "did you mean rollout_percentage?",
        ),
        (
            {"rules": [{"id": "r", "rule": {"groups": [{"conditions": [CONDITION | {"case": 1}]}]}}]},
            "rules[0].rule.groups[0].conditions[0].case",
            "remove it or correct its spelling",
        ),
    ],
)
def test_an_unknown_field_of_a_rule_is_a_warning(
    publisher: Publisher, rules: dict[str, Any], path: str, hint: str
) -> None:
    assert publisher.validate(FLAG | {"targeting_rules": rules}) == 0
    warning = f"flags[0] (f).targeting_rules.{path}: unknown field; {hint}"
    assert warning in publisher.output


def test_what_a_flags_rule_may_hold_is_no_warning_and_is_one_in_an_experiment(publisher: Publisher) -> None:
    rules = {"rules": [{"id": "r", "variant": "on", "rule": {"conditions": [CONDITION]}}]}
    publisher.publish(FLAG | {"targeting_rules": rules})
    assert "0 warnings" in publisher.output
    publisher.publish(experiments=(document(targeting_rules=rules, metrics=["purchase"]),))
    assert "targeting_rules.rules[0].variant: unknown field" in publisher.output


@pytest.mark.parametrize(
    ("fields", "is_warned"),
    [
        ({}, True),
        ({"metrics": []}, True),
        ({"metrics": ["exposure"]}, True),
        ({"metrics": ["exposure", "purchase"]}, False),
        ({"status": "draft"}, False),
        ({"status": "completed"}, False),
    ],
)
def test_an_active_experiment_without_metrics_is_a_warning(
    publisher: Publisher, fields: dict[str, Any], is_warned: bool
) -> None:
    assert publisher.publish(experiments=(document(**fields),)) == 0
    assert ("experiments[0] (checkout).metrics: names no conversion" in publisher.output) is is_warned
    assert publisher.publish(experiments=(document(**fields),), strict=True) == int(is_warned)


@pytest.mark.parametrize(("kind", "is_valid"), [("boolean", True), ("bolean", False)])
def test_standard_input_is_validated_and_json_says_what_is_wrong(
    kind: str, is_valid: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = json.dumps({"flags": [FLAG | {"type": kind}]}).encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    status = validate(Console(), [STANDARD_INPUT], strict=False, as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert (status, report["valid"], report["definitions"]) == (0 if is_valid else 1, is_valid, int(is_valid))
    assert [each["path"] for each in report["errors"]] == ([] if is_valid else ["-: flags[0] (f).type"])
