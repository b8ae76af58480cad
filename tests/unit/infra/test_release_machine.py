"""The release's state machine, read as Step Functions, JSONata and the AWS SDK would read it."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from infra import environments
from infra.functions import LOGICAL_IDS
from infra.release import preparation
from infra.release.machine import build_definition
from infra.release.probes import PROBES, matches
from infra.release.version_alarms import PLACEHOLDER, list_templates
from tests.support import jsonata_expressions
from tests.support.synth import COMBINATIONS, Templates, of_type

PROD = environments.load("prod")
DEFINITION = build_definition(PROD, "hash=")
States = dict[str, Any]


def list_scopes(states: States) -> Iterator[States]:
    """The states of the machine, and of each `Map` in it."""
    yield states
    for state in states.values():
        if state["Type"] == "Map":
            yield from list_scopes(state["ItemProcessor"]["States"])


SCOPES = list(list_scopes(DEFINITION["States"]))
TASKS = [state for scope in SCOPES for state in scope.values() if state["Type"] == "Task"]


def list_targets(state: dict[str, Any]) -> Iterator[str]:
    yield from (state[field] for field in ("Next", "Default") if field in state)
    yield from (rule["Next"] for field in ("Choices", "Catch") for rule in state.get(field, ()))


def test_every_state_leads_somewhere_and_is_reached() -> None:
    for scope in SCOPES:
        targets = {target for state in scope.values() for target in list_targets(state)}
        assert targets <= scope.keys()
        assert scope.keys() - targets <= {next(iter(scope))}
        for name, state in scope.items():
            is_end = state["Type"] in ("Fail", "Choice") or state.get("End", False)
            assert is_end != ("Next" in state), name


def list_expressions(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            yield from list_expressions(child)
    elif isinstance(node, str) and node.startswith("{%"):
        yield node.removeprefix("{%").removesuffix("%}")


def test_every_expression_is_jsonata() -> None:
    expressions = list(list_expressions(DEFINITION))
    assert len(expressions) > 100
    for expression in expressions:
        jsonata_expressions.parse(expression)


def test_a_map_sets_no_variable_of_the_machine() -> None:
    """Step Functions refuses it; the emulator does not."""
    for scope in SCOPES[1:]:
        assert not [name for name, state in scope.items() if "Assign" in state]


@lru_cache
def get_model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def list_calls() -> Iterator[tuple[str, str, Any]]:
    for task in TASKS:
        service, action = task["Resource"].split(":")[-2:]
        yield service, action[0].upper() + action[1:], task["Arguments"]


def check_members(shape: Any, arguments: Any) -> None:
    if isinstance(arguments, dict) and shape.type_name == "structure":
        assert arguments.keys() <= shape.members.keys()
        assert set(shape.required_members) <= arguments.keys()
        for name, value in arguments.items():
            check_members(shape.members[name], value)


def test_every_call_is_one_of_aws_with_its_arguments() -> None:
    for service, action, arguments in list_calls():
        shape = get_model(service).operation_model(action).input_shape
        if isinstance(arguments, dict):
            check_members(shape, arguments)
        else:
            assert action == "PutMetricAlarm"  # its arguments are the next test's


@pytest.mark.parametrize("name", LOGICAL_IDS)
def test_its_alarms_are_ones_that_cloudwatch_takes(name: environments.FunctionName) -> None:
    shape = get_model("cloudwatch").operation_model("PutMetricAlarm").input_shape
    for template in list_templates(name, PROD):
        alarm = json.loads(template.replace(PLACEHOLDER, "7"))
        report = ParamValidator().validate(alarm, shape)
        assert not report.has_errors(), report.generate_report()
        assert alarm["AlarmName"].startswith(f"realtime-prod-{name}-v7-")
        metrics = [query["MetricStat"]["Metric"] for query in alarm["Metrics"] if "MetricStat" in query]
        for metric in metrics:
            assert {"Version", "ExecutedVersion"} & {pair["Name"] for pair in metric["Dimensions"]}
            assert "7" in {pair["Value"] for pair in metric["Dimensions"]}


def test_a_failing_or_poisoned_stream_function_is_returned_too() -> None:
    kinds = [
        json.loads(alarm)["AlarmName"].rpartition("-")[2] for alarm in list_templates("event_processor", PROD)
    ]
    assert kinds == ["failed", "slow", "errors", "quarantined"]


@pytest.mark.parametrize("variant", COMBINATIONS)
def test_its_role_allows_its_calls_and_nothing_more(template: Templates, variant: str) -> None:
    (policy,) = of_type(template(variant, "service"), "AWS::IAM::Role")["ReleaseRole"]["Policies"]
    statements: list[Any] = policy["PolicyDocument"]["Statement"]
    granted = {action for statement in statements for action in statement["Action"]}
    called = {
        f"{service}:{'InvokeFunction' if action == 'Invoke' else action}"
        for service, action, _ in list_calls()
    }
    assert {action for action in granted if not action.startswith(("logs:", "xray:"))} == called
    for statement in statements:
        if "lambda:DeleteFunction" in statement["Action"]:
            assert all(resource["Fn::Sub"].endswith(":*") for resource in statement["Resource"])
        if statement["Resource"] == ["*"]:
            assert all(
                action.startswith(("logs:", "xray:"))
                or action in ("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData")
                for action in statement["Action"]
            )


@pytest.mark.parametrize("variant", COMBINATIONS)
def test_it_publishes_the_bundle_that_its_template_deploys(
    template: Templates, synthesised: Path, variant: str
) -> None:
    (machine,) = of_type(template(variant, "service"), "AWS::StepFunctions::StateMachine").values()
    text = machine["DefinitionString"]["Fn::Sub"]
    assert set(re.findall(r"\$\{[^}]*\}", text)) == {"${AWS::Partition}"}
    function = of_type(template(variant, "service"), "AWS::Lambda::Function")["Assignment"]
    asset = synthesised / variant / f"asset.{function['Code']['S3Key']}"
    digest = base64.b64encode(hashlib.sha256(asset.read_bytes()).digest()).decode()
    assert f'"CodeSha256":"{digest}"' in text


def run(expression: str, **variables: Any) -> Any:
    context = {"Execution": {"StartTime": "2026-11-26T17:00:00Z"}}
    states = {
        "context": context,
        "input": variables.pop("input", {}),
        "result": variables.pop("result", None),
    }
    return jsonata_expressions.parse(expression.removeprefix("{%").removesuffix("%}")).evaluate(
        None, {"states": states, **variables}
    )


@pytest.mark.parametrize(
    "answer",
    [{"statusCode": 400, "body": "…"}, {"statusCode": 500}, {}, None, "text", {"statusCode": {"a": 1}}, [1]],
)
@pytest.mark.parametrize(
    "expected", [{"statusCode": 400}, {"statusCode": {"a": 1}}, {"batchItemFailures": []}]
)
def test_a_probe_is_judged_as_the_smoke_tests_judge_it(expected: Any, answer: Any) -> None:
    invoke = DEFINITION["States"]["Probe"]["ItemProcessor"]["States"]["Invoke"]
    found = run(invoke["Output"], input={"name": "x", "expect": expected}, result={"Payload": answer})
    assert ("problem" not in found) == matches(expected, answer)


def test_every_function_has_probes() -> None:
    assert PROBES.keys() == LOGICAL_IDS.keys()
    assert all(PROBES.values())


def alias(**fields: Any) -> dict[str, Any]:
    defaults = {
        "name": "ingest",
        "live": "43",
        "good": ["43", "41"],
        "bad": "",
        "released": "2",
        "weights": {},
    }
    return defaults | fields


@pytest.mark.parametrize(
    ("found", "version", "bad"),
    [
        (alias(), "41", "43"),  # 42 failed, so it is not among the good ones
        (alias(weights={"44": 0.5}), "43", "44"),
        (alias(live="44"), "43", "44"),
        (alias(live="44", weights={"45": 1.0}), "44", "45"),
        (alias(good=["43"]), None, ""),
    ],
)
def test_a_rollback_goes_to_the_last_good_version(found: Any, version: str | None, bad: str) -> None:
    expression = preparation.build_targets()["ChooseTargets"]["Assign"]["moves"]
    (move,) = run(expression, found=[found], is_named=False)
    assert (move.get("version"), move["bad"]) == (version, bad)


@pytest.mark.parametrize(
    ("found", "is_named", "names"),
    [
        ([alias(name="a", released="1"), alias(name="b", released="2")], False, ["b"]),
        ([alias(name="a", released="1"), alias(name="b", released="2")], True, ["a", "b"]),
        ([alias(name="a", weights={"44": 0.1}), alias(name="b")], False, ["a"]),
        ([alias(name="a"), alias(name="b")], False, ["a", "b"]),
    ],
)
def test_a_rollback_moves_what_the_last_release_moved(found: Any, is_named: bool, names: list[str]) -> None:
    expression = preparation.build_targets()["ChooseTargets"]["Assign"]["moves"]
    assert [move["name"] for move in run(expression, found=found, is_named=is_named)] == names


def test_what_a_description_says_is_read_back() -> None:
    output = DEFINITION["States"]["Read"]["ItemProcessor"]["States"]["GetAlias"]["Output"]
    text = run(preparation.describe("['43', '41']", "'42'"))
    assert text == "good=43,41 bad=42 released=2026-11-26T17:00:00Z"
    result = {"FunctionVersion": "43", "RevisionId": "r"}
    read = run(output, result={**result, "Description": text})
    assert (read["good"], read["bad"], read["released"]) == (["43", "41"], "42", "2026-11-26T17:00:00Z")
    first = run(output, result=result)
    assert (first["good"], first["bad"], first["released"]) == (["43"], "", "")


def test_somebody_is_told_when_a_release_does_not_end_well(template: Templates) -> None:
    rules = of_type(template("prod-standalone", "monitoring"), "AWS::Events::Rule").values()
    (rule,) = [rule for rule in rules if "EventPattern" in rule]
    assert rule["EventPattern"]["detail"]["status"] == ["FAILED", "ABORTED", "TIMED_OUT"]
    (machine,) = rule["EventPattern"]["detail"]["stateMachineArn"]
    assert machine["Fn::Sub"].endswith(":stateMachine:realtime-prod-release")
    (target,) = rule["Targets"]
    policy = of_type(template("prod-standalone", "monitoring"), "AWS::SNS::TopicPolicy")
    assert "events.amazonaws.com" in json.dumps(policy)
    assert target["Arn"]["Ref"] in json.dumps(policy)
