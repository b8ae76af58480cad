"""Which events of a batch were there before, by ``event_id``.

What owns an id is the place of the event in the stream, so that the retry of an event is never taken for
a duplicate of itself. What each level guarantees: docs/events.md.
"""

from collections.abc import Sequence
from typing import Protocol

from chalicelib.domain.stream.records import Batch
from chalicelib.services.concurrency import Parallel
from chalicelib.services.events.two_generation_cache import TwoGenerationCache

CLAIMS = 100
REMEMBERED = 50_000

EventPosition = tuple[str, int]
"""Position of the record, and part: unique in a stream, whatever the shard."""


class EventIds(Protocol):
    """Which place in the stream owns an event id."""

    def claim(self, claims: Sequence[tuple[str, str]], expires_at: float) -> set[str]:
        """Claim at most 100 (event id, place) of distinct ids; returns the ids that another place owns.

        A place that claims an id again still owns it, so a retry after a crash counts the event.
        ``expires_at`` in epoch seconds. Raises StorageUnavailable or Throttled.
        """
        ...


class Deduplicator:
    """``ids`` None: duplicates are known within a batch and within this container's memory only.

    Memory is of one shard at a time: only there the first place is settled before the second is seen. Of two
    shards, each might wait for the other to count the event, and neither would.
    """

    def __init__(self, ids: EventIds | None, parallel: Parallel, seconds: float) -> None:
        self._ids = ids
        self._parallel = parallel
        self._seconds = seconds
        self._recent: TwoGenerationCache[tuple[str, str], EventPosition] = TwoGenerationCache(
            REMEMBERED, seconds
        )

    def among(self, batch: Batch, now: float) -> set[EventPosition]:
        """Whoever owns an id keeps it, even if the attempt at its batch fails: there will be another one."""
        shard = batch.shard
        owners: dict[tuple[str, str], EventPosition] = {}
        duplicates: set[EventPosition] = set()
        for _, part, position, _, event, _ in batch.events:
            if event.event_id is not None:
                place = position, part
                if owners.setdefault((shard, event.event_id), place) != place:
                    duplicates.add(place)
        known = self._recent.among(owners)
        duplicates.update(owners[named] for named, owner in known.items() if owner != owners[named])
        if self._ids is not None:
            duplicates |= self._owned_by_others(self._ids, owners, now)
        self._recent.update(owners | known, now)
        return duplicates

    def _owned_by_others(
        self, ids: EventIds, owners: dict[tuple[str, str], EventPosition], now: float
    ) -> set[EventPosition]:
        claims = [(event_id, f"{shard}:{at}:{part}") for (shard, event_id), (at, part) in owners.items()]
        places = {event_id: place for (_, event_id), place in owners.items()}
        chunks = [claims[start : start + CLAIMS] for start in range(0, len(claims), CLAIMS)]
        refused = self._parallel.map(lambda chunk: ids.claim(chunk, now + self._seconds), chunks)
        return {places[event_id] for found in refused for event_id in found}
