"""Configure Chalice's functions: size, role, settings, log, event source, alias."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chalicelib.domain.status.alarms import name_function
from infra.bundle import BuildTarget
from infra.environments import Environment, Function, FunctionName
from infra.release import alias
from infra.resource_names import ResourceNames, substitute
from infra.roles import build_statements
from infra.stack import build_retention_policies
from realtime.resources import EventSource

LOGICAL_IDS: Mapping[FunctionName, str] = {
    "assignment": "Assignment",
    "feature_flags": "FeatureFlags",
    "ingest": "APIHandler",  # Chalice's one API function, without the paths of the others
    "event_processor": "EventProcessor",
    "assignment_sync": "AssignmentSync",
    "authorizer": "Authorizer",
    "webhooks": "Webhooks",
    "admin": "Admin",
}
EVENT_SOURCE_IDS = {
    "EventProcessor": "EventProcessorEventProcessorKinesisEventSource",
    "AssignmentSync": "AssignmentSyncAssignmentSyncDynamodbEventSource",
    "Webhooks": "WebhooksWebhooksSqsEventSource",
}
"""As SAM would name them. A mapping with another id would read its stream from the start again."""
ROLE_IDS = {"APIHandler": "ApiHandlerRole"}
ARCHITECTURES = {"aarch64": "arm64", "x86_64": "x86_64"}


def configure_functions(
    resources: dict[str, Any], environment: Environment, names: ResourceNames, target: BuildTarget
) -> None:
    """Rewrite the functions, roles and log groups of a SAM template in place."""
    for name, logical_id in LOGICAL_IDS.items():
        # also of a function that is left out: a log that was retained is in the way when it comes back
        resources[f"{logical_id}LogGroup"] = _build_log_group(name, environment)
        if name not in environment.functions:
            del resources[logical_id], resources[f"{logical_id}Role"]
            continue
        resources[logical_id]["Properties"] |= _build_function(name, environment, names, target)
        log = {"Fn::GetAtt": [f"{logical_id}LogGroup", "Arn"]}
        role = resources[ROLE_IDS.get(logical_id, f"{logical_id}Role")]["Properties"]
        role["Policies"][0]["PolicyDocument"]["Statement"] = build_statements(name, environment, names, log)
        resources |= alias.build_resources(logical_id)
    for source in names.resources.event_sources:
        _configure_event_source(resources, source, names)
    _configure_delivery(resources, names)
    _connect_to_postgres(resources[LOGICAL_IDS["assignment_sync"]]["Properties"], names)


def _build_function(
    name: FunctionName, environment: Environment, names: ResourceNames, target: BuildTarget
) -> dict[str, Any]:
    function = environment.functions[name]
    return {
        "FunctionName": get_function_name(name, environment),
        "MemorySize": function.memory,
        "Timeout": function.timeout,
        "Tracing": "Active",
        "Runtime": target.runtime,
        "Architectures": [ARCHITECTURES[target.machine]],
        "Environment": {
            "Variables": build_variables(environment, names)
            | build_budget(function)
            | ({"REALTIME_ADMIN": "true"} if name == "admin" else {})
        },
        "LoggingConfig": {
            "LogFormat": "JSON",
            "ApplicationLogLevel": "INFO",
            "SystemLogLevel": "INFO" if environment.reports else "WARN",
            "LogGroup": {"Ref": f"{LOGICAL_IDS[name]}LogGroup"},
        },
        "Tags": {"function": name},
        **build_concurrency(_reserve(name, environment), target.runtime),
    }


def _build_log_group(name: FunctionName, environment: Environment) -> dict[str, Any]:
    properties = {
        "LogGroupName": f"/aws/lambda/{get_function_name(name, environment)}",
        "RetentionInDays": environment.log_days,
    }
    return {
        "Type": "AWS::Logs::LogGroup",
        **build_retention_policies(environment),
        "Properties": properties,
    }


def build_retained(environment: Environment) -> dict[str, dict[str, Any]]:
    """The log groups, which outlive the stack where its data does."""
    return {
        f"{logical_id}LogGroup": _build_log_group(name, environment)
        for name, logical_id in LOGICAL_IDS.items()
    }


def _connect_to_postgres(sync: dict[str, Any], names: ResourceNames) -> None:
    """Give ``sync`` the secret and the network of the platform's PostgreSQL; no other function needs them."""
    if "postgres_secret" in names.by_setting:
        sync["Environment"]["Variables"]["REALTIME_POSTGRES_SECRET"] = names.get_name("postgres_secret")
    if names.platform_resources and names.platform_resources.subnets:
        sync["VpcConfig"] = {
            "SubnetIds": list(names.platform_resources.subnets),
            "SecurityGroupIds": list(names.platform_resources.security_groups),
        }


def get_function_name(name: FunctionName, environment: Environment) -> str:
    return name_function(environment.name, name)


def build_variables(environment: Environment, names: ResourceNames) -> dict[str, Any]:
    """The `REALTIME_*` settings of every function."""
    own = ("failure_queue", "undelivered_queue", "postgres_secret")  # follow others; assignment_sync's only
    resource_names = {
        f"REALTIME_{setting.upper()}": substitute(name)
        for setting, name in names.by_setting.items()
        if setting not in own
    }
    base = {"REALTIME_ENV": environment.name, "REALTIME_PLATFORM": names.platform}
    return {**base, **resource_names, **environment.settings}


def build_budget(function: Function) -> dict[str, str]:
    return {"REALTIME_ANSWER_BUDGET": f"{function.p99_ms / 1000:g}"}


def _reserve(name: FunctionName, environment: Environment) -> Function:
    """Behind the other front doors no request calls the authorizer, so it takes no capacity from others."""
    function = environment.functions[name]
    is_unused = name == "authorizer" and environment.api != "rest"
    return replace(function, reserved=None, provisioned=None) if is_unused else function


def build_concurrency(function: Function, runtime: str) -> dict[str, Any]:
    """The release provisions concurrency, at the version that gets the traffic."""
    has_snapshots = function.snap_start and supports_snap_start(runtime)
    concurrency: dict[str, Any] = {"SnapStart": {"ApplyOn": "PublishedVersions" if has_snapshots else "None"}}
    if function.reserved is not None:
        concurrency["ReservedConcurrentExecutions"] = function.reserved
    return concurrency


def supports_snap_start(runtime: str) -> bool:
    """Lambda can restore Python from a snapshot since 3.12."""
    return tuple(int(part) for part in runtime.removeprefix("python").split(".")) >= (3, 12)


def _configure_delivery(resources: dict[str, Any], names: ResourceNames) -> None:
    """The mapping of the queue of webhooks, for the alias.

    Without reserved concurrency: a poller that is throttled would count a receive that was none.
    """
    queue = names.resources.webhooks
    logical_id = LOGICAL_IDS["webhooks"]
    del resources[logical_id]["Properties"]["Events"]
    resources[EVENT_SOURCE_IDS[logical_id]] = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {
            "EventSourceArn": names.get_arn("webhook_queue"),
            "FunctionName": alias.refer_to_alias(logical_id),
            "BatchSize": queue.batch_size,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": {"MaximumConcurrency": queue.concurrency},
        },
    }


def _configure_event_source(resources: dict[str, Any], source: EventSource, names: ResourceNames) -> None:
    """Write the mapping ourselves: SAM would bind the function's `Events` to `$LATEST`, not to the alias."""
    logical_id = LOGICAL_IDS[source.function]  # type: ignore[index]  # a source names one of our functions
    del resources[logical_id]["Properties"]["Events"]
    is_kinesis = source.function == "event_processor"
    properties = {
        "EventSourceArn": names.get_arn("event_stream")
        if is_kinesis
        else names.get_name("assignments_stream"),
        "FunctionName": alias.refer_to_alias(logical_id),
        "StartingPosition": source.starting_position,
        "BatchSize": source.batch_size,
        "MaximumBatchingWindowInSeconds": int(source.window),
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": source.bisect,
        "MaximumRetryAttempts": source.retries,
        "MaximumRecordAgeInSeconds": source.max_record_age,
        **({"TumblingWindowInSeconds": source.tumbling_window} if source.tumbling_window else {}),
        # The counters keep one sequence number a shard, which only grows. With two consumers of a shard,
        # the number of the one would hide records that the other has not counted. Add shards for speed.
        "ParallelizationFactor": source.parallelization,
        "DestinationConfig": {"OnFailure": {"Destination": names.get_arn("failure_queue")}},
    }
    resources[EVENT_SOURCE_IDS[logical_id]] = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": properties,
    }
