"""A poison record as it is kept: what it was, where it was, and why it can never be an event. Pure."""

from typing import Any, NamedTuple

from chalicelib.domain.stream.records import PoisonRecord
from chalicelib.domain.timestamps import format_timestamp


class QuarantineEntry(NamedTuple):
    """``at`` is the record's number in its batch; shard, sequence number and part are its identity."""

    at: int
    shard: str
    sequence_number: str
    poison: PoisonRecord
    now: float  # epoch seconds

    @property
    def payload(self) -> bytes:
        return self.poison.payload

    def description(self) -> dict[str, Any]:
        """All but the payload, as JSON."""
        poison = self.poison
        return {
            "shard": self.shard,
            "sequence_number": self.sequence_number,
            "part": poison.part,
            "partition_key": poison.partition_key,
            "code": poison.refusal.code,
            "message": poison.refusal.message,
            "field": poison.refusal.field or None,
            "arrived_at": format_timestamp(poison.arrived),
            "quarantined_at": format_timestamp(self.now),
        }

    def object_key(self) -> str:
        return f"quarantine/{self.shard.replace('/', '-')}-{self.sequence_number}.{self.poison.part}"
