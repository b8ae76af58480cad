"""The permissions of each function: exactly the AWS calls that its code makes.

tests/integration/infra/test_roles.py records those calls while the functions run
and compares them, both ways.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from chalicelib.domain.status.alarms import STREAM_FUNCTIONS
from infra.encryption import get_key, list_key_actions
from infra.environments import Environment, FunctionName
from infra.resource_names import ResourceNames, Value

ActionsBySetting: TypeAlias = dict[str, tuple[str, ...]]
_READ = ("dynamodb:BatchGetItem", "dynamodb:GetItem")
_PUBLICATIONS: ActionsBySetting = {"publications_table": ("dynamodb:BatchGetItem", "dynamodb:Query")}
_EXPERIMENTS_BY_KEY: ActionsBySetting = _PUBLICATIONS | {"experiments_table": _READ}
_ALL_EXPERIMENTS: ActionsBySetting = _PUBLICATIONS | {"experiments_table": (*_READ, "dynamodb:Scan")}
_ALL_FLAGS: ActionsBySetting = _PUBLICATIONS | {"flags_table": (*_READ, "dynamodb:Scan")}
_USED_BY_EXPERIMENTS: ActionsBySetting = {"flags_table": _READ, "segments_table": _READ}
"""What conditions of experiments ask for, by key."""
_USED_BY_FLAGS: ActionsBySetting = {"segments_table": (*_READ, "dynamodb:Scan")}
UPDATE = "dynamodb:UpdateItem"
_WRITTEN = (*_READ, "dynamodb:Scan", UPDATE)
"""Definitions, by who publishes them."""
_SNAPSHOTS: ActionsBySetting = {"archive_bucket": ("s3:GetObject",)}
"""Of definitions or keys, while the tables do not answer."""
_KEYS: ActionsBySetting = {"keys_table": ("dynamodb:GetItem", "dynamodb:Scan", UPDATE), **_SNAPSHOTS}
"""One key; all, if many unknown ones are sent; and a key's last use, which is all that it may write."""
_TRACKING: ActionsBySetting = {"event_stream": ("kinesis:PutRecords",)}
_QUARANTINE: ActionsBySetting = {
    "archive_bucket": ("s3:PutObject",),  # payloads that are too large for a message
    "quarantine_queue": ("sqs:GetQueueUrl", "sqs:SendMessage"),
}
_TELLING: ActionsBySetting = {"webhook_queue": ("sqs:GetQueueUrl", "sqs:SendMessage")}
"""Of an event, to who has a webhook for it."""
_MARKING = ("dynamodb:DeleteItem", "dynamodb:PutItem")
"""That an alarm was told, which is all that assignment_sync may put into the counters, or delete there."""
_ONLY_MARKS = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["$split/*"]}}
_MEASURE = ("sqs:GetQueueAttributes", "sqs:GetQueueUrl")
ONLY_LAST_USED = {
    "ForAllValues:StringEquals": {"dynamodb:Attributes": ["id", "last_used"]},
    "StringEqualsIfExists": {"dynamodb:ReturnValues": ["NONE", "UPDATED_OLD", "UPDATED_NEW"]},
}
"""So that a function which reads keys can give none other scopes, or a longer life."""
CALLS_BY_FUNCTION: Mapping[FunctionName, ActionsBySetting] = {
    "assignment": _ALL_EXPERIMENTS
    | _USED_BY_EXPERIMENTS
    | _TRACKING
    | _SNAPSHOTS
    | {"assignments_table": (*_READ, "dynamodb:PutItem")},
    "feature_flags": _ALL_FLAGS
    | _ALL_EXPERIMENTS
    | _USED_BY_FLAGS
    | _TRACKING
    | _SNAPSHOTS
    | {"assignments_table": (*_READ, "dynamodb:PutItem")},
    "ingest": _EXPERIMENTS_BY_KEY
    | _TRACKING
    | _KEYS  # /events has no authorizer
    | {"counters_table": ("dynamodb:Query",)},
    "event_processor": _ALL_EXPERIMENTS
    | _ALL_FLAGS
    | _QUARANTINE  # the archive writes to the same bucket
    | {
        "assignments_table": ("dynamodb:BatchGetItem",),
        # it also folds closed days: reads them, moves their counts, deletes positions that are not needed
        "counters_table": (
            *("dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
            "dynamodb:Query",
        ),
        # A publication of very many changes does not list them: then all versions are read.
        "publications_table": (*_PUBLICATIONS["publications_table"], "dynamodb:Scan"),
    },
    "assignment_sync": _ALL_EXPERIMENTS
    | _TELLING
    | {"counters_table": ("dynamodb:Query", UPDATE, *_MARKING)},
    "authorizer": _KEYS,
    "webhooks": {"publications_table": ("dynamodb:GetItem", UPDATE)},
    "admin": _TELLING
    | {
        "experiments_table": _WRITTEN,
        "flags_table": _WRITTEN,
        "segments_table": _WRITTEN,
        "publications_table": (
            *(*_READ, "dynamodb:Query", "dynamodb:Scan"),
            *("dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem", UPDATE),
        ),
        "keys_table": ("dynamodb:PutItem", "dynamodb:Scan"),
        "assignments_table": ("dynamodb:GetItem",),
        "counters_table": ("dynamodb:Query",),
        "archive_bucket": ("s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"),
        "quarantine_queue": _MEASURE,
        "failure_queue": _MEASURE,
    },
}
_SNAPSHOT_FOLDERS = ("/definitions/*", "/keys/*")
_ADMIN_OBJECTS: Mapping[str, tuple[str, ...]] = {
    "s3:DeleteObject": _SNAPSHOT_FOLDERS,
    "s3:GetObject": (*_SNAPSHOT_FOLDERS, "/analyses/*"),
    "s3:ListBucket": ("",),
    "s3:PutObject": _SNAPSHOT_FOLDERS,
}
"""What `admin` may do with which objects of the bucket."""
_ADMIN_LISTED = ("definitions/*", "keys/*", "raw/events/*")
"""The folders whose names it may list; the last, to say when events were archived last."""
_WATCHING = ("cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData")
"""These have no resources."""
STREAM_READ_ACTIONS = ("DescribeStream", "GetRecords", "GetShardIterator")
NETWORK_ACTIONS = (
    *("CreateNetworkInterface", "DeleteNetworkInterface", "DescribeNetworkInterfaces", "DescribeSubnets"),
    *("AssignPrivateIpAddresses", "UnassignPrivateIpAddresses"),
)
SECRET_SUFFIXES = ("", "-??????")
"""The second is what AWS adds to a secret's name in its ARN."""


def build_statements(
    function: FunctionName, environment: Environment, names: ResourceNames, log: Value
) -> list[dict[str, Any]]:
    """The policy of ``function``: its calls, its log (``log`` is the ARN), its traces, its event source."""
    allowed = []
    calls = list_calls(function, environment, names)
    for setting, actions in sorted(calls.items()):
        if function == "admin" and setting == "archive_bucket":
            allowed += _allow_objects(names)
            continue
        suffixes = _list_suffixes(setting, function, environment, reads_keys="keys_table" in calls)
        resources = [names.get_arn(setting, suffix) for suffix in suffixes]
        for condition in (ONLY_LAST_USED, _ONLY_MARKS, None):
            chosen = [each for each in actions if _get_condition(function, setting, each) is condition]
            if chosen:
                allowed.append(_allow(chosen, *resources) | ({"Condition": condition} if condition else {}))
    allowed.append(_allow(("logs:CreateLogStream", "logs:PutLogEvents"), log))
    allowed.append(_allow(("xray:PutTelemetryRecords", "xray:PutTraceSegments"), "*"))
    if function == "admin":
        allowed.append(_allow(_WATCHING, "*"))
    allowed += _allow_keys(function, environment, names)
    return allowed + _allow_event_source(function, names) + _allow_network(function, names)


def _get_condition(function: FunctionName, setting: str, action: str) -> Mapping[str, Any] | None:
    if (setting, action) == ("keys_table", UPDATE):
        return ONLY_LAST_USED
    is_mark = function == "assignment_sync" and setting == "counters_table" and action in _MARKING
    return _ONLY_MARKS if is_mark else None


def _allow_objects(names: ResourceNames) -> list[dict[str, Any]]:
    """Of the bucket, what `admin` reads and writes."""
    statements = []
    for action, suffixes in _ADMIN_OBJECTS.items():
        statement = _allow((action,), *(names.get_arn("archive_bucket", suffix) for suffix in suffixes))
        if action == "s3:ListBucket":
            statement["Condition"] = {"StringLikeIfExists": {"s3:prefix": list(_ADMIN_LISTED)}}
        statements.append(statement)
    return statements


def _list_suffixes(
    setting: str, function: FunctionName, environment: Environment, *, reads_keys: bool
) -> tuple[str, ...]:
    """Of the bucket, the parts that the function reads or writes."""
    if setting == "archive_bucket" and function not in ("event_processor", "assignment_sync"):
        definitions = ("/definitions/*",) if function in ("assignment", "feature_flags") else ()
        return (*definitions, "/keys/*") if reads_keys else definitions
    if setting == "archive_bucket":
        is_archiving = environment.settings.get("REALTIME_ARCHIVE", "s3") == "s3"
        archive = ("/raw/events/*",) if function == "event_processor" and is_archiving else ()
        return (*archive, "/quarantine/*")
    return SECRET_SUFFIXES if setting == "postgres_secret" else ("",)


def list_calls(function: FunctionName, environment: Environment, names: ResourceNames) -> ActionsBySetting:
    """The actions that its code needs, by the setting that names their resource."""
    actions = dict(CALLS_BY_FUNCTION[function])
    if function in ("assignment", "feature_flags", "admin") and names.platform == "existing":
        actions["overrides_table"] = ("dynamodb:Scan",)
    is_sampled = float(environment.settings.get("REALTIME_CONTEXT_SAMPLE", "0")) > 0
    if function in ("assignment", "feature_flags") and environment.api != "rest":
        actions |= _KEYS  # no gateway asks the authorizer
    if function == "admin" and environment.api != "rest":
        actions["keys_table"] = tuple(dict.fromkeys((*actions["keys_table"], *_KEYS["keys_table"])))
    if function == "admin" and is_sampled:
        actions["contexts_table"] = ("dynamodb:Scan",)
    if function in ("assignment", "feature_flags") and is_sampled:
        actions["contexts_table"] = ("dynamodb:BatchWriteItem",)
    if function == "event_processor" and environment.settings.get("REALTIME_ARCHIVE") == "firehose":
        actions["firehose"] = ("firehose:PutRecordBatch",)
    if function == "event_processor" and environment.settings.get("REALTIME_EVENT_DEDUPE") == "table":
        actions["dedupe_table"] = ("dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
    has_identity = environment.settings.get("REALTIME_IDENTITY") in ("true", "1")
    if function == "event_processor" and has_identity:
        actions["assignments_table"] = ("dynamodb:BatchGetItem", "dynamodb:PutItem")
    if function == "admin" and has_identity:
        actions["assignments_table"] = _READ
    if function == "assignment_sync" and "postgres_secret" in names.by_setting:
        actions["postgres_secret"] = ("secretsmanager:GetSecretValue",)
        actions |= _QUARANTINE
    return actions


def _allow_event_source(function: FunctionName, names: ResourceNames) -> list[dict[str, Any]]:
    """The calls by which the Lambda service reads the function's stream, with the function's role."""
    if function == "webhooks":
        receive = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
        return [_allow(receive, names.get_arn("webhook_queue"))]
    if function == "event_processor":
        actions = tuple(
            f"kinesis:{action}" for action in (*STREAM_READ_ACTIONS, "DescribeStreamSummary", "ListShards")
        )
        read = _allow(actions, names.get_arn("event_stream"))
    elif function == "assignment_sync":
        actions = tuple(f"dynamodb:{action}" for action in (*STREAM_READ_ACTIONS, "ListStreams"))
        read = _allow(actions, names.get_arn("assignments_table", "/stream/*"))
    else:
        return []
    return [read, _allow(("sqs:SendMessage",), names.get_arn("failure_queue"))]


def _allow_keys(
    function: FunctionName, environment: Environment, names: ResourceNames
) -> list[dict[str, Any]]:
    """Ours encrypts the function's settings too, and receives its failed batches; the platform's, its own."""
    calls = {**list_calls(function, environment, names)}
    if function in STREAM_FUNCTIONS:
        calls["failure_queue"] = ("sqs:SendMessage",)
    if function == "webhooks":
        calls["webhook_queue"] = ("sqs:ReceiveMessage",)
    platform_owned = {*names.platform_owned, "postgres_secret"}
    platform = [action for name in calls.keys() & platform_owned for action in calls[name]]
    ours = [action for name in calls.keys() - platform_owned for action in calls[name]]
    key = get_key(environment)
    statements = [] if key is None else [_allow(list_key_actions(ours), key)]
    if platform and names.platform_resources and names.platform_resources.kms_keys:
        statements.append(_allow(list_key_actions(platform), *names.platform_resources.kms_keys))
    return statements


def _allow_network(function: FunctionName, names: ResourceNames) -> list[dict[str, Any]]:
    if function != "assignment_sync" or not (names.platform_resources and names.platform_resources.subnets):
        return []
    return [_allow(tuple(f"ec2:{action}" for action in NETWORK_ACTIONS), "*")]


def _allow(actions: Iterable[str], *resources: Value) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
