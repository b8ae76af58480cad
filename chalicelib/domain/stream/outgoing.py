"""Records for the event stream, in calls of the size that Kinesis accepts. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

MAX_RECORDS = 500
MAX_CALL_BYTES = 4_500_000
"""Data and partition keys together. Kinesis accepts 5 MiB a call."""
MAX_PARTITION_KEY = 256
"""Characters. A longer user id is cut to make the partition key, which decides the shard."""


class OutgoingRecord(NamedTuple):
    """``number`` is the caller's own number of the record."""

    number: int
    partition_key: str
    data: bytes


class Stream(Protocol):
    def put(self, records: Sequence[OutgoingRecord]) -> list[str | None]:
        """One call. For each record None if the stream has it, or ``throttled`` or ``storage_unavailable``.

        Raises StorageUnavailable or Throttled if the call as a whole failed.
        """


def split_into_calls(records: Iterable[OutgoingRecord]) -> list[list[OutgoingRecord]]:
    calls: list[list[OutgoingRecord]] = []
    size = MAX_CALL_BYTES  # opens the first call
    for record in records:
        added = len(record.data) + 4 * len(record.partition_key)
        if size + added > MAX_CALL_BYTES or len(calls[-1]) == MAX_RECORDS:
            calls.append([])
            size = 0
        calls[-1].append(record)
        size += added
    return calls
