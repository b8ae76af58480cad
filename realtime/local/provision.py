"""Creates what `describe` lists, where it is not there yet."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from realtime.local.clients import Clients
from realtime.resources import QUEUE_RETENTION, Key, Resources, Stream, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

ACTIVE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Provisioned:
    created: tuple[str, ...]
    found: tuple[str, ...]

    def __str__(self) -> str:
        if not self.found:
            return f"clean start: {len(self.created)} resources created"
        return f"resumed: {len(self.found)} resources found, {len(self.created)} created"


def provision(resources: Resources, clients: Clients) -> Provisioned:
    """Every resource exists and is active afterwards; idempotent, keeps the contents of what it finds."""
    new = {table.name: _table(clients.dynamodb, table) for table in resources.tables}
    new[resources.stream.name] = _stream(clients.kinesis, resources.stream)
    new[resources.bucket] = _bucket(clients.s3, resources.bucket)
    for queue in (resources.quarantine_queue, resources.failure_queue):
        new[queue] = _queue(clients.sqs, queue)
    return Provisioned(
        created=tuple(name for name, created in new.items() if created),
        found=tuple(name for name, created in new.items() if not created),
    )


def _table(dynamodb: "DynamoDBClient", table: Table) -> bool:
    keys = [(table.partition_key, "HASH")] + ([(table.sort_key, "RANGE")] if table.sort_key else [])
    definition: dict[str, Any] = {
        "TableName": table.name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": key.name, "KeyType": role} for key, role in keys],
        "AttributeDefinitions": [_attribute(key) for key, _ in keys],
    }
    if table.stream:
        definition["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    created = _done(lambda: dynamodb.create_table(**definition), unless="ResourceInUseException")
    _until_active(lambda: dynamodb.describe_table(TableName=table.name)["Table"]["TableStatus"])
    if table.ttl_attribute:
        expiry: Any = {"Enabled": True, "AttributeName": table.ttl_attribute}
        _done(
            lambda: dynamodb.update_time_to_live(TableName=table.name, TimeToLiveSpecification=expiry),
            unless="ValidationException",  # it is enabled already
        )
    return created


def _attribute(key: Key) -> dict[str, str]:
    return {"AttributeName": key.name, "AttributeType": key.type}


def _stream(kinesis: "KinesisClient", stream: Stream) -> bool:
    def summary() -> Any:
        return kinesis.describe_stream_summary(StreamName=stream.name)["StreamDescriptionSummary"]

    created = _done(
        lambda: kinesis.create_stream(StreamName=stream.name, ShardCount=stream.shards),
        unless="ResourceInUseException",
    )
    _until_active(lambda: summary()["StreamStatus"])
    if created:
        kinesis.increase_stream_retention_period(
            StreamName=stream.name, RetentionPeriodHours=stream.retention_hours
        )
    return created


def _bucket(s3: "S3Client", bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)  # creating it twice is no error in the first region
    except ClientError as error:
        if error.response["Error"]["Code"] != "404":
            raise
        s3.create_bucket(Bucket=bucket)
        return True
    return False


def _queue(sqs: "SQSClient", queue: str) -> bool:
    try:
        sqs.get_queue_url(QueueName=queue)
    except sqs.exceptions.QueueDoesNotExist:
        sqs.create_queue(QueueName=queue, Attributes={"MessageRetentionPeriod": str(QUEUE_RETENTION)})
        return True
    return False


def _done(call: Callable[[], object], unless: str) -> bool:
    """Whether ``call`` did its work; False if its service answered the error code ``unless``."""
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] != unless:
            raise
        return False
    return True


def _until_active(status: Callable[[], str]) -> None:
    deadline = time.monotonic() + ACTIVE_SECONDS
    while (now := status()) != "ACTIVE":
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {now} after {ACTIVE_SECONDS:.0f} s")
        time.sleep(0.05)
