"""Process the records of a failed batch anew, under a shard's name of its own (docs/adr/022)."""

from collections.abc import Callable, Sequence
from typing import Any

from chalicelib.domain.stream.event_ids import Claim, EventIds, EventName
from chalicelib.domain.stream.quarantine import Quarantine, QuarantineEntry

SEPARATOR = "~"
ATTEMPTS = 3
"""That do not get any further."""


def relabel(record: dict[str, Any], label: str) -> dict[str, Any]:
    """The same record of a shard ``SHARD~LABEL``: the counters of the shard itself have moved on."""
    shard, _, number = str(record["eventID"]).partition(":")
    return {**record, "eventID": f"{shard}{SEPARATOR}{label}:{number}"}


def restore_label(shard: str) -> str:
    return shard.partition(SEPARATOR)[0]


class OriginalQuarantine:
    """Poison keeps the place that it has in the stream."""

    def __init__(self, quarantine: Quarantine) -> None:
        self._quarantine = quarantine
        self.places: set[str] = set()

    def put(self, entries: Sequence[QuarantineEntry]) -> list[bool]:
        originals = [entry._replace(shard=restore_label(entry.shard)) for entry in entries]
        stored = self._quarantine.put(originals)
        self.places |= {
            f"{entry.shard}:{entry.sequence_number}:{entry.poison.part}"
            for entry, is_stored in zip(originals, stored, strict=True)
            if is_stored
        }
        return stored


class OriginalEventIds:
    """An event id that the batch has claimed before still belongs to it."""

    def __init__(self, event_ids: EventIds) -> None:
        self._event_ids = event_ids

    def claim(self, claims: Sequence[Claim], expires_at: float) -> set[EventName]:
        originals = [claim._replace(place=_restore_place(claim.place)) for claim in claims]
        return self._event_ids.claim(originals, expires_at)


def reprocess(records: Sequence[dict[str, Any]], process: Callable[[Any], dict[str, Any]]) -> int:
    """Deliver the records as Lambda does; how many are done in the end, or when no attempt gets further."""
    done, failures = 0, 0
    while done < len(records) and failures < ATTEMPTS:
        answer = process({"Records": list(records[done:])})
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        numbers = [record["kinesis"]["sequenceNumber"] for record in records[done:]]
        progress = next((index for index, number in enumerate(numbers) if number in failed), len(numbers))
        failures = 0 if progress else failures + 1
        done += progress
    return done


def _restore_place(place: str) -> str:
    shard, _, rest = place.partition(":")
    return f"{restore_label(shard)}:{rest}"
