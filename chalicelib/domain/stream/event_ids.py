"""What makes two events the same one: user, event type and ``event_id``. Pure."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class EventName(NamedTuple):
    """An id is the sender's: two users, or an order and its refund, may have the same."""

    user_id: str
    event_type: str
    event_id: str


class Claim(NamedTuple):
    """``place``: shard, position and part of the event."""

    name: EventName
    place: str


class EventIds(Protocol):
    """Which place in the stream owns an event's name, whatever the shard."""

    def claim(self, claims: Sequence[Claim], expires_at: float) -> set[EventName]:
        """Claim at most 100 distinct names; returns those that another place owns.

        A place that claims a name again still owns it, so a retry after a crash counts the event.
        ``expires_at`` in epoch seconds. Raises StorageUnavailable or Throttled.
        """
