"""Poison records in quarantine: what they were, where they were, why they were refused. Pure."""

import hashlib
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

from chalicelib.domain.stream.records import PoisonRecord
from chalicelib.domain.timestamps import format_timestamp, parse_timestamp

Kind = Literal["event", "assignment_row"]
"""What a payload is: data of the event stream, or a row that PostgreSQL refuses (assignment_history.py)."""

ID_LENGTH = 8
CALL_SIZE = 10
"""Records in one call of a quarantine."""
HIDDEN_SECONDS = 900
"""Longer than it takes to receive the 120,000 messages that SQS lets receivers hold."""


class QuarantineEntry(NamedTuple):
    """A poison record to be quarantined. Shard, sequence number and part are its identity.

    ``kind`` says what the payload is, and so where a redrive sends it.
    """

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
        return {
            "kind": self.kind,
            "shard": self.shard,
            "sequence_number": self.sequence_number,
            "part": poison.part,
            "partition_key": poison.partition_key,
            "code": poison.refusal.code,
            "message": poison.refusal.message,
            "field": poison.refusal.field or None,
            "bytes": len(poison.payload),
            "arrived_at": format_timestamp(poison.arrived_at),
            "quarantined_at": format_timestamp(self.now),
        }

    def object_key(self) -> str:
        return f"quarantine/{self.shard.replace('/', '-')}-{self.sequence_number}.{self.poison.part}"


class QuarantinedRecord(NamedTuple):
    """A record as it is read from quarantine: its description (docs/quarantine.md), not its payload.

    ``message_id`` names the message, of which one record may have several. ``inline`` is the payload, or None
    if it is stored elsewhere: see `Quarantine.read_payload`.
    """

    handle: str
    message_id: str
    sent_at: float  # into quarantine, epoch seconds
    description: dict[str, Any]
    inline: bytes | None

    @property
    def place(self) -> str:
        """The identity of the record, however often it is in quarantine."""
        return "{shard}:{sequence_number}:{part}".format(**self.description)

    @property
    def id(self) -> str:
        """Short for the place, on a terminal."""
        return hashlib.sha256(self.place.encode()).hexdigest()[:ID_LENGTH]

    @property
    def code(self) -> str:
        return str(self.description["code"])

    @property
    def arrived_at(self) -> float:
        return parse_timestamp(self.description["arrived_at"])


class QueueState(NamedTuple):
    """``visible`` and ``hidden`` messages are approximate. ``now`` is the queue's own clock, in seconds."""

    now: float
    visible: int
    hidden: int


class Quarantine(Protocol):
    """The store of poison records. All methods raise StorageUnavailable or Throttled.

    One call puts, hides or removes at most ten records.
    """

    def put(self, entries: Sequence[QuarantineEntry]) -> list[bool]:
        """For each entry, whether it is stored."""

    def receive(self, wait: int = 0) -> list[QuarantinedRecord]:
        """At most ten, hidden from other readers for a quarter of an hour; empty once none is visible.

        ``wait`` in seconds. Only with one, all visible records are found.
        """

    def hide(self, records: Sequence[QuarantinedRecord], seconds: int) -> None:
        """Hide them for so long from now on; 0 makes them visible at once."""

    def remove(self, records: Sequence[QuarantinedRecord]) -> list[bool]:
        """For each record, whether it is deleted."""

    def read_payload(self, record: QuarantinedRecord) -> bytes | None:
        """None if it is stored in the bucket and does not exist there any more."""

    def measure(self) -> QueueState: ...
