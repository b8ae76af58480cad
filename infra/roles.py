"""What each function may do, and on what: exactly the calls that its code makes.

tests/integration/infra/test_roles.py records those calls while the functions run, and compares both ways.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from infra.environments import Environment, FunctionName
from infra.resource_names import ResourceNames, Value

Calls: TypeAlias = dict[str, tuple[str, ...]]
_READ = ("dynamodb:BatchGetItem", "dynamodb:GetItem")
_NEWS: Calls = {"publications_table": ("dynamodb:BatchGetItem", "dynamodb:Query")}
_SOME_EXPERIMENTS: Calls = _NEWS | {"experiments_table": _READ}
_ALL_EXPERIMENTS: Calls = _NEWS | {"experiments_table": (*_READ, "dynamodb:Scan")}
_ALL_FLAGS: Calls = _NEWS | {"flags_table": (*_READ, "dynamodb:Scan")}
_TRACKING: Calls = {"event_stream": ("kinesis:PutRecords",)}
CALLS: Mapping[FunctionName, Calls] = {
    "assignment": _ALL_EXPERIMENTS | _TRACKING | {"assignments_table": (*_READ, "dynamodb:PutItem")},
    "feature_flags": _ALL_FLAGS | _TRACKING,
    "ingest": _SOME_EXPERIMENTS | _TRACKING | {"counters_table": ("dynamodb:Query",)},
    "event_processor": _ALL_EXPERIMENTS
    | _ALL_FLAGS
    | {
        "archive_bucket": ("s3:PutObject",),
        "assignments_table": ("dynamodb:BatchGetItem",),
        "counters_table": ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
        "quarantine_queue": ("sqs:GetQueueUrl", "sqs:SendMessage"),
    },
    "assignment_sync": _ALL_EXPERIMENTS | {"counters_table": ("dynamodb:Query", "dynamodb:UpdateItem")},
    "authorizer": {"keys_table": ("dynamodb:GetItem",)},
}
READING = ("DescribeStream", "GetRecords", "GetShardIterator")
INTERFACES = (
    *("CreateNetworkInterface", "DeleteNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets"),
    *("AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"),
)
BELOW = {"archive_bucket": ("/raw/events/*", "/quarantine/*"), "postgres_secret": ("", "-??????")}
"""The part of a resource that is written to; and what AWS adds to a secret's name in its ARN."""


def statements(
    function: FunctionName, environment: Environment, places: ResourceNames, log: Value
) -> list[dict[str, Any]]:
    """The policy of ``function``: its calls, its log (an ARN), its traces, its event source."""
    found = [
        _allow(actions, *(places.arn(setting, suffix) for suffix in BELOW.get(setting, ("",))))
        for setting, actions in sorted(calls(function, environment, places).items())
    ]
    found.append(_allow(("logs:CreateLogStream", "logs:PutLogEvents"), log))
    found.append(_allow(("xray:PutTelemetryRecords", "xray:PutTraceSegments"), "*"))
    return found + _source(function, places) + _network(function, places)


def calls(function: FunctionName, environment: Environment, places: ResourceNames) -> Calls:
    """The actions that its own code needs, by the setting that names their resource."""
    found = dict(CALLS[function])
    if function == "assignment" and places.platform == "existing":
        found["overrides_table"] = ("dynamodb:Scan",)
    if function == "event_processor" and environment.settings.get("REALTIME_ARCHIVE") == "firehose":
        found["firehose"] = ("firehose:PutRecordBatch",)
    if function == "event_processor" and environment.settings.get("REALTIME_EVENT_DEDUPE") == "table":
        found["dedupe_table"] = ("dynamodb:PutItem",)
    if function == "assignment_sync" and "postgres_secret" in places.names:
        found["postgres_secret"] = ("secretsmanager:GetSecretValue",)
    return found


def _source(function: FunctionName, places: ResourceNames) -> list[dict[str, Any]]:
    """What the Lambda service does in the function's name to read its stream."""
    if function == "event_processor":
        actions = tuple(f"kinesis:{one}" for one in (*READING, "DescribeStreamSummary", "ListShards"))
        read = _allow(actions, places.arn("event_stream"))
    elif function == "assignment_sync":
        actions = tuple(f"dynamodb:{one}" for one in (*READING, "ListStreams"))
        read = _allow(actions, places.arn("assignments_table", "/stream/*"))
    else:
        return []
    return [read, _allow(("sqs:SendMessage",), places.arn("failure_queue"))]


def _network(function: FunctionName, places: ResourceNames) -> list[dict[str, Any]]:
    if function != "assignment_sync" or not (places.attached and places.attached.subnets):
        return []
    return [_allow(tuple(f"ec2:{action}" for action in INTERFACES), "*")]


def _allow(actions: tuple[str, ...], *resources: Value) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
