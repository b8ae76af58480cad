"""Find the events of a batch that were seen before: same user, event type and ``event_id``.

An id belongs to the place in the stream where it was first seen, so the retry of an event is never a
duplicate of the event itself. docs/events.md says what each setting guarantees.
"""

from chalicelib.domain.stream.event_ids import Claim, EventIds, EventName
from chalicelib.domain.stream.records import Batch, EventPosition
from chalicelib.services.concurrency import Parallel, batched
from chalicelib.services.events.two_generation_cache import TwoGenerationCache

CLAIMS_A_CALL = 100
CACHED_IDS = 50_000

ShardEventName = tuple[str, str, str, str]
"""Shard, and the fields of an `EventName`."""


class Deduplicator:
    """``event_ids`` None: only duplicates within a batch or within this container's memory are found.

    Memory covers one shard at a time, because there the first event is done before the second is seen. If it
    covered two shards, each event might wait for the other one to count, and neither would.
    """

    def __init__(self, event_ids: EventIds | None, parallel: Parallel, seconds: float) -> None:
        self._event_ids = event_ids
        self._parallel = parallel
        self._seconds = seconds
        self._owners: TwoGenerationCache[ShardEventName, EventPosition] = TwoGenerationCache(
            CACHED_IDS, seconds
        )

    def find_duplicates(self, batch: Batch, now: float) -> set[EventPosition]:
        """An owner keeps its name even if the attempt at its batch fails: the batch is attempted again."""
        shard = batch.shard
        owners: dict[ShardEventName, EventPosition] = {}
        duplicates: set[EventPosition] = set()
        for _, part, position, _, event, _ in batch.events:
            if event.event_id is not None:
                event_position = position, part
                name = shard, event.user_id, event.type, event.event_id
                if owners.setdefault(name, event_position) != event_position:
                    duplicates.add(event_position)
        earlier = self._owners.get_many(owners)
        duplicates.update(owners[name] for name, owner in earlier.items() if owner != owners[name])
        if self._event_ids is not None:
            duplicates |= self._claim(self._event_ids, owners, now)
        self._owners.update(owners | earlier, now)
        return duplicates

    def _claim(
        self, event_ids: EventIds, owners: dict[ShardEventName, EventPosition], now: float
    ) -> set[EventPosition]:
        """The events whose names another place owns."""
        by_name = {EventName(*name[1:]): event_position for name, event_position in owners.items()}
        claims = [
            Claim(EventName(*name), f"{shard}:{position}:{part}")
            for (shard, *name), (position, part) in owners.items()
        ]
        refusals = self._parallel.map(
            lambda claims_: event_ids.claim(claims_, now + self._seconds), batched(claims, CLAIMS_A_CALL)
        )
        return {by_name[name] for refused in refusals for name in refused}
