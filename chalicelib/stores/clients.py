"""AWS clients of botocore: one of each per container, made when it is first used.

boto3's layer above botocore would only add import time to each cold start.
"""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import Misconfigured
from chalicelib.settings import Settings
from chalicelib.stores.resilience import stop_late_calls, stop_late_retries

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient


class Clients:
    """``AWS_ENDPOINT_URL``, region and credentials come from the usual AWS variables."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def _session(self) -> Any:
        from botocore.session import get_session

        # botocore by itself reads only the second.
        return get_session({"region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)})

    def _create_client(self, service: str) -> Any:
        from botocore.config import Config

        config = Config(
            connect_timeout=self._settings.connect_timeout,
            read_timeout=self._settings.read_timeout,
            retries={"total_max_attempts": self._settings.max_attempts, "mode": "standard"},
            parameter_validation=False,
            tcp_keepalive=True,
            max_pool_connections=32,
            s3={"addressing_style": "path"} if self._settings.env == "local" else None,
        )
        try:
            client = self._session.create_client(service, config=config)
        except ValueError as error:
            if type(error) is not ValueError:  # an error of botocore; this one is not its own
                raise
            remedy = "set AWS_ENDPOINT_URL to an address such as http://127.0.0.1:4566, or unset it"
            raise Misconfigured(f"{error}: {remedy}.") from error
        attempt_seconds = self._settings.connect_timeout + self._settings.read_timeout
        client.meta.events.register_first(f"before-call.{service}", stop_late_calls)
        client.meta.events.register_first(f"needs-retry.{service}", stop_late_retries(attempt_seconds))
        return client

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        client: DynamoDBClient = self._create_client("dynamodb")
        return client

    @cached_property
    def kinesis(self) -> "KinesisClient":
        client: KinesisClient = self._create_client("kinesis")
        return client

    @cached_property
    def s3(self) -> "S3Client":
        client: S3Client = self._create_client("s3")
        return client

    @cached_property
    def sqs(self) -> "SQSClient":
        client: SQSClient = self._create_client("sqs")
        return client

    @cached_property
    def firehose(self) -> Any:
        return self._create_client("firehose")

    @cached_property
    def secrets(self) -> Any:
        return self._create_client("secretsmanager")

    def close(self) -> None:
        """Close every connection. The clients go on: their next call opens a new one."""
        for client in vars(self).values():
            if hasattr(client, "close"):
                client.close()
