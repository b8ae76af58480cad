"""The archive of events: objects in S3, or lines for Firehose, which writes the objects."""

from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.stream.archive import ArchiveObject
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

FIREHOSE_RECORDS = 500
FIREHOSE_BYTES = 4_000_000
ATTEMPTS = 3


class S3Archive:
    def __init__(self, clients: "Clients", bucket: str) -> None:
        self._clients = clients
        self._bucket = bucket

    @guarded
    def put(self, archived: ArchiveObject) -> None:
        self._clients.s3.put_object(
            Bucket=self._bucket,
            Key=archived.key,
            Body=archived.compress(),
            ContentType="application/gzip",  # with a Content-Encoding, clients would unpack it, too
        )


class FirehoseArchive:
    def __init__(self, clients: "Clients", delivery_stream: str) -> None:
        self._clients = clients
        self._name = delivery_stream

    @guarded
    def put(self, archived: ArchiveObject) -> None:
        """A retry sends the lines again; readers find the copies by `realtime.place`."""
        for call in _split_into_calls(archived.encode().splitlines(keepends=True)):
            self._send(call)

    def _send(self, lines: list[bytes]) -> None:
        records: list[Any] = [{"Data": text} for text in lines]
        for _ in range(ATTEMPTS):
            answer = self._clients.firehose.put_record_batch(DeliveryStreamName=self._name, Records=records)
            if not answer["FailedPutCount"]:
                return
            responses = zip(records, answer["RequestResponses"], strict=True)
            records = [record for record, response in responses if "ErrorCode" in response]
        raise StorageUnavailable


def _split_into_calls(lines: list[bytes]) -> list[list[bytes]]:
    calls: list[list[bytes]] = [[]]
    size = 0
    for text in lines:
        if calls[-1] and (len(calls[-1]) == FIREHOSE_RECORDS or size + len(text) > FIREHOSE_BYTES):
            calls.append([])
            size = 0
        calls[-1].append(text)
        size += len(text)
    return calls
