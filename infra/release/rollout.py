"""The rollout of a new version: probes, then traffic in steps, and back at the first alarm."""

import json
from pathlib import Path
from typing import Any

from infra.environments import Environment, FunctionName
from infra.front_doors.rest import API_FUNCTIONS
from infra.functions import ALIAS, LOGICAL_IDS, get_function_name
from infra.monitoring.alarms import ERROR_RATE_EXPRESSION, ERROR_RATE_PERCENT, Alarm, build_api_error_rate
from infra.monitoring.metrics import Dimensions, build_query, combine
from infra.release.probes import PROBES
from infra.resource_names import substitute

HOOK_FILE = Path(__file__).with_name("pre_traffic.py")
HOOK_SECONDS = 60
DESCRIPTION = "Ends the rollout of a new version."
PAGE = "docs/rollback.md"
MIN_CALLS_A_MINUTE = 100
"""With fewer calls, the latency alarm of a function behind the API does not ring."""


def build_preference(name: FunctionName, environment: Environment) -> dict[str, Any]:
    """SAM's `DeploymentPreference`.

    CodeDeploy has equal steps, or one step in between. `Linear10Percent…` passes 10 %, 50 % and 100 %
    (docs/adr/010-linear-rollout.md).
    """
    logical_id = LOGICAL_IDS[name]
    alarms = [f"{logical_id}NewErrors", f"{logical_id}NewLatency"]
    if name in API_FUNCTIONS:
        alarms.append("ApiNewErrors")  # an answer with status 500 is no error to Lambda
    return {
        "Type": environment.rollout,
        "Alarms": [{"Ref": alarm} for alarm in alarms],
        "Hooks": {"PreTraffic": {"Ref": f"{logical_id}PreTraffic"}},
    }


def build_api_alarm(environment: Environment) -> dict[str, dict[str, Any]]:
    """The alarm that ends the rollouts of all functions behind the API."""
    alarm = Alarm(
        "new-version-api-errors",
        DESCRIPTION,
        build_api_error_rate(environment),
        ERROR_RATE_PERCENT,
        page=PAGE,
    )
    return {"ApiNewErrors": alarm.to_resource(environment)}


def build_resources(name: FunctionName, environment: Environment) -> dict[str, dict[str, Any]]:
    """The hook, the two alarms and the scaling of one function, to add beside Chalice's template."""
    logical_id = LOGICAL_IDS[name]
    dimensions: Dimensions = {
        "FunctionName": get_function_name(name, environment),
        "Resource": f"{get_function_name(name, environment)}:{ALIAS}",
        "ExecutedVersion": {"Fn::GetAtt": [f"{logical_id}.Version", "Version"]},
    }
    called = build_query("called", "AWS/Lambda", "Invocations", dimensions, "Sum")
    failed = build_query("failed", "AWS/Lambda", "Errors", dimensions, "Sum")
    slowest = build_query("p99", "AWS/Lambda", "Duration", dimensions, "p99")
    budget = environment.functions[name].p99_ms
    new = f"{name}-new-version"
    errors = Alarm(
        f"{new}-errors",
        DESCRIPTION,
        tuple(combine(ERROR_RATE_EXPRESSION, [called, failed])),
        ERROR_RATE_PERCENT,
        page=PAGE,
    )
    # With few calls the P99 is the slowest call, a cold start, and they may all be in one minute of three.
    # Streams are read about once a second, and their budget allows a cold start.
    min_calls = MIN_CALLS_A_MINUTE if name in API_FUNCTIONS else 0
    latency_query = tuple(combine(f"IF(called > {min_calls}, p99)", [called, slowest]))
    latency = Alarm(f"{new}-latency", DESCRIPTION, latency_query, budget, breaching=2, periods=3, page=PAGE)
    resources = {
        f"{logical_id}NewErrors": errors.to_resource(environment),
        f"{logical_id}NewLatency": latency.to_resource(environment),
        f"{logical_id}PreTraffic": _build_hook(name, environment),
        f"{logical_id}PreTrafficRole": _build_hook_role(name),
        f"{logical_id}PreTrafficLogGroup": _build_hook_log(name, environment),
    }
    return resources | _build_scaling(name, environment)


def _build_hook(name: FunctionName, environment: Environment) -> dict[str, Any]:
    logical_id = LOGICAL_IDS[name]
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            # CodeDeploy's managed policy lets it call functions with this prefix only
            "FunctionName": f"CodeDeployHook_{get_function_name(name, environment)}",
            "Runtime": "python3.13",
            "Architectures": ["arm64"],
            "Handler": "index.handler",
            "InlineCode": HOOK_FILE.read_text(),
            "MemorySize": 512,
            "Timeout": HOOK_SECONDS,
            "Tracing": "Active",
            "Role": {"Fn::GetAtt": [f"{logical_id}PreTrafficRole", "Arn"]},
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": {"Ref": f"{logical_id}PreTrafficLogGroup"}},
            "Environment": {
                "Variables": {
                    "NEW_VERSION": {"Ref": f"{logical_id}.Version"},
                    "PROBES": json.dumps([{"event": p.event, "expect": p.expect} for p in PROBES[name]]),
                }
            },
        },
    }


def _build_hook_role(name: FunctionName) -> dict[str, Any]:
    logical_id = LOGICAL_IDS[name]
    statements = [
        {
            "Effect": "Allow",
            "Action": "codedeploy:PutLifecycleEventHookExecutionStatus",
            "Resource": substitute(
                "arn:${AWS::Partition}:codedeploy:${AWS::Region}:${AWS::AccountId}:deploymentgroup:"
                f"${{ServerlessDeploymentApplication}}/${{{logical_id}DeploymentGroup}}"
            ),
        },
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": {"Ref": f"{logical_id}.Version"}},
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::GetAtt": [f"{logical_id}PreTrafficLogGroup", "Arn"]},
        },
        {"Effect": "Allow", "Action": ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "Resource": "*"},
    ]
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [
                {
                    "PolicyName": "PreTraffic",
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
                }
            ],
        },
    }


def _build_hook_log(name: FunctionName, environment: Environment) -> dict[str, Any]:
    return {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {
            "LogGroupName": f"/aws/lambda/CodeDeployHook_{get_function_name(name, environment)}",
            "RetentionInDays": environment.log_days,
        },
    }


def _build_scaling(name: FunctionName, environment: Environment) -> dict[str, dict[str, Any]]:
    provisioned = environment.functions[name].provisioned
    if not provisioned:
        return {}
    logical_id = LOGICAL_IDS[name]
    target = {
        "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
        "DependsOn": [f"{logical_id}Alias{ALIAS}"],
        "Properties": {
            "ServiceNamespace": "lambda",
            "ScalableDimension": "lambda:function:ProvisionedConcurrency",
            "ResourceId": f"function:{get_function_name(name, environment)}:{ALIAS}",
            "MinCapacity": provisioned[0],
            "MaxCapacity": provisioned[1],
        },
    }
    policy = {
        "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
        "Properties": {
            "PolicyName": f"{get_function_name(name, environment)}-warm",
            "PolicyType": "TargetTrackingScaling",
            "ScalingTargetId": {"Ref": f"{logical_id}Scaling"},
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": 0.7,
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "LambdaProvisionedConcurrencyUtilization"
                },
            },
        },
    }
    return {f"{logical_id}Scaling": target, f"{logical_id}ScalingPolicy": policy}
