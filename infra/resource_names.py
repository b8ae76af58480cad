"""Where every table, stream, bucket and queue is: this deployment's own, or the platform's by SSM parameter.

All names are literals or template parameters, never CDK exports: an export would forbid to replace what it
names for as long as anybody imports it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from chalicelib.settings import Settings
from realtime.resources import Resources, describe

Platform: TypeAlias = Literal["standalone", "existing"]
PLATFORMS: tuple[Platform, ...] = ("standalone", "existing")
Value: TypeAlias = str | dict[str, Any]
"""A literal, or a CloudFormation intrinsic function."""

PLATFORM_TABLES = {
    "experiments_table": "experiments",
    "flags_table": "feature-flags",
    "assignments_table": "assignments",
    "overrides_table": "overrides",
}
"""Tables that an existing platform already has, by the last word of its SSM parameter."""
ARNS = {
    "table": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/",
    "stream": "arn:${AWS::Partition}:kinesis:${AWS::Region}:${AWS::AccountId}:stream/",
    "queue": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:",
    "firehose": "arn:${AWS::Partition}:firehose:${AWS::Region}:${AWS::AccountId}:deliverystream/",
    "bucket": "arn:${AWS::Partition}:s3:::",
    "secret": "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:",
}


@dataclass(frozen=True, slots=True)
class Attached:
    """The parts of the platform whose names are random: literals, or SSM parameters that start with ``/``."""

    stream: str
    bucket: str
    assignments_stream: str
    postgres_secret: str = ""
    """Name or ARN; without one, assignments are not copied to PostgreSQL."""
    stream_hours: int = 24
    """How long the stream keeps a record: what Kinesis does unless it is told otherwise."""
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceNames:
    env: str
    platform: Platform
    names: Mapping[str, str]
    """By the name of the setting that carries it; ``${…}`` in one is for `Fn::Sub`."""
    parameters: Mapping[str, str]
    """Template parameters and the SSM paths that they read."""
    platforms: frozenset[str]
    """Settings whose resource the platform owns."""
    resources: Resources
    """The whole description, by stand-alone names."""
    attached: Attached | None = None

    def name(self, setting: str) -> Value:
        return sub(self.names[setting])

    def arn(self, setting: str, suffix: str = "") -> Value:
        name = self.names[setting]
        return sub((name if name.startswith("arn:") else ARNS[_kind(setting)] + name) + suffix)


def sub(text: str) -> Value:
    return {"Fn::Sub": text} if "${" in text else text


def find(env: str, platform: Platform, attached: Attached | None = None) -> ResourceNames:
    settings = Settings.from_env({"REALTIME_ENV": env, "REALTIME_PLATFORM": platform})
    attached = (attached or defaults(env)) if platform == "existing" else None
    resources = describe(settings, attached.stream_hours) if attached else describe(settings)
    fields = [name for name in Settings.__dataclass_fields__ if _kind(name) not in ("", "secret")]
    names = {name: str(getattr(settings, name)) for name in fields}
    names["failure_queue"] = resources.failure_queue
    names["archive_bucket"] += "-${AWS::AccountId}-${AWS::Region}"  # unique among all accounts
    found = {"assignments_stream": assignments_stream_parameter(env)}
    if attached:
        tables = {s: f"/experimentation/{env}/dynamodb/{word}-table" for s, word in PLATFORM_TABLES.items()}
        found = tables | {
            "event_stream": attached.stream,
            "archive_bucket": attached.bucket,
            "assignments_stream": attached.assignments_stream,
        }
        if attached.postgres_secret:
            names["postgres_secret"] = attached.postgres_secret
    parameters = {_camel(setting): place for setting, place in found.items() if place.startswith("/")}
    names |= {s: f"${{{_camel(s)}}}" if place.startswith("/") else place for s, place in found.items()}
    platforms = frozenset(found) if attached else frozenset[str]()
    return ResourceNames(env, platform, names, parameters, platforms, resources, attached)


def defaults(env: str) -> Attached:
    """Where the platform's owner writes the names that its stacks make up (docs/deployment.md)."""
    return Attached(
        stream=f"/experimentation/{env}/kinesis/events-stream",
        bucket=f"/experimentation/{env}/s3/data-lake-bucket",
        assignments_stream=f"/experimentation/{env}/dynamodb/assignments-stream",
    )


def assignments_stream_parameter(env: str) -> str:
    """Where the data stack writes the ARN, which holds the time of the table's creation."""
    return f"/realtime/{env}/assignments-stream"


def _camel(setting: str) -> str:
    return "".join(word.capitalize() for word in setting.split("_"))


def _kind(setting: str) -> str:
    if setting.endswith("_table"):
        return "table"
    if setting.endswith("_queue"):
        return "queue"
    kinds = {"event_stream": "stream", "archive_bucket": "bucket", "postgres_secret": "secret"}
    return kinds.get(setting, setting if setting in ARNS else "")
