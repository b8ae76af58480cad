"""The data stack: tables, stream, bucket and queues as realtime/resources.py describes them."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from chalicelib.settings import Settings
from infra import athena
from infra.encryption import ENCRYPT, get_key
from infra.environments import Environment
from infra.resource_names import ARNS, ResourceNames, Value, assignments_stream_parameter, substitute
from infra.stack import add_resources, build_retention_policies
from realtime.resources import QUEUE_DAYS, Key, LifecycleRule, Resources, Table, describe

DAY = 86_400
QUEUES = {
    "quarantine_queue": "Quarantine",
    "failure_queue": "FailedBatches",
    "undelivered_queue": "UndeliveredWebhooks",
    "webhook_queue": "Webhooks",
}
"""Setting → logical id."""


class Data(cdk.Stack):
    def __init__(
        self, scope: Construct, environment: Environment, names: ResourceNames, **kwargs: Any
    ) -> None:
        super().__init__(scope, f"realtime-{environment.name}-data", **kwargs)
        add_resources(self, build_resources(environment, names), names.parameters)


def build_resources(environment: Environment, names: ResourceNames) -> dict[str, dict[str, Any]]:
    owned = {
        setting: name
        for setting, name in names.by_setting.items()
        if setting not in names.platform_owned | names.given
    }
    tables = {table.name: table for table in names.resources.tables}
    resources = {
        _logical_id(setting): _build_table(tables[name], environment)
        for setting, name in owned.items()
        if name in tables
    }
    if "event_stream" in owned:
        resources["EventStream"] = _build_stream(environment, names)
    if "archive_bucket" in owned:
        resources["ArchiveBucket"] = _build_bucket(environment, names)
        resources["ArchiveBucketPolicy"] = _build_bucket_policy()
    quarantine_days = _describe_with_settings(environment).queue_days
    for setting, logical_id in QUEUES.items():
        days = quarantine_days if setting in ("quarantine_queue", "failure_queue") else QUEUE_DAYS
        resources[logical_id] = _build_queue(names.by_setting[setting], environment, days)
        resources[f"{logical_id}Policy"] = _build_queue_policy(logical_id)
    resources["Webhooks"]["Properties"] |= _build_redelivery(names)
    if environment.settings.get("REALTIME_ARCHIVE") == "firehose":
        resources |= _build_firehose(environment, names)
    if names.platform == "standalone":
        resources |= athena.build_resources(environment, names)
    if "AssignmentsTable" in resources:
        resources["AssignmentsStream"] = {
            "Type": "AWS::SSM::Parameter",
            "Properties": {
                "Name": assignments_stream_parameter(environment.name),
                "Type": "String",
                "Value": {"Fn::GetAtt": ["AssignmentsTable", "StreamArn"]},
            },
        }
    return resources


def _build_table(table: Table, environment: Environment) -> dict[str, Any]:
    keys = [(table.partition_key, "HASH")] + ([(table.sort_key, "RANGE")] if table.sort_key else [])
    properties: dict[str, Any] = {
        "TableName": table.name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": key.name, "KeyType": role} for key, role in keys],
        "AttributeDefinitions": [_build_attribute(key) for key, _ in keys],
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True},  # the account's AWS-managed KMS key
        "DeletionProtectionEnabled": environment.retain,
        "ResourcePolicy": {
            "PolicyDocument": _require_tls("dynamodb:*", substitute(ARNS["table"] + table.name))
        },
    }
    if table.stream:
        properties["StreamSpecification"] = {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    if table.ttl_attribute:
        properties["TimeToLiveSpecification"] = {"Enabled": True, "AttributeName": table.ttl_attribute}
    return _retain("AWS::DynamoDB::Table", properties, environment)


def _build_stream(environment: Environment, names: ResourceNames) -> dict[str, Any]:
    stream = names.resources.stream
    properties: dict[str, Any] = {
        "Name": stream.name,
        "RetentionPeriodHours": stream.retention_hours,
        "StreamEncryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
    }
    if environment.shards is None:
        properties["StreamModeDetails"] = {"StreamMode": "ON_DEMAND"}
    else:
        properties |= {"ShardCount": environment.shards, "StreamModeDetails": {"StreamMode": "PROVISIONED"}}
    return _retain("AWS::Kinesis::Stream", properties, environment)


def _build_bucket(environment: Environment, names: ResourceNames) -> dict[str, Any]:
    properties = {
        "BucketName": names.get_name("archive_bucket"),
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}
            ]
        },
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "VersioningConfiguration": {"Status": "Enabled"},
        "LifecycleConfiguration": {
            "Rules": [_build_rule(rule) for rule in _describe_with_settings(environment).lifecycle]
        },
    }
    return _retain("AWS::S3::Bucket", properties, environment)


def _build_rule(rule: LifecycleRule) -> dict[str, Any]:
    parts: dict[str, Any] = {"Id": rule.id, "Status": "Enabled"}
    if rule.prefix:
        parts["Prefix"] = rule.prefix
    if rule.expires:
        parts["ExpirationInDays"] = rule.expires
    if rule.transitions:
        parts["Transitions"] = [
            {"StorageClass": name, "TransitionInDays": days} for name, days in rule.transitions
        ]
    if rule.old_versions_expire:
        parts |= {
            "NoncurrentVersionExpiration": {"NoncurrentDays": rule.old_versions_expire},
            "ExpiredObjectDeleteMarker": True,
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
        }
    return parts


def _describe_with_settings(environment: Environment) -> Resources:
    """Retention follows the environment's settings."""
    return describe(Settings.from_env({**environment.settings, "REALTIME_ENV": environment.name}))


def _build_bucket_policy() -> dict[str, Any]:
    bucket = {"Fn::GetAtt": ["ArchiveBucket", "Arn"]}
    arns: list[Value] = [bucket, {"Fn::Join": ["", [bucket, "/*"]]}]
    policy = {"Bucket": {"Ref": "ArchiveBucket"}, "PolicyDocument": _require_tls("s3:*", arns)}
    return {"Type": "AWS::S3::BucketPolicy", "Properties": policy}


def _build_queue(name: str, environment: Environment, days: int) -> dict[str, Any]:
    properties = {
        "QueueName": name,
        "MessageRetentionPeriod": days * DAY,
        "SqsManagedSseEnabled": True,
    }
    return _retain("AWS::SQS::Queue", properties, environment)


def _build_redelivery(names: ResourceNames) -> dict[str, Any]:
    webhooks = names.resources.webhooks
    dead_letters = {"Fn::GetAtt": [QUEUES["undelivered_queue"], "Arn"]}
    return {
        "VisibilityTimeout": webhooks.hidden_seconds,
        "RedrivePolicy": {"deadLetterTargetArn": dead_letters, "maxReceiveCount": webhooks.receives},
    }


def _build_queue_policy(logical_id: str) -> dict[str, Any]:
    policy = _require_tls("sqs:*", {"Fn::GetAtt": [logical_id, "Arn"]})
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {"Queues": [{"Ref": logical_id}], "PolicyDocument": policy},
    }


def _build_firehose(environment: Environment, names: ResourceNames) -> dict[str, dict[str, Any]]:
    """A delivery stream in the layout of the platform's data lake, which its Glue tables read."""
    day = "year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/"
    bucket = [names.get_arn("archive_bucket"), names.get_arn("archive_bucket", "/*")]
    actions = ["AbortMultipartUpload", "GetBucketLocation", "GetObject", "ListBucket"]
    actions += ["ListBucketMultipartUploads", "PutObject"]
    return {
        "ArchiveDeliveryLog": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {
                "LogGroupName": f"/aws/kinesisfirehose/{names.by_setting['firehose']}",
                "RetentionInDays": environment.log_days,
            },
        },
        "ArchiveDeliveryLogStream": {
            "Type": "AWS::Logs::LogStream",
            "Properties": {"LogGroupName": {"Ref": "ArchiveDeliveryLog"}, "LogStreamName": "delivery"},
        },
        "ArchiveDeliveryRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": _allow_service("firehose.amazonaws.com"),
                "Policies": [
                    {
                        "PolicyName": "Deliver",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": [f"s3:{action}" for action in actions],
                                    "Resource": bucket,
                                },
                                {
                                    "Effect": "Allow",
                                    "Action": "logs:PutLogEvents",
                                    "Resource": {"Fn::GetAtt": ["ArchiveDeliveryLog", "Arn"]},
                                },
                                *_allow_bucket_keys(environment, names),
                            ],
                        },
                    }
                ],
            },
        },
        "ArchiveDelivery": {
            "Type": "AWS::KinesisFirehose::DeliveryStream",
            "Properties": {
                "DeliveryStreamName": names.by_setting["firehose"],
                "DeliveryStreamType": "DirectPut",
                "DeliveryStreamEncryptionConfigurationInput": {"KeyType": "AWS_OWNED_CMK"},
                "ExtendedS3DestinationConfiguration": {
                    "BucketARN": names.get_arn("archive_bucket"),
                    "RoleARN": {"Fn::GetAtt": ["ArchiveDeliveryRole", "Arn"]},
                    "Prefix": f"raw/events/{day}",
                    "ErrorOutputPrefix": f"raw/failed/!{{firehose:error-output-type}}/{day}",
                    "CompressionFormat": "GZIP",
                    "FileExtension": ".jsonl.gz",  # as the processor's own objects; readers ask for it
                    "BufferingHints": {"IntervalInSeconds": 60, "SizeInMBs": 5},
                    "CloudWatchLoggingOptions": {
                        "Enabled": True,
                        "LogGroupName": {"Ref": "ArchiveDeliveryLog"},
                        "LogStreamName": "delivery",
                    },
                },
            },
        },
    }


def _allow_bucket_keys(environment: Environment, names: ResourceNames) -> list[dict[str, Any]]:
    own = get_key(environment, in_data_stack=True)
    keys: list[Value] = [] if own is None else [own]
    if names.platform_resources:
        keys = list(names.platform_resources.kms_keys)
    return [{"Effect": "Allow", "Action": list(ENCRYPT), "Resource": keys}] if keys else []


def _retain(kind: str, properties: dict[str, Any], environment: Environment) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties, **build_retention_policies(environment)}


def _require_tls(action: str, resource: Value | list[Value]) -> dict[str, Any]:
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": action,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _allow_service(service: str) -> dict[str, Any]:
    allow = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [allow]}


def _build_attribute(key: Key) -> dict[str, str]:
    return {"AttributeName": key.name, "AttributeType": key.type}


def _logical_id(setting: str) -> str:
    return "".join(word.capitalize() for word in setting.split("_"))
