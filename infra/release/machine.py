"""The state machine that releases and rolls back, with its role and log: the only owner of the traffic."""

import json
from typing import Any

from infra.environments import Environment, FunctionName
from infra.release import preparation, tidy, traffic, watch
from infra.release.names import get_function_name, get_machine_name
from infra.release.probes import PROBES
from infra.release.states import States, choose, compute, evaluate
from infra.release.version_alarms import list_templates
from infra.resource_names import Value, substitute

FUNCTION_ACTIONS = (
    "lambda:GetAlias",
    "lambda:GetFunctionConfiguration",
    "lambda:ListVersionsByFunction",
    "lambda:PublishVersion",
    "lambda:UpdateAlias",
)
VERSION_ACTIONS = (
    "lambda:DeleteFunction",
    "lambda:DeleteProvisionedConcurrencyConfig",
    "lambda:GetFunctionConfiguration",
    "lambda:GetProvisionedConcurrencyConfig",
    "lambda:InvokeFunction",
    "lambda:PutProvisionedConcurrencyConfig",
)
"""Allowed on versions only: no execution can delete a function."""
LOG_ACTIONS = (
    *("logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:GetLogDelivery", "logs:ListLogDeliveries"),
    *("logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:PutResourcePolicy"),
    "logs:UpdateLogDelivery",
)


def build_definition(environment: Environment, sha256: str) -> dict[str, Any]:
    """``sha256``: of the deployed bundle, as Lambda writes it. Nothing else can be published."""
    states: States = {
        "Configure": compute("Choose", Assign=_build_settings(environment)),
        # `Assign` sets all its variables at once: what depends on one is set in the next state.
        "Choose": compute(
            "Read",
            Assign={
                "is_named": evaluate("$count($chosen) > 0"),
                "names": evaluate("$count($chosen) > 0 ? $chosen : [$functions.name]"),
                "steps": evaluate("$gates ? $steps : [{'percent': 100, 'minutes': 0}]"),
            },
        ),
        **preparation.build_reading(),
        **preparation.build_publication(sha256),
        **preparation.build_warming(),
        **preparation.build_probing(),
        **watch.build_alarms(),
        **traffic.build_steps(),
        **watch.build_watch(environment),
        **traffic.build_return(),
        **tidy.build_tidying(),
        **preparation.build_targets(),
        "RollBack": traffic.move(
            "$moves",
            "{'version': $item.version, 'weights': {}, 'description': $item.next_description}",
            "IsRolledBack",
            traffic.PATIENT_RETRY,
        ),
        "IsRolledBack": choose("WarmAgain", ("$exists($moves.problem)", "TellNotRolledBack")),
        "TellNotRolledBack": compute("Failed", Assign=traffic.TELL_PROBLEM),
        **tidy.build_after_rollback(),
    }
    return {
        "Comment": "Moves traffic to new versions, and back. docs/release.md",
        "QueryLanguage": "JSONata",
        "StartAt": "Configure",
        "States": states,
    }


def _build_settings(environment: Environment) -> dict[str, Any]:
    """Variables: the environment's settings, and what the input asks for."""
    release = environment.release
    return {
        "functions": [_describe_function(name, environment) for name in environment.functions],
        "steps": [step._asdict() for step in release.steps],
        "step": 0,
        "min_calls": release.min_calls,
        "keep": release.keep,
        "moves": [],
        "held": [],
        "alarms": [],
        "found": [],
        "chosen": evaluate("$exists($states.input.functions) ? [$states.input.functions] : []"),
        "action": evaluate("$states.input.action = 'rollback' ? 'rollback' : 'release'"),
        "gates": evaluate("$not($states.input.gates = false)"),
        "again": evaluate("$states.input.again = true"),
    }


def _describe_function(name: FunctionName, environment: Environment) -> dict[str, Any]:
    return {
        "name": name,
        "function": get_function_name(name, environment),
        "warm": environment.functions[name].provisioned or 0,
        "probes": [{"event": probe.event, "expect": probe.expect} for probe in PROBES[name]],
        "alarms": list_templates(name, environment),
    }


def build_resources(environment: Environment, sha256: str) -> dict[str, dict[str, Any]]:
    definition = json.dumps(build_definition(environment, sha256), separators=(",", ":"))
    log = {
        # a prefix that spares the size of the account's resource policy
        "LogGroupName": f"/aws/vendedlogs/states/{get_machine_name(environment)}",
        "RetentionInDays": environment.log_days,
    }
    destination = {"CloudWatchLogsLogGroup": {"LogGroupArn": {"Fn::GetAtt": ["ReleaseLogGroup", "Arn"]}}}
    machine = {
        "StateMachineName": get_machine_name(environment),
        "DefinitionString": {"Fn::Sub": definition},
        "RoleArn": {"Fn::GetAtt": ["ReleaseRole", "Arn"]},
        # who released what, and why without gates, for as long as logs are kept
        "LoggingConfiguration": {
            "Level": "ALL",
            "IncludeExecutionData": True,
            "Destinations": [destination],
        },
        "TracingConfiguration": {"Enabled": True},
    }
    return {
        "ReleaseLogGroup": {"Type": "AWS::Logs::LogGroup", "Properties": log},
        "ReleaseRole": {"Type": "AWS::IAM::Role", "Properties": _build_role(environment)},
        "ReleaseMachine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": machine},
    }


def _build_role(environment: Environment) -> dict[str, Any]:
    functions = [get_function_name(name, environment) for name in environment.functions]
    arns = [_build_arn("lambda", f"function:{name}") for name in functions]
    versions = [_build_arn("lambda", f"function:{name}:*") for name in functions]
    alarms = [_build_arn("cloudwatch", f"alarm:{name}-v*") for name in functions]
    statements = [
        _allow(FUNCTION_ACTIONS, *arns),
        _allow(VERSION_ACTIONS, *versions),
        _allow(("cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm"), *alarms),
        _allow(("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData"), "*"),
        _allow(LOG_ACTIONS, "*"),
        _allow(("xray:PutTelemetryRecords", "xray:PutTraceSegments"), "*"),
    ]
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = {"Version": "2012-10-17", "Statement": statements}
    return {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "Policies": [{"PolicyName": "Release", "PolicyDocument": policy}],
    }


def _build_arn(service: str, resource: str) -> Value:
    return substitute(f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}")


def _allow(actions: tuple[str, ...], *resources: Value) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
