"""Find the events of a batch whose ``event_id`` was seen before.

An id belongs to the place in the stream where it was first seen, so the retry of an event is never a
duplicate of the event itself. docs/events.md says what each setting guarantees.
"""

from collections.abc import Sequence
from typing import Protocol

from chalicelib.domain.stream.records import Batch, EventPosition
from chalicelib.services.concurrency import Parallel, batched
from chalicelib.services.events.two_generation_cache import TwoGenerationCache

CLAIMS_A_CALL = 100
CACHED_IDS = 50_000

ShardEventId = tuple[str, str]
"""Shard, event id."""


class EventIds(Protocol):
    """Which place in the stream owns an event id."""

    def claim(self, claims: Sequence[tuple[str, str]], expires_at: float) -> set[str]:
        """Claim at most 100 (event id, place) of distinct ids; returns the ids that another place owns.

        A place that claims an id again still owns it, so a retry after a crash counts the event.
        ``expires_at`` in epoch seconds. Raises StorageUnavailable or Throttled.
        """


class Deduplicator:
    """``event_ids`` None: only duplicates within a batch or within this container's memory are found.

    Memory covers one shard at a time, because there the first event is done before the second is seen. If it
    covered two shards, each event might wait for the other one to count, and neither would.
    """

    def __init__(self, event_ids: EventIds | None, parallel: Parallel, seconds: float) -> None:
        self._event_ids = event_ids
        self._parallel = parallel
        self._seconds = seconds
        self._owners: TwoGenerationCache[ShardEventId, EventPosition] = TwoGenerationCache(
            CACHED_IDS, seconds
        )

    def find_duplicates(self, batch: Batch, now: float) -> set[EventPosition]:
        """An owner keeps its id even if the attempt at its batch fails: the batch is attempted again."""
        shard = batch.shard
        owners: dict[ShardEventId, EventPosition] = {}
        duplicates: set[EventPosition] = set()
        for _, part, position, _, event, _ in batch.events:
            if event.event_id is not None:
                event_position = position, part
                if owners.setdefault((shard, event.event_id), event_position) != event_position:
                    duplicates.add(event_position)
        earlier = self._owners.get_many(owners)
        duplicates.update(owners[key] for key, owner in earlier.items() if owner != owners[key])
        if self._event_ids is not None:
            duplicates |= self._claim(self._event_ids, owners, now)
        self._owners.update(owners | earlier, now)
        return duplicates

    def _claim(
        self, event_ids: EventIds, owners: dict[ShardEventId, EventPosition], now: float
    ) -> set[EventPosition]:
        """The events whose ids another place owns."""
        claims = [
            (event_id, f"{shard}:{position}:{part}") for (shard, event_id), (position, part) in owners.items()
        ]
        by_id = {event_id: event_position for (_, event_id), event_position in owners.items()}
        refusals = self._parallel.map(
            lambda claims_: event_ids.claim(claims_, now + self._seconds), batched(claims, CLAIMS_A_CALL)
        )
        return {by_id[event_id] for refused in refusals for event_id in refused}
