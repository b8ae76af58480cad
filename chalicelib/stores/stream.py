"""Put records into the event stream."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.domain.stream.outgoing import OutgoingRecord
from chalicelib.stores.resilience import THROTTLES, guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients


class EventStream:
    def __init__(self, clients: "Clients", name: str) -> None:
        self._clients = clients
        self._name = name

    @guarded
    def put(self, records: Sequence[OutgoingRecord]) -> list[str | None]:
        """Kinesis answers 200 even if it refuses some records, so each record's own result counts."""
        request: Any = [{"Data": record.data, "PartitionKey": record.partition_key} for record in records]
        answer = self._clients.kinesis.put_records(StreamName=self._name, Records=request)
        return [_code(result.get("ErrorCode")) for result in answer["Records"]]


def _code(error: str | None) -> str | None:
    if not error:
        return None
    return "throttled" if error in THROTTLES else "storage_unavailable"
