"""Chalice's functions as this service runs them: size, role, settings, log, event source, rollout."""

from collections.abc import Mapping
from typing import Any

from infra.bundle import Target
from infra.environments import Environment, Function, FunctionName
from infra.resource_names import ResourceNames, sub
from infra.roles import statements
from infra.stack import kept
from realtime.resources import EventSource

LOGICAL: Mapping[FunctionName, str] = {
    "assignment": "Assignment",
    "feature_flags": "FeatureFlags",
    "ingest": "APIHandler",  # what is left of the one API function, once the others have their paths
    "event_processor": "EventProcessor",
    "assignment_sync": "AssignmentSync",
    "authorizer": "Authorizer",
}
EVENTS = {
    "EventProcessor": "EventProcessorKinesisEventSource",
    "AssignmentSync": "AssignmentSyncDynamodbEventSource",
}
ROLES = {"APIHandler": "ApiHandlerRole"}
ALIAS = "live"
ARCHITECTURES = {"aarch64": "arm64", "x86_64": "x86_64"}


def shape(resources: dict[str, Any], environment: Environment, places: ResourceNames, target: Target) -> None:
    """Rewrite the functions, roles and log groups of a SAM template in place."""
    for name, logical in LOGICAL.items():
        resources[logical]["Properties"] |= _function(name, environment, places, target)
        log = {"Fn::GetAtt": [f"{logical}LogGroup", "Arn"]}
        role = resources[ROLES.get(logical, f"{logical}Role")]["Properties"]
        role["Policies"][0]["PolicyDocument"]["Statement"] = statements(name, environment, places, log)
        resources[f"{logical}LogGroup"] = _log_group(name, environment)
    for source in places.resources.event_sources:
        _read(resources, source, places)
    _connect(resources[LOGICAL["assignment_sync"]]["Properties"], places)


def _function(
    name: FunctionName, environment: Environment, places: ResourceNames, target: Target
) -> dict[str, Any]:
    sized = environment.functions[name]
    return {
        "FunctionName": physical(name, environment),
        "MemorySize": sized.memory,
        "Timeout": sized.timeout,
        "Tracing": "Active",
        "Runtime": target.runtime,
        "Architectures": [ARCHITECTURES[target.machine]],
        "Environment": {"Variables": variables(environment, places)},
        "LoggingConfig": {
            "LogFormat": "JSON",
            "ApplicationLogLevel": "INFO",
            "SystemLogLevel": "INFO" if environment.reports else "WARN",
            "LogGroup": {"Ref": f"{LOGICAL[name]}LogGroup"},
        },
        "AutoPublishAlias": ALIAS,
        "AutoPublishAliasAllProperties": True,  # new settings are a new version too, with a way back
        "Tags": {"function": name},
        **_concurrency(sized, target.runtime),
    }


def _log_group(name: FunctionName, environment: Environment) -> dict[str, Any]:
    properties = {
        "LogGroupName": f"/aws/lambda/{physical(name, environment)}",
        "RetentionInDays": environment.log_days,
    }
    return {
        "Type": "AWS::Logs::LogGroup",
        **kept(environment),
        "Properties": properties,
    }


def _connect(sync: dict[str, Any], places: ResourceNames) -> None:
    """To the platform's PostgreSQL, by its secret and its network; no other function needs them."""
    if "postgres_secret" in places.names:
        sync["Environment"]["Variables"]["REALTIME_POSTGRES_SECRET"] = places.name("postgres_secret")
    if places.attached and places.attached.subnets:
        sync["VpcConfig"] = {
            "SubnetIds": list(places.attached.subnets),
            "SecurityGroupIds": list(places.attached.security_groups),
        }


def physical(name: FunctionName, environment: Environment) -> str:
    return f"realtime-{environment.name}-{name}"


def variables(environment: Environment, places: ResourceNames) -> dict[str, Any]:
    """The `REALTIME_*` settings of every function."""
    named = {
        f"REALTIME_{setting.upper()}": sub(name)
        for setting, name in places.names.items()
        if setting not in ("failure_queue", "postgres_secret")  # Lambda's own, and one function's only
    }
    base = {"REALTIME_ENV": environment.name, "REALTIME_PLATFORM": places.platform}
    return {**base, **named, **environment.settings}


def _concurrency(sized: Function, runtime: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if sized.reserved is not None:
        found["ReservedConcurrentExecutions"] = sized.reserved
    if sized.provisioned:
        found["ProvisionedConcurrencyConfig"] = {"ProvisionedConcurrentExecutions": sized.provisioned[0]}
    elif snap_start(runtime):
        found["SnapStart"] = {"ApplyOn": "PublishedVersions"}
    return found


def snap_start(runtime: str) -> bool:
    """Lambda restores Python from a snapshot since 3.12."""
    return tuple(int(part) for part in runtime.removeprefix("python").split(".")) >= (3, 12)


def _read(resources: dict[str, Any], source: EventSource, places: ResourceNames) -> None:
    logical = LOGICAL[source.function]  # type: ignore[index]  # the description names our functions
    event = resources[logical]["Properties"]["Events"][EVENTS[logical]]
    kinesis = source.function == "event_processor"
    event["Properties"] = {
        "Stream": places.arn("event_stream") if kinesis else places.name("assignments_stream"),
        "StartingPosition": source.starting_position,
        "BatchSize": source.batch_size,
        "MaximumBatchingWindowInSeconds": int(source.window),
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": source.bisect,
        "MaximumRetryAttempts": source.retries,
        "MaximumRecordAgeInSeconds": source.max_record_age,
        **({"TumblingWindowInSeconds": source.tumbling_window} if source.tumbling_window else {}),
        # The counters keep one sequence number a shard, which only grows: two consumers of one shard
        # would each hide what the other has not counted yet. More speed is more shards.
        "ParallelizationFactor": source.parallelization,
        "DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": places.arn("failure_queue")}},
    }
