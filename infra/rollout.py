"""How a new version gets its traffic: probed first, then a tenth at a time, back at the first alarm."""

import json
from pathlib import Path
from typing import Any

from infra.alarms import ERROR_RATE, RATE, Alarm, failures_of_api
from infra.api import BEHIND
from infra.environments import Environment, FunctionName
from infra.functions import ALIAS, LOGICAL, physical
from infra.metrics import Dimensions, metric, shown
from infra.probes import PROBES
from infra.resource_names import sub

HOOK = Path(__file__).with_name("pre_traffic.py")
HOOK_SECONDS = 60
SAYS = "Ends the rollout of a new version."
PAGE = "docs/rollback.md"
FEW = 100
"""Calls a minute."""


def preference(name: FunctionName, environment: Environment) -> dict[str, Any]:
    """SAM's `DeploymentPreference`.

    CodeDeploy knows equal steps or one step only: 10 % → 50 % → 100 % is what `Linear10Percent…` passes
    on its way (docs/adr/010-linear-rollout.md).
    """
    logical = LOGICAL[name]
    alarms = [f"{logical}NewErrors", f"{logical}NewLatency"]
    if name in BEHIND:
        alarms.append("ApiNewErrors")  # an answer of 500 is no error to Lambda
    return {
        "Type": environment.rollout,
        "Alarms": [{"Ref": alarm} for alarm in alarms],
        "Hooks": {"PreTraffic": {"Ref": f"{logical}PreTraffic"}},
    }


def api_errors(environment: Environment) -> dict[str, dict[str, Any]]:
    """The alarm of all rollouts behind the API."""
    rings = Alarm("new-version-api-errors", SAYS, failures_of_api(environment), ERROR_RATE, page=PAGE)
    return {"ApiNewErrors": rings.resource(environment)}


def resources(name: FunctionName, environment: Environment) -> dict[str, dict[str, Any]]:
    """The hook and the two alarms of one function, to be added beside Chalice's template."""
    logical = LOGICAL[name]
    dimensions: Dimensions = {
        "FunctionName": physical(name, environment),
        "Resource": f"{physical(name, environment)}:{ALIAS}",
        "ExecutedVersion": {"Fn::GetAtt": [f"{logical}.Version", "Version"]},
    }
    called = metric("called", "AWS/Lambda", "Invocations", dimensions, "Sum")
    failed = metric("failed", "AWS/Lambda", "Errors", dimensions, "Sum")
    slowest = metric("p99", "AWS/Lambda", "Duration", dimensions, "p99")
    budget = environment.functions[name].p99_ms
    new = f"{name}-new-version"
    errors = Alarm(f"{new}-errors", SAYS, tuple(shown(RATE, [called, failed])), ERROR_RATE, page=PAGE)
    # Of few calls a percentile is the slowest one, a cold start; and one minute of three may be all of them.
    enough = FEW if name in BEHIND else 0  # a stream is read once a second, and its budget has room for one
    judged = tuple(shown(f"IF(called > {enough}, p99)", [called, slowest]))
    latency = Alarm(f"{new}-latency", SAYS, judged, budget, breaching=2, of=3, page=PAGE)
    found = {
        f"{logical}NewErrors": errors.resource(environment),
        f"{logical}NewLatency": latency.resource(environment),
        f"{logical}PreTraffic": _hook(name, environment),
        f"{logical}PreTrafficRole": _hook_role(name),
        f"{logical}PreTrafficLogGroup": _hook_log(name, environment),
    }
    return found | _scaling(name, environment)


def _hook(name: FunctionName, environment: Environment) -> dict[str, Any]:
    logical = LOGICAL[name]
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            # CodeDeploy's managed policy lets it call functions of this prefix, and no others
            "FunctionName": f"CodeDeployHook_{physical(name, environment)}",
            "Runtime": "python3.13",
            "Architectures": ["arm64"],
            "Handler": "index.handler",
            "InlineCode": HOOK.read_text(),
            "MemorySize": 512,
            "Timeout": HOOK_SECONDS,
            "Tracing": "Active",
            "Role": {"Fn::GetAtt": [f"{logical}PreTrafficRole", "Arn"]},
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": {"Ref": f"{logical}PreTrafficLogGroup"}},
            "Environment": {
                "Variables": {
                    "NEW_VERSION": {"Ref": f"{logical}.Version"},
                    "PROBES": json.dumps([{"event": p.event, "expect": p.expect} for p in PROBES[name]]),
                }
            },
        },
    }


def _hook_role(name: FunctionName) -> dict[str, Any]:
    logical = LOGICAL[name]
    statements = [
        {
            "Effect": "Allow",
            "Action": "codedeploy:PutLifecycleEventHookExecutionStatus",
            "Resource": sub(
                "arn:${AWS::Partition}:codedeploy:${AWS::Region}:${AWS::AccountId}:deploymentgroup:"
                f"${{ServerlessDeploymentApplication}}/${{{logical}DeploymentGroup}}"
            ),
        },
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": {"Ref": f"{logical}.Version"}},
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::GetAtt": [f"{logical}PreTrafficLogGroup", "Arn"]},
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


def _hook_log(name: FunctionName, environment: Environment) -> dict[str, Any]:
    return {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {
            "LogGroupName": f"/aws/lambda/CodeDeployHook_{physical(name, environment)}",
            "RetentionInDays": environment.log_days,
        },
    }


def _scaling(name: FunctionName, environment: Environment) -> dict[str, dict[str, Any]]:
    provisioned = environment.functions[name].provisioned
    if not provisioned:
        return {}
    logical = LOGICAL[name]
    target = {
        "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
        "DependsOn": [f"{logical}Alias{ALIAS}"],
        "Properties": {
            "ServiceNamespace": "lambda",
            "ScalableDimension": "lambda:function:ProvisionedConcurrency",
            "ResourceId": f"function:{physical(name, environment)}:{ALIAS}",
            "MinCapacity": provisioned[0],
            "MaxCapacity": provisioned[1],
        },
    }
    policy = {
        "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
        "Properties": {
            "PolicyName": f"{physical(name, environment)}-warm",
            "PolicyType": "TargetTrackingScaling",
            "ScalingTargetId": {"Ref": f"{logical}Scaling"},
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": 0.7,
                "PredefinedMetricSpecification": {
                    "PredefinedMetricType": "LambdaProvisionedConcurrencyUtilization"
                },
            },
        },
    }
    return {f"{logical}Scaling": target, f"{logical}ScalingPolicy": policy}
