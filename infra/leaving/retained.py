"""What outlives its stack: which resources those are, whether one is there, and how each is deleted.

They are found by name, so also when the stack that made them is gone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from botocore.exceptions import ClientError

from infra import data, encryption
from infra.environments import Environment
from infra.functions import build_retained
from infra.leaving.buckets import empty
from infra.resource_names import ResourceNames
from infra.target import Target

Aws: TypeAlias = Any
"""A boto3 session."""
Say: TypeAlias = Callable[[str], object]
NAME_PROPERTIES = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::KMS::Alias": "AliasName",
    "AWS::Kinesis::Stream": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SQS::Queue": "QueueName",
}
MISSING = (
    *("404", "NoSuchBucket", "NotFoundException", "ResourceNotFoundException"),
    *("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
)
KEY_DAYS = 30
"""So long a deleted key can still be brought back."""


@dataclass(frozen=True, slots=True)
class Retained:
    stack: str
    logical_id: str
    type: str
    name: str

    @property
    def kind(self) -> str:
        return self.type.rpartition("::")[2].lower().replace("loggroup", "log group").replace("alias", "key")


def list_retained(environment: Environment, names: ResourceNames, target: Target) -> list[Retained]:
    """Everything that the stacks make and that outlives them, if it exists or not. dev has nothing."""
    resources = {"data": data.build_resources(environment, names), "service": build_retained(environment)}
    if environment.kms_key == "create":
        resources["data"] |= encryption.build_resources(environment)
    return [
        Retained(stack, logical_id, resource["Type"], _resolve(resource["Properties"][name], target))
        for stack, by_id in resources.items()
        for logical_id, resource in by_id.items()
        if resource.get("DeletionPolicy", "Delete") != "Delete"
        and (name := NAME_PROPERTIES.get(resource["Type"]))
    ]


def _resolve(name: Any, target: Target) -> str:
    text: str = name["Fn::Sub"] if isinstance(name, dict) else name
    return text.replace("${AWS::AccountId}", target.account).replace("${AWS::Region}", target.region)


def find_identifier(aws: Aws, resource: Retained) -> str | None:
    """By which CloudFormation knows it: the name, or a queue's URL; None if it is not there."""
    try:
        return _FINDERS[resource.type](aws, resource.name)
    except ClientError as error:
        if error.response["Error"]["Code"] in MISSING:
            return None
        raise


def delete(aws: Aws, resource: Retained, say: Say) -> None:
    """Delete it with all that it holds, and return when its name is free. A key has ``KEY_DAYS`` left."""
    identifier = find_identifier(aws, resource)
    if identifier is not None:
        _DELETERS[resource.type](aws, identifier, say)


def _find_log_group(aws: Aws, name: str) -> str | None:
    groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return name if name in [group["logGroupName"] for group in groups] else None


def _find_key(aws: Aws, alias: str) -> str | None:
    """The alias, unless its key is about to be deleted anyway."""
    key = aws.client("kms").describe_key(KeyId=alias)["KeyMetadata"]
    return None if key["KeyState"] == "PendingDeletion" else alias


def _find_table(aws: Aws, name: str) -> str | None:
    table = aws.client("dynamodb").describe_table(TableName=name)["Table"]
    return None if table["TableStatus"] == "DELETING" else name


def _name_if_done(name: str, _answer: object) -> str:
    return name


_FINDERS: Mapping[str, Callable[[Aws, str], str | None]] = {
    "AWS::DynamoDB::Table": _find_table,
    "AWS::KMS::Alias": _find_key,
    "AWS::Kinesis::Stream": lambda aws, name: _name_if_done(
        name, aws.client("kinesis").describe_stream_summary(StreamName=name)
    ),
    "AWS::Logs::LogGroup": _find_log_group,
    "AWS::S3::Bucket": lambda aws, name: _name_if_done(name, aws.client("s3").head_bucket(Bucket=name)),
    "AWS::SQS::Queue": lambda aws, name: aws.client("sqs").get_queue_url(QueueName=name)["QueueUrl"],
}


def _delete_table(aws: Aws, name: str, _say: Say) -> None:
    dynamodb = aws.client("dynamodb")
    if dynamodb.describe_table(TableName=name)["Table"].get("DeletionProtectionEnabled"):
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
        dynamodb.get_waiter("table_exists").wait(TableName=name)
    dynamodb.delete_table(TableName=name)
    dynamodb.get_waiter("table_not_exists").wait(TableName=name)


def _delete_stream(aws: Aws, name: str, _say: Say) -> None:
    kinesis = aws.client("kinesis")
    kinesis.delete_stream(StreamName=name, EnforceConsumerDeletion=True)
    kinesis.get_waiter("stream_not_exists").wait(StreamName=name)


def _delete_bucket(aws: Aws, name: str, say: Say) -> None:
    s3 = aws.client("s3")
    empty(s3, name, say)
    s3.delete_bucket(Bucket=name)


def _delete_key(aws: Aws, alias: str, _say: Say) -> None:
    kms = aws.client("kms")
    key = kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyId"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=KEY_DAYS)
    kms.delete_alias(AliasName=alias)


_DELETERS: Mapping[str, Callable[[Aws, str, Say], object]] = {
    "AWS::DynamoDB::Table": _delete_table,
    "AWS::KMS::Alias": _delete_key,
    "AWS::Kinesis::Stream": _delete_stream,
    "AWS::Logs::LogGroup": lambda aws, name, _: aws.client("logs").delete_log_group(logGroupName=name),
    "AWS::S3::Bucket": _delete_bucket,
    "AWS::SQS::Queue": lambda aws, url, _: aws.client("sqs").delete_queue(QueueUrl=url),
}
