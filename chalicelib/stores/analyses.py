"""The analysis of each experiment that `analyze KEY --save` saved, in the bucket of the archive."""

from typing import TYPE_CHECKING, Any

import orjson
from botocore.exceptions import ClientError

from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

PREFIX = "analyses/"


class AnalysisStore:
    """Both raise StorageUnavailable or Throttled."""

    def __init__(self, clients: "Clients", bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket

    @guarded
    def read(self, experiment_key: str) -> dict[str, Any] | None:
        """What `write` got; None if there is none."""
        try:
            answer = self._clients.s3.get_object(Bucket=self._bucket, Key=_name(experiment_key))
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
        saved: dict[str, Any] = orjson.loads(answer["Body"].read())
        return saved

    @guarded
    def write(self, experiment_key: str, saved_at: str, report: dict[str, Any]) -> None:
        body = orjson.dumps({"saved_at": saved_at, "report": report})
        self._clients.s3.put_object(
            Bucket=self._bucket, Key=_name(experiment_key), Body=body, ContentType="application/json"
        )


def _name(experiment_key: str) -> str:
    return f"{PREFIX}{experiment_key}.json"
