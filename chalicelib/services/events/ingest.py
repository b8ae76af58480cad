"""Take events from a request into the stream; accepted is what Kinesis has acknowledged."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from chalicelib.domain.errors import InvalidInput, Problem, StorageUnavailable, Throttled, TooLarge
from chalicelib.domain.stream.event import MAX_EVENTS, TOO_DEEP, Limits, Refusal, is_too_deep, parse_event
from chalicelib.domain.stream.outgoing import MAX_PARTITION_KEY, OutgoingRecord, Stream, split_into_calls

ATTEMPTS = 4
FIRST_PAUSE = 0.05
"""Seconds before the second attempt, doubled before each later one."""


class Ingest:
    """``pause`` waits for a number of seconds, ``new_id`` makes an event's id."""

    def __init__(
        self, stream: Stream, limits: Limits, new_id: Callable[[], str], pause: Callable[[float], object]
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._new_id = new_id
        self._pause = pause

    def ingest(self, body: object, now: float) -> dict[str, Any]:
        """``body`` is one event or {"events": [at most 500]}; ``event_ids`` has null for a rejected event.

        Raises InvalidInput or TooLarge for the whole, Throttled or StorageUnavailable if none was taken.
        """
        events = _events(body)
        ids: list[str | None] = []
        puts: list[OutgoingRecord] = []
        rejected: list[dict[str, Any]] = []
        for index, data in enumerate(events):
            given = data.get("event_id") if isinstance(data, dict) else None
            prepared = self._prepare(data, index, now)
            if isinstance(prepared, Refusal):
                event_id = given if isinstance(given, str) else None
                rejected.append(_rejected(index, event_id, prepared.code, prepared.message))
                ids.append(None)
            else:
                puts.append(prepared)
                ids.append(data["event_id"])
        failed = self._put(puts)
        if puts and len(failed) == len(puts):
            raise Throttled if "throttled" in failed.values() else StorageUnavailable
        for index, code in failed.items():
            rejected.append(_rejected(index, ids[index], code, "The stream did not take it; send it again."))
            ids[index] = None
        return {
            "accepted": len(events) - len(rejected),
            "rejected": sorted(rejected, key=lambda one: int(one["index"])),
            "event_ids": ids,
        }

    def _prepare(self, data: Any, index: int, now: float) -> OutgoingRecord | Refusal:
        """The same verdict as the processor's, on the very bytes that it will get."""
        if isinstance(data, dict) and data.get("event_id") is None:
            data["event_id"] = self._new_id()
        try:
            text = orjson.dumps(data)
        except TypeError:  # orjson writes 254 levels, no lone surrogates and no integers beyond 64 bits
            if is_too_deep(data):
                return TOO_DEEP
            return Refusal("invalid_json", "The event holds a lone surrogate or an integer beyond 64 bits.")
        found = parse_event(text, now, self._limits)
        if not isinstance(found, Refusal) and found.data != data:  # 1e400 is infinite, and written as null
            return Refusal("invalid_json", "The event holds a number beyond 64 bits.")
        return (
            found
            if isinstance(found, Refusal)
            else OutgoingRecord(index, found.user_id[:MAX_PARTITION_KEY], text)
        )

    def _put(self, puts: Sequence[OutgoingRecord]) -> dict[int, str]:
        """Only failed records are sent again; the code of each that failed to the end."""
        failed: dict[int, str] = {}
        for attempt in range(ATTEMPTS):
            if attempt:
                self._pause(FIRST_PAUSE * 2 ** (attempt - 1))
            failed = {}
            for call in split_into_calls(puts):
                failed.update(self._call(call))
            puts = [put for put in puts if put.at in failed]
            if not puts:
                break
        return failed

    def _call(self, call: Sequence[OutgoingRecord]) -> dict[int, str]:
        try:
            codes = self._stream.put(call)
        except (StorageUnavailable, Throttled) as error:
            codes = [error.code] * len(call)
        return {put.at: code for put, code in zip(call, codes, strict=True) if code}


def _rejected(index: int, event_id: str | None, code: str, message: str) -> dict[str, Any]:
    return {"index": index, "event_id": event_id, "code": code, "message": message}


def _events(body: object) -> Sequence[Any]:
    if not isinstance(body, dict):
        raise InvalidInput("invalid_body", 'The body must be an event or {"events": [...]}.')
    if "events" not in body:
        return [body]
    events = body["events"]
    if not isinstance(events, list) or not events:
        problem = Problem("events", f"must be a list of 1 to {MAX_EVENTS} events")
        raise InvalidInput("invalid_body", "events must be a list of events.", (problem,))
    if len(events) > MAX_EVENTS:
        raise TooLarge(
            "too_many_events", f"At most {MAX_EVENTS} events fit one request; it has {len(events)}."
        )
    return events
