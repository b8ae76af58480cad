"""Create the resources that `describe` lists and that do not exist yet."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from realtime.local.clients import Clients
from realtime.resources import QUEUE_DAYS, DeliveryQueue, Key, LifecycleRule, Resources, Stream, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

ACTIVE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Provisioned:
    created: tuple[str, ...]
    existing: tuple[str, ...]

    def __str__(self) -> str:
        if not self.existing:
            return f"clean start: {len(self.created)} resources created"
        return f"resumed: {len(self.existing)} resources found, {len(self.created)} created"


def provision(resources: Resources, clients: Clients) -> Provisioned:
    """Every resource exists and is active afterwards. One that existed keeps its content."""
    is_new = {table.name: _create_table(clients.dynamodb, table) for table in resources.tables}
    is_new[resources.stream.name] = _create_stream(clients.kinesis, resources.stream)
    is_new[resources.bucket] = _create_bucket(clients.s3, resources)
    for queue in (resources.quarantine_queue, resources.failure_queue):
        is_new[queue] = _create_queue(clients.sqs, queue, resources.queue_days)
    is_new |= _create_delivery_queue(clients.sqs, resources.webhooks)
    return Provisioned(
        created=tuple(name for name, created in is_new.items() if created),
        existing=tuple(name for name, created in is_new.items() if not created),
    )


def _create_table(dynamodb: "DynamoDBClient", table: Table) -> bool:
    keys = [(table.partition_key, "HASH")] + ([(table.sort_key, "RANGE")] if table.sort_key else [])
    definition: dict[str, Any] = {
        "TableName": table.name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": key.name, "KeyType": role} for key, role in keys],
        "AttributeDefinitions": [_define_attribute(key) for key, _ in keys],
    }
    if table.stream:
        definition["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    created = _succeeds(lambda: dynamodb.create_table(**definition), unless="ResourceInUseException")
    _wait_until_active(lambda: dynamodb.describe_table(TableName=table.name)["Table"]["TableStatus"])
    if table.ttl_attribute:
        expiry: Any = {"Enabled": True, "AttributeName": table.ttl_attribute}
        _succeeds(
            lambda: dynamodb.update_time_to_live(TableName=table.name, TimeToLiveSpecification=expiry),
            unless="ValidationException",  # already enabled
        )
    return created


def _define_attribute(key: Key) -> dict[str, str]:
    return {"AttributeName": key.name, "AttributeType": key.type}


def _create_stream(kinesis: "KinesisClient", stream: Stream) -> bool:
    def summary() -> Any:
        return kinesis.describe_stream_summary(StreamName=stream.name)["StreamDescriptionSummary"]

    created = _succeeds(
        lambda: kinesis.create_stream(StreamName=stream.name, ShardCount=stream.shards),
        unless="ResourceInUseException",
    )
    _wait_until_active(lambda: summary()["StreamStatus"])
    if created:
        kinesis.increase_stream_retention_period(
            StreamName=stream.name, RetentionPeriodHours=stream.retention_hours
        )
    return created


def _create_bucket(s3: "S3Client", resources: Resources) -> bool:
    bucket = resources.bucket
    try:
        s3.head_bucket(Bucket=bucket)  # us-east-1 creates a bucket twice without an error
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        rules: Any = {"Rules": [_define_rule(rule) for rule in resources.lifecycle]}
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration=rules)
        return True
    return False


def _define_rule(rule: LifecycleRule) -> dict[str, Any]:
    parts: dict[str, Any] = {"ID": rule.id, "Status": "Enabled", "Filter": {"Prefix": rule.prefix}}
    if rule.expires:
        parts["Expiration"] = {"Days": rule.expires}
    if rule.transitions:
        parts["Transitions"] = [{"StorageClass": name, "Days": days} for name, days in rule.transitions]
    if rule.old_versions_expire:
        parts["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule.old_versions_expire}
        parts["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    return parts


def _create_queue(
    sqs: "SQSClient", queue: str, days: int, attributes: Mapping[str, str] | None = None
) -> bool:
    try:
        sqs.get_queue_url(QueueName=queue)
    except sqs.exceptions.QueueDoesNotExist:
        all_attributes: Any = {"MessageRetentionPeriod": str(days * 86_400), **(attributes or {})}
        sqs.create_queue(QueueName=queue, Attributes=all_attributes)
        return True
    return False


def _create_delivery_queue(sqs: "SQSClient", queue: DeliveryQueue) -> dict[str, bool]:
    is_new = {queue.dead_letters: _create_queue(sqs, queue.dead_letters, QUEUE_DAYS)}
    url = sqs.get_queue_url(QueueName=queue.dead_letters)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": queue.receives})
    attributes = {"VisibilityTimeout": str(queue.hidden_seconds), "RedrivePolicy": redrive}
    return is_new | {queue.name: _create_queue(sqs, queue.name, QUEUE_DAYS, attributes)}


def _succeeds(call: Callable[[], object], unless: str) -> bool:
    """Call AWS. False if it answers the error code ``unless``; other errors are raised."""
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] != unless:
            raise
        return False
    return True


def _wait_until_active(status: Callable[[], str]) -> None:
    deadline = time.monotonic() + ACTIVE_SECONDS
    while (current := status()) != "ACTIVE":
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {current} after {ACTIVE_SECONDS:.0f} s")
        time.sleep(0.05)
