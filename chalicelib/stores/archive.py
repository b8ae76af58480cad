"""The archive of events: objects in S3, or lines to Firehose, which makes the objects."""

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
            ContentType="application/gzip",  # no Content-Encoding: a reader would unpack it twice
        )


class FirehoseArchive:
    def __init__(self, clients: "Clients", delivery_stream: str) -> None:
        self._clients = clients
        self._name = delivery_stream

    @guarded
    def put(self, archived: ArchiveObject) -> None:
        """A retry sends lines again: `realtime.place` tells."""
        for chunk in _chunks(archived.encode().splitlines(keepends=True)):
            self._send(chunk)

    def _send(self, lines: list[bytes]) -> None:
        records: list[Any] = [{"Data": text} for text in lines]
        for _ in range(ATTEMPTS):
            answer = self._clients.firehose.put_record_batch(DeliveryStreamName=self._name, Records=records)
            if not answer["FailedPutCount"]:
                return
            answers = zip(records, answer["RequestResponses"], strict=True)
            records = [record for record, one in answers if "ErrorCode" in one]
        raise StorageUnavailable


def _chunks(lines: list[bytes]) -> list[list[bytes]]:
    chunks: list[list[bytes]] = [[]]
    size = 0
    for text in lines:
        if chunks[-1] and (len(chunks[-1]) == FIREHOSE_RECORDS or size + len(text) > FIREHOSE_BYTES):
            chunks.append([])
            size = 0
        chunks[-1].append(text)
        size += len(text)
    return chunks
