"""Names and ARNs of every table, stream, bucket and queue: this deployment's, or an existing platform's.

All names are literals or template parameters, never CDK exports. An exported resource cannot be replaced
while another stack imports it.
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
"""The tables that an existing platform already has: their settings, and their names in its SSM parameters."""
ARNS = {
    "table": "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/",
    "stream": "arn:${AWS::Partition}:kinesis:${AWS::Region}:${AWS::AccountId}:stream/",
    "queue": "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:",
    "firehose": "arn:${AWS::Partition}:firehose:${AWS::Region}:${AWS::AccountId}:deliverystream/",
    "bucket": "arn:${AWS::Partition}:s3:::",
    "secret": "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:",
}


TABLES = frozenset(name for name in Settings.__dataclass_fields__ if name.endswith("_table"))
MAY_BE_GIVEN = TABLES | {"event_stream", "archive_bucket"}
"""Settings whose resource may be one that exists already."""


@dataclass(frozen=True, slots=True)
class PlatformResources:
    """Names of an existing platform's resources, which its own stacks generate.

    Each is a literal, or the path of an SSM parameter, which starts with ``/``.
    """

    stream: str
    bucket: str
    assignments_stream: str
    postgres_secret: str = ""
    """Name or ARN; without one, assignments are not copied to PostgreSQL."""
    stream_hours: int = 24
    """How long the stream keeps a record; 24 is the default of Kinesis."""
    archive: str = "none"
    """Whether events are archived once more, by `s3` or `firehose`: the platform archives its own stream."""
    kms_keys: tuple[str, ...] = ()
    """ARNs of the keys that encrypt its stream, tables, bucket or secret."""
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResourceNames:
    env: str
    platform: Platform
    by_setting: Mapping[str, str]
    """The names; one that holds ``${…}`` is for `Fn::Sub`."""
    parameters: Mapping[str, str]
    """The template's parameters, and the SSM paths that they read."""
    platform_owned: frozenset[str]
    """Settings whose resource belongs to the existing platform."""
    given: frozenset[str]
    """Settings whose resource was named, such as a restored table: the data stack does not make it."""
    resources: Resources
    """All resources, described under their stand-alone names."""
    platform_resources: PlatformResources | None = None
    """None: stand-alone."""

    def get_name(self, setting: str) -> Value:
        return substitute(self.by_setting[setting])

    def get_arn(self, setting: str, suffix: str = "") -> Value:
        name = self.by_setting[setting]
        return substitute(
            (name if name.startswith("arn:") else ARNS[_resource_type(setting)] + name) + suffix
        )


def substitute(text: str) -> Value:
    """``text``, in `Fn::Sub` if it holds a ``${…}``."""
    return {"Fn::Sub": text} if "${" in text else text


def resolve_names(
    env: str,
    platform: Platform,
    platform_resources: PlatformResources | None = None,
    given: Mapping[str, str] | None = None,
) -> ResourceNames:
    """The names of one environment; ``platform_resources`` None: those of `get_platform_defaults`.

    ``given`` names resources that exist, by setting, in place of those that the data stack would make. A name
    that starts with ``/`` is the path of an SSM parameter.
    """
    settings = Settings.from_env({"REALTIME_ENV": env, "REALTIME_PLATFORM": platform})
    existing = (platform_resources or get_platform_defaults(env)) if platform == "existing" else None
    resources = describe(settings, existing.stream_hours) if existing else describe(settings)
    fields = [name for name in Settings.__dataclass_fields__ if _resource_type(name) not in ("", "secret")]
    by_setting = {name: str(getattr(settings, name)) for name in fields}
    by_setting["failure_queue"] = resources.failure_queue
    by_setting["undelivered_queue"] = resources.webhooks.dead_letters
    # bucket names are unique among all AWS accounts
    by_setting["archive_bucket"] += "-${AWS::AccountId}-${AWS::Region}"
    names_or_paths = {"assignments_stream": assignments_stream_parameter(env)}
    if existing:
        tables = {
            setting: f"/experimentation/{env}/dynamodb/{word}-table"
            for setting, word in PLATFORM_TABLES.items()
        }
        names_or_paths = tables | {
            "event_stream": existing.stream,
            "archive_bucket": existing.bucket,
            "assignments_stream": existing.assignments_stream,
        }
        if existing.postgres_secret:
            by_setting["postgres_secret"] = existing.postgres_secret
    owned = frozenset(names_or_paths) if existing else frozenset[str]()
    names_or_paths |= given or {}
    parameters: dict[str, str] = {}
    for setting, name_or_path in names_or_paths.items():
        if name_or_path.startswith("/"):
            parameters[_parameter_name(setting)] = name_or_path
            by_setting[setting] = f"${{{_parameter_name(setting)}}}"
        else:
            by_setting[setting] = name_or_path
    return ResourceNames(
        env, platform, by_setting, parameters, owned, frozenset(given or ()), resources, existing
    )


def get_platform_defaults(env: str) -> PlatformResources:
    """The SSM parameters in which the platform's owner writes the generated names (docs/deployment.md)."""
    return PlatformResources(
        stream=f"/experimentation/{env}/kinesis/events-stream",
        bucket=f"/experimentation/{env}/s3/data-lake-bucket",
        assignments_stream=f"/experimentation/{env}/dynamodb/assignments-stream",
    )


def assignments_stream_parameter(env: str) -> str:
    """The SSM parameter in which the data stack writes the ARN of the stream of assignments.

    The ARN holds the time at which the stream was turned on, so that it cannot be computed.
    """
    return f"/realtime/{env}/assignments-stream"


def _parameter_name(setting: str) -> str:
    return "".join(word.capitalize() for word in setting.split("_"))


def _resource_type(setting: str) -> str:
    """A key of ARNS; empty for a setting that names no resource."""
    if setting.endswith("_table"):
        return "table"
    if setting.endswith("_queue"):
        return "queue"
    types = {"event_stream": "stream", "archive_bucket": "bucket", "postgres_secret": "secret"}
    return types.get(setting, setting if setting in ARNS else "")
