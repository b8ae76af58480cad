"""Poison records in quarantine: what they were, where they were, why they are not events. Pure."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

from chalicelib.domain.stream.records import PoisonRecord
from chalicelib.domain.timestamps import format_timestamp

Kind = Literal["event", "assignment_row"]
"""What a payload is: data of the event stream, or a row that PostgreSQL refuses (assignment_history.py)."""


class QuarantineEntry(NamedTuple):
    """A poison record to be quarantined. Shard, sequence number and part are its identity."""

    shard: str
    sequence_number: str
    poison: PoisonRecord
    now: float  # epoch seconds
    kind: Kind = "event"

    @property
    def payload(self) -> bytes:
        return self.poison.payload

    def description(self) -> dict[str, Any]:
        """Everything but the payload, ready for JSON."""
        poison = self.poison
        kind = {} if self.kind == "event" else {"kind": self.kind}
        return kind | {
            "shard": self.shard,
            "sequence_number": self.sequence_number,
            "part": poison.part,
            "partition_key": poison.partition_key,
            "code": poison.refusal.code,
            "message": poison.refusal.message,
            "field": poison.refusal.field or None,
            "arrived_at": format_timestamp(poison.arrived_at),
            "quarantined_at": format_timestamp(self.now),
        }

    def object_key(self) -> str:
        return f"quarantine/{self.shard.replace('/', '-')}-{self.sequence_number}.{self.poison.part}"


class QuarantinedRecord(NamedTuple):
    """A record as it is read from quarantine: its description (docs/events.md) and the payload."""

    handle: str
    description: dict[str, Any]
    payload: bytes

    @property
    def place(self) -> str:
        """The identity of the record, however often it is in quarantine."""
        return "{shard}:{sequence_number}:{part}".format(**self.description)


class Quarantine(Protocol):
    """The store of poison records. All methods raise StorageUnavailable or Throttled."""

    def put(self, entries: Sequence[QuarantineEntry]) -> list[bool]:
        """Store at most ten; for each, whether it is stored."""

    def receive(self, wait: int = 0) -> list[QuarantinedRecord]:
        """At most ten, hidden from other readers for two minutes; empty once none is visible.

        ``wait`` in seconds. Only with one, all visible records are found.
        """

    def release(self, record: QuarantinedRecord) -> None:
        """Make the record visible again, at once."""

    def remove(self, record: QuarantinedRecord) -> None:
        """Delete the record."""
