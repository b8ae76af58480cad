"""The archive of events: objects in S3, lines for Firehose, which writes the objects, or somebody else's."""

from typing import TYPE_CHECKING, Any

from chalicelib.domain.errors import StorageUnavailable
from chalicelib.domain.stream.archive import ArchiveObject
from chalicelib.stores.resilience import guarded

if TYPE_CHECKING:
    from chalicelib.stores.clients import Clients

FIREHOSE_RECORD_BYTES = 500_000
"""Lines of one record, except a longer line. Firehose takes 1,000 KiB, and charges each record by 5 KB."""
FIREHOSE_BYTES = 4_000_000
"""Of one call, which has far fewer than the 500 records that Firehose takes."""
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
        lines = archived.encode().splitlines(keepends=True)
        joined = [b"".join(some) for some in _group(lines, FIREHOSE_RECORD_BYTES)]
        for call in _group(joined, FIREHOSE_BYTES):
            self._send(call)

    def _send(self, texts: list[bytes]) -> None:
        records: list[Any] = [{"Data": text} for text in texts]
        for _ in range(ATTEMPTS):
            answer = self._clients.firehose.put_record_batch(DeliveryStreamName=self._name, Records=records)
            if not answer["FailedPutCount"]:
                return
            responses = zip(records, answer["RequestResponses"], strict=True)
            records = [record for record, response in responses if "ErrorCode" in response]
        raise StorageUnavailable


class NoArchive:
    """The platform archives its stream itself."""

    def put(self, archived: ArchiveObject) -> None:
        """Nothing: a second archive would hold every event twice."""


def _group(texts: list[bytes], max_bytes: int) -> list[list[bytes]]:
    """In order; a text that is longer stands alone."""
    groups: list[list[bytes]] = [[]]
    size = 0
    for text in texts:
        if groups[-1] and size + len(text) > max_bytes:
            groups.append([])
            size = 0
        groups[-1].append(text)
        size += len(text)
    return groups
