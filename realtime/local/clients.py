"""Low-level AWS clients for a given environment, not for this process's own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True, slots=True)
class Clients:
    dynamodb: "DynamoDBClient"
    table_streams: Any  # boto3's "dynamodbstreams"
    kinesis: "KinesisClient"
    s3: "S3Client"
    sqs: "SQSClient"
    cloudwatch: Any


def connect(environ: Mapping[str, str]) -> Clients:
    """Clients for the AWS that ``environ`` points at (``AWS_ENDPOINT_URL``, region, credentials)."""
    import boto3
    from botocore.config import Config

    session = boto3.session.Session(
        aws_access_key_id=environ.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environ.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=environ.get("AWS_SESSION_TOKEN"),
        region_name=environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION"),
    )
    config = Config(max_pool_connections=32, retries={"mode": "standard", "max_attempts": 3})
    endpoint = environ.get("AWS_ENDPOINT_URL")

    def client(service: Any) -> Any:
        return session.client(service, endpoint_url=endpoint, config=config)

    return Clients(
        dynamodb=client("dynamodb"),
        table_streams=client("dynamodbstreams"),
        kinesis=client("kinesis"),
        s3=client("s3"),
        sqs=client("sqs"),
        cloudwatch=client("cloudwatch"),
    )
