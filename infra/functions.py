"""Chalice's functions as this service runs them: size, role, settings, log, event source, rollout."""

from collections.abc import Mapping
from typing import Any

from infra.bundle import Target
from infra.environments import Environment, Function, FunctionName
from infra.places import Places, sub
from infra.roles import statements
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


def shape(resources: dict[str, Any], environment: Environment, places: Places, target: Target) -> None:
    """Rewrite the functions, roles and log groups of a SAM template in place."""
    for name, logical in LOGICAL.items():
        sized = environment.functions[name]
        properties = resources[logical]["Properties"]
        properties |= {
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
                "LogGroup": {"Ref": f"{logical}LogGroup"},
            },
            "AutoPublishAlias": ALIAS,
            "AutoPublishAliasAllProperties": True,  # new settings are a new version too, with a way back
        }
        properties["Tags"] = {"function": name}
        _concurrency(properties, sized, target.runtime)
        role = resources[ROLES.get(logical, f"{logical}Role")]["Properties"]
        role["Policies"][0]["PolicyDocument"]["Statement"] = statements(
            name, environment, places, {"Fn::GetAtt": [f"{logical}LogGroup", "Arn"]}
        )
        resources[f"{logical}LogGroup"] = {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Retain" if environment.retain else "Delete",
            "UpdateReplacePolicy": "Retain" if environment.retain else "Delete",
            "Properties": {
                "LogGroupName": f"/aws/lambda/{physical(name, environment)}",
                "RetentionInDays": environment.log_days,
            },
        }
    if "postgres_secret" in places.names:
        sync = resources[LOGICAL["assignment_sync"]]["Properties"]["Environment"]["Variables"]
        sync["REALTIME_POSTGRES_SECRET"] = places.name("postgres_secret")
    for source in places.resources.event_sources:
        _read(resources, source, places)
    if places.attached and places.attached.subnets:  # PostgreSQL is in there; nothing else needs to be
        resources["AssignmentSync"]["Properties"]["VpcConfig"] = {
            "SubnetIds": list(places.attached.subnets),
            "SecurityGroupIds": list(places.attached.security_groups),
        }


def physical(name: FunctionName, environment: Environment) -> str:
    return f"realtime-{environment.name}-{name}"


def variables(environment: Environment, places: Places) -> dict[str, Any]:
    """The `REALTIME_*` settings of every function."""
    named = {
        f"REALTIME_{setting.upper()}": sub(name)
        for setting, name in places.names.items()
        if setting not in ("failure_queue", "postgres_secret")  # Lambda's own, and one function's only
    }
    base = {"REALTIME_ENV": environment.name, "REALTIME_PLATFORM": places.platform}
    return {**base, **named, **environment.settings}


def _concurrency(properties: dict[str, Any], sized: Function, runtime: str) -> None:
    if sized.reserved is not None:
        properties["ReservedConcurrentExecutions"] = sized.reserved
    if sized.provisioned:
        least, _ = sized.provisioned
        properties["ProvisionedConcurrencyConfig"] = {"ProvisionedConcurrentExecutions": least}
    elif snap_start(runtime):
        properties["SnapStart"] = {"ApplyOn": "PublishedVersions"}


def snap_start(runtime: str) -> bool:
    """Lambda restores Python from a snapshot since 3.12."""
    return tuple(int(part) for part in runtime.removeprefix("python").split(".")) >= (3, 12)


def _read(resources: dict[str, Any], source: EventSource, places: Places) -> None:
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
