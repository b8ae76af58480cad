"""The data stack: what outlives every version of the service, as realtime/resources.py describes it."""

from typing import Any

import aws_cdk as cdk
from constructs import Construct

from infra.environments import Environment
from infra.resource_names import ARNS, ResourceNames, Value, assignments_stream_parameter, sub
from infra.stack import add, kept
from realtime.resources import Key, Table

DAY = 86_400
QUEUE_DAYS = 14
"""The longest that SQS keeps a message: a long weekend and its repair."""


class Data(cdk.Stack):
    def __init__(
        self, scope: Construct, environment: Environment, places: ResourceNames, **kwargs: Any
    ) -> None:
        super().__init__(scope, f"realtime-{environment.name}-data", **kwargs)
        add(self, resources(environment, places), places.parameters)


def resources(environment: Environment, places: ResourceNames) -> dict[str, dict[str, Any]]:
    owned = {setting: name for setting, name in places.names.items() if setting not in places.platforms}
    tables = {table.name: table for table in places.resources.tables}
    found = {
        _logical(setting): _table(tables[name], environment)
        for setting, name in owned.items()
        if name in tables
    }
    if "event_stream" in owned:
        found["EventStream"] = _stream(environment, places)
    if "archive_bucket" in owned:
        found["ArchiveBucket"] = _bucket(environment, places)
        found["ArchiveBucketPolicy"] = _bucket_policy()
    for setting, logical in (("quarantine_queue", "Quarantine"), ("failure_queue", "FailedBatches")):
        found[logical] = _queue(places.names[setting], environment)
        found[f"{logical}Policy"] = _queue_policy(logical)
    if environment.settings.get("REALTIME_ARCHIVE") == "firehose":
        found |= _firehose(environment, places)
    if "AssignmentsTable" in found:
        found["AssignmentsStream"] = {
            "Type": "AWS::SSM::Parameter",
            "Properties": {
                "Name": assignments_stream_parameter(environment.name),
                "Type": "String",
                "Value": {"Fn::GetAtt": ["AssignmentsTable", "StreamArn"]},
            },
        }
    return found


def _table(table: Table, environment: Environment) -> dict[str, Any]:
    keys = [(table.partition_key, "HASH")] + ([(table.sort_key, "RANGE")] if table.sort_key else [])
    properties: dict[str, Any] = {
        "TableName": table.name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": key.name, "KeyType": role} for key, role in keys],
        "AttributeDefinitions": [_attribute(key) for key, _ in keys],
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True},  # the account's AWS-managed KMS key
        "DeletionProtectionEnabled": environment.retain,
        "ResourcePolicy": {"PolicyDocument": _tls_only("dynamodb:*", sub(ARNS["table"] + table.name))},
    }
    if table.stream:
        properties["StreamSpecification"] = {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    if table.ttl_attribute:
        properties["TimeToLiveSpecification"] = {"Enabled": True, "AttributeName": table.ttl_attribute}
    return _kept("AWS::DynamoDB::Table", properties, environment)


def _stream(environment: Environment, places: ResourceNames) -> dict[str, Any]:
    stream = places.resources.stream
    properties: dict[str, Any] = {
        "Name": stream.name,
        "RetentionPeriodHours": stream.retention_hours,
        "StreamEncryption": {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"},
    }
    if environment.shards is None:
        properties["StreamModeDetails"] = {"StreamMode": "ON_DEMAND"}
    else:
        properties |= {"ShardCount": environment.shards, "StreamModeDetails": {"StreamMode": "PROVISIONED"}}
    return _kept("AWS::Kinesis::Stream", properties, environment)


def _bucket(environment: Environment, places: ResourceNames) -> dict[str, Any]:
    properties = {
        "BucketName": places.name("archive_bucket"),
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
            "Rules": [
                _cold("raw/"),
                {
                    "Id": "quarantine-outlives-its-queue",
                    "Status": "Enabled",
                    "Prefix": "quarantine/",
                    "ExpirationInDays": 90,
                },
                {
                    "Id": "what-was-overwritten-or-given-up",
                    "Status": "Enabled",
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                },
            ]
        },
    }
    return _kept("AWS::S3::Bucket", properties, environment)


def _cold(prefix: str) -> dict[str, Any]:
    steps = (("STANDARD_IA", 30), ("GLACIER_IR", 180))
    return {
        "Id": f"{prefix.rstrip('/')}-gets-cold",
        "Status": "Enabled",
        "Prefix": prefix,
        "Transitions": [{"StorageClass": name, "TransitionInDays": days} for name, days in steps],
    }


def _bucket_policy() -> dict[str, Any]:
    bucket = {"Fn::GetAtt": ["ArchiveBucket", "Arn"]}
    arns: list[Value] = [bucket, {"Fn::Join": ["", [bucket, "/*"]]}]
    policy = {"Bucket": {"Ref": "ArchiveBucket"}, "PolicyDocument": _tls_only("s3:*", arns)}
    return {"Type": "AWS::S3::BucketPolicy", "Properties": policy}


def _queue(name: str, environment: Environment) -> dict[str, Any]:
    properties = {
        "QueueName": name,
        "MessageRetentionPeriod": QUEUE_DAYS * DAY,
        "SqsManagedSseEnabled": True,
    }
    return _kept("AWS::SQS::Queue", properties, environment)


def _queue_policy(logical: str) -> dict[str, Any]:
    policy = _tls_only("sqs:*", {"Fn::GetAtt": [logical, "Arn"]})
    return {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {"Queues": [{"Ref": logical}], "PolicyDocument": policy},
    }


def _firehose(environment: Environment, places: ResourceNames) -> dict[str, dict[str, Any]]:
    """The platform's own layout of the data lake, which its Glue tables read."""
    day = "year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/"
    bucket = [places.arn("archive_bucket"), places.arn("archive_bucket", "/*")]
    writes = ["AbortMultipartUpload", "GetBucketLocation", "GetObject", "ListBucket"]
    writes += ["ListBucketMultipartUploads", "PutObject"]
    return {
        "ArchiveDeliveryLog": {
            "Type": "AWS::Logs::LogGroup",
            "Properties": {
                "LogGroupName": f"/aws/kinesisfirehose/{places.names['firehose']}",
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
                "AssumeRolePolicyDocument": _trust("firehose.amazonaws.com"),
                "Policies": [
                    {
                        "PolicyName": "Deliver",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": [f"s3:{action}" for action in writes],
                                    "Resource": bucket,
                                },
                                {
                                    "Effect": "Allow",
                                    "Action": "logs:PutLogEvents",
                                    "Resource": {"Fn::GetAtt": ["ArchiveDeliveryLog", "Arn"]},
                                },
                            ],
                        },
                    }
                ],
            },
        },
        "ArchiveDelivery": {
            "Type": "AWS::KinesisFirehose::DeliveryStream",
            "Properties": {
                "DeliveryStreamName": places.names["firehose"],
                "DeliveryStreamType": "DirectPut",
                "DeliveryStreamEncryptionConfigurationInput": {"KeyType": "AWS_OWNED_CMK"},
                "ExtendedS3DestinationConfiguration": {
                    "BucketARN": places.arn("archive_bucket"),
                    "RoleARN": {"Fn::GetAtt": ["ArchiveDeliveryRole", "Arn"]},
                    "Prefix": f"raw/events/{day}",
                    "ErrorOutputPrefix": f"raw/failed/!{{firehose:error-output-type}}/{day}",
                    "CompressionFormat": "GZIP",
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


def _kept(kind: str, properties: dict[str, Any], environment: Environment) -> dict[str, Any]:
    return {"Type": kind, "Properties": properties, **kept(environment)}


def _tls_only(action: str, resource: Value | list[Value]) -> dict[str, Any]:
    refusal = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": action,
        "Resource": resource,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [refusal]}


def _trust(service: str) -> dict[str, Any]:
    allow = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [allow]}


def _attribute(key: Key) -> dict[str, str]:
    return {"AttributeName": key.name, "AttributeType": key.type}


def _logical(setting: str) -> str:
    return "".join(word.capitalize() for word in setting.split("_"))
