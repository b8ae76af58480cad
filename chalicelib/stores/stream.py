"""The event stream's way in."""

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
        """One call: of each record None if Kinesis has it, or ``throttled`` or ``storage_unavailable``.

        Half-done calls answer 200, so each record's own answer is what counts.
        """
        request: Any = [{"Data": record.data, "PartitionKey": record.partition_key} for record in records]
        answer = self._clients.kinesis.put_records(StreamName=self._name, Records=request)
        return [_code(one.get("ErrorCode")) for one in answer["Records"]]


def _code(error: str | None) -> str | None:
    if not error:
        return None
    return "throttled" if error in THROTTLES else "storage_unavailable"
