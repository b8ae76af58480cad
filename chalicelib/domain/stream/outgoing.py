"""What goes into the event stream, in calls of the size that Kinesis takes. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

MAX_RECORDS = 500
MAX_CALL_BYTES = 4_500_000
"""Bytes of data and partition keys; Kinesis takes 5 MiB a call."""
MAX_PARTITION_KEY = 256
"""Characters of a user id that decide its shard, the most that Kinesis takes."""


class OutgoingRecord(NamedTuple):
    """``at`` is the caller's own number for the record."""

    at: int
    partition_key: str
    data: bytes


class Stream(Protocol):
    def put(self, records: Sequence[OutgoingRecord]) -> list[str | None]:
        """One call. For each record None if the stream has it, or ``throttled`` or ``storage_unavailable``.

        Raises StorageUnavailable or Throttled if the call as a whole failed.
        """
        ...


def split_into_calls(records: Iterable[OutgoingRecord]) -> list[list[OutgoingRecord]]:
    found: list[list[OutgoingRecord]] = []
    size = MAX_CALL_BYTES
    for record in records:
        added = len(record.data) + 4 * len(record.partition_key)
        if size + added > MAX_CALL_BYTES or len(found[-1]) == MAX_RECORDS:
            found.append([])
            size = 0
        found[-1].append(record)
        size += added
    return found
