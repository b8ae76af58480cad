"""The function of the heartbeat and its schedule. Its code, realtime/heartbeat.py, is in the template."""

import ast
import inspect
import re
from typing import Any

from chalicelib.domain.status.alarms import HEARTBEAT, name_function
from chalicelib.stores.key_snapshots import CONFIRMATION, POINTER
from infra.bundle import BuildTarget
from infra.encryption import ENCRYPT, get_key
from infra.environments import Environment
from infra.functions import ARCHITECTURES
from infra.monitoring.api_alarms import list_authorizing
from infra.resource_names import ResourceNames, Value, substitute
from realtime import heartbeat

MAX_INLINE = 4096
FUNCTION_ARN = "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:"


def has_heartbeat(environment: Environment) -> bool:
    """Without tracking nothing of a decision reaches a counter."""
    return environment.settings.get("REALTIME_TRACKING", "true") in ("true", "1")


def build_resources(
    environment: Environment, names: ResourceNames, target: BuildTarget
) -> dict[str, dict[str, Any]]:
    if not has_heartbeat(environment):
        return {}
    name = name_function(environment.name, HEARTBEAT)
    has_authorizer = "authorizer" in list_authorizing(environment)
    variables = {
        "REALTIME_ENV": environment.name,
        "ARCHIVE_BUCKET": names.get_name("archive_bucket"),
        "COUNTERS_TABLE": names.get_name("counters_table"),
        "KEYS_TABLE": names.get_name("keys_table"),
        **({"HAS_AUTHORIZER": "1"} if has_authorizer else {}),
    }
    function = {
        "FunctionName": name,
        "Runtime": target.runtime,
        "Architectures": [ARCHITECTURES[target.machine]],
        "Handler": "index.handler",
        "Code": {"ZipFile": read_code()},
        "Role": {"Fn::GetAtt": ["HeartbeatRole", "Arn"]},
        "MemorySize": 256,
        "Timeout": 30,
        "Environment": {"Variables": variables},
        "LoggingConfig": {"LogGroup": {"Ref": "HeartbeatLog"}, "LogFormat": "JSON"},
    }
    log = {"LogGroupName": f"/aws/lambda/{name}", "RetentionInDays": environment.log_days}
    function_target = {"Id": "heartbeat", "Arn": {"Fn::GetAtt": ["HeartbeatFunction", "Arn"]}}
    permission = {
        "FunctionName": {"Ref": "HeartbeatFunction"},
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
        "SourceArn": {"Fn::GetAtt": ["HeartbeatSchedule", "Arn"]},
    }
    # A beat that failed is late: the next one comes in a minute.
    invocation = {
        "FunctionName": {"Ref": "HeartbeatFunction"},
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": 0,
        "MaximumEventAgeInSeconds": 60,
    }
    return {
        "HeartbeatLog": {"Type": "AWS::Logs::LogGroup", "Properties": log},
        "HeartbeatRole": {
            "Type": "AWS::IAM::Role",
            "Properties": _build_role(environment, names, has_authorizer),
        },
        "HeartbeatFunction": {"Type": "AWS::Lambda::Function", "Properties": function},
        "HeartbeatInvocation": {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": invocation},
        "HeartbeatSchedule": {
            "Type": "AWS::Events::Rule",
            "Properties": {"ScheduleExpression": "rate(1 minute)", "Targets": [function_target]},
        },
        "HeartbeatPermission": {"Type": "AWS::Lambda::Permission", "Properties": permission},
    }


def _build_role(environment: Environment, names: ResourceNames, has_authorizer: bool) -> dict[str, Any]:
    called = ["feature_flags", *(["authorizer"] if has_authorizer else [])]
    aliases: list[Value] = [
        substitute(f"{FUNCTION_ARN}{name_function(environment.name, function)}:live") for function in called
    ]
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": aliases},
        {"Effect": "Allow", "Action": "lambda:ListEventSourceMappings", "Resource": "*"},
        {"Effect": "Allow", "Action": "dynamodb:Query", "Resource": names.get_arn("counters_table")},
        # whether the snapshot of keys is what the table has; the snapshot itself it cannot write
        {"Effect": "Allow", "Action": "dynamodb:Scan", "Resource": names.get_arn("keys_table")},
        {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": names.get_arn("archive_bucket", f"/{POINTER}"),
        },
        {
            "Effect": "Allow",
            "Action": "s3:PutObject",
            "Resource": names.get_arn("archive_bucket", f"/{CONFIRMATION}"),
        },
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": {"Fn::GetAtt": ["HeartbeatLog", "Arn"]},
        },
    ]
    keys: list[Value] = list(names.platform_resources.kms_keys) if names.platform_resources else []
    if (key := get_key(environment)) is not None:  # of the tables, the bucket, and its own settings
        keys.append(key)
    if keys:
        statements.append({"Effect": "Allow", "Action": list(ENCRYPT), "Resource": keys})
    assume = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    policy = {"Version": "2012-10-17", "Statement": statements}
    return {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [assume]},
        "Policies": [{"PolicyName": "Beat", "PolicyDocument": policy}],
    }


def read_code() -> str:
    """realtime/heartbeat.py without comments, docstrings, annotations and most of its indentation.

    So it fits into a template.
    """
    tree = ast.parse(inspect.getsource(heartbeat))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef):
            node.body = [part for part in node.body if not _is_text(part)]
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
    code = re.sub("\n+(?:    )*", lambda gap: "\n" + " " * (gap[0].count(" ") // 4), ast.unparse(tree))
    if len(code) > MAX_INLINE:
        raise ValueError(f"realtime/heartbeat.py has {len(code)} characters; a template takes {MAX_INLINE}")
    return code


def _is_text(part: ast.stmt) -> bool:
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)
