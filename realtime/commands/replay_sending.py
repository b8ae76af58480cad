"""Send events to the stream, again and again where it only refuses them for now."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from chalicelib.domain.errors import Misconfigured, StorageUnavailable, Throttled
from realtime.event_files.rows import Event

RETRYABLE = ("throttled", "storage_unavailable")
ATTEMPTS = 6
"""Without any success in between."""
FIRST_PAUSE = 0.2
"""Seconds; doubled before each later attempt."""

Ingest = Callable[[dict[str, Any]], dict[str, Any]]
Pause = Callable[[float], object]


class Outcome(NamedTuple):
    """Code and message by the event's index: of what is refused for good, and of what was not taken."""

    refused: dict[int, tuple[str, str]]
    unsent: dict[int, tuple[str, str]]


def send(ingest: Ingest, events: Sequence[Event], pause: Pause) -> Outcome:
    waiting = list(range(len(events)))
    refused: dict[int, tuple[str, str]] = {}
    unsent: dict[int, tuple[str, str]] = {}
    failures = 0
    while waiting:
        answers = _try(ingest, [events[index] for index in waiting])
        unsent = {waiting[place]: answer for place, answer in answers.items() if answer[0] in RETRYABLE}
        refused |= {waiting[place]: answer for place, answer in answers.items() if answer[0] not in RETRYABLE}
        failures = failures + 1 if len(unsent) == len(waiting) else 0
        waiting = list(unsent)
        if failures == ATTEMPTS:
            break
        if waiting:
            pause(FIRST_PAUSE * 2**failures)
    return Outcome(refused, unsent)


def _try(ingest: Ingest, events: Sequence[Event]) -> dict[int, tuple[str, str]]:
    """Code and message of each event that was not taken. Raises Misconfigured: no attempt can mend that."""
    try:
        answer = ingest({"events": list(events)})
    except Misconfigured:
        raise
    except (Throttled, StorageUnavailable) as error:
        return dict.fromkeys(range(len(events)), (error.code, error.message))
    return {item["index"]: (item["code"], item["message"]) for item in answer["rejected"]}
