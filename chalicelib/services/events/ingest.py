"""Put the events of a request into the stream. An event is accepted once Kinesis has acknowledged it."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from chalicelib.domain.errors import InvalidInput, Problem, StorageUnavailable, Throttled, TooLarge
from chalicelib.domain.event_types import OWN
from chalicelib.domain.stream.event import MAX_EVENTS, TOO_DEEP, Limits, Refusal, is_too_deep, parse_event
from chalicelib.domain.stream.outgoing import MAX_PARTITION_KEY, OutgoingRecord, Stream, split_into_calls
from chalicelib.domain.stream.unwritable import refuse_unwritable
from chalicelib.domain.timestamps import parse_timestamp

ATTEMPTS = 4
FIRST_PAUSE = 0.05
"""Seconds before the second attempt; doubled before each later one."""
_UNWRITABLE = Refusal("invalid_json", "The event holds a value that JSON does not have.")


class Ingest:
    """``pause`` waits for a number of seconds; ``new_id`` makes an event id."""

    def __init__(
        self, stream: Stream, limits: Limits, new_id: Callable[[], str], pause: Callable[[float], object]
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._new_id = new_id
        self._pause = pause

    def ingest(
        self, body: object, now: float, *, backfill: bool = False, trusted: bool = False
    ) -> dict[str, Any]:
        """``body`` is one event or {"events": [at most 500]}; ``event_ids`` has null for a rejected event.

        Each of ``rejected`` also has the ``field`` that is wrong; it is empty if no single one is.
        ``backfill``: events of any age are taken, here and by the processor. ``trusted``: an operator sends
        events that were received before. They may be the service's own, and keep their
        ``realtime.received_at``; with ``backfill`` all do the latter.
        Raises InvalidInput or TooLarge for the body as a whole; Throttled or StorageUnavailable if the stream
        took no event.
        """
        events = _read_events(body)
        limits = self._limits._replace(max_age=math.inf) if backfill else self._limits
        event_ids: list[str | None] = []
        records: list[OutgoingRecord] = []
        rejected: list[dict[str, Any]] = []
        for index, data in enumerate(events):
            sent_id = data.get("event_id") if isinstance(data, dict) else None
            received_at = _read_received_at(data, now) if trusted or backfill else now
            if isinstance(data, dict):
                data["realtime"] = {"received_at": received_at} | ({"backfill": True} if backfill else {})
            record = _refuse_own(data, trusted) or self._prepare(data, index, received_at, limits)
            if isinstance(record, Refusal):
                event_id = sent_id if isinstance(sent_id, str) else None
                rejected.append(_reject(index, event_id, record))
                event_ids.append(None)
            else:
                records.append(record)
                event_ids.append(data["event_id"])
        failed, error = self._put(records)
        if records and len(failed) == len(records):
            raise Throttled if "throttled" in failed.values() else error or StorageUnavailable
        for index, code in failed.items():
            refusal = Refusal(code, "The stream did not take it; send it again.")
            rejected.append(_reject(index, event_ids[index], refusal))
            event_ids[index] = None
        return {
            "accepted": len(events) - len(rejected),
            "rejected": sorted(rejected, key=lambda rejection: int(rejection["index"])),
            "event_ids": event_ids,
        }

    def _prepare(self, data: Any, index: int, received_at: float, limits: Limits) -> OutgoingRecord | Refusal:
        """Parses the same bytes that the processor will parse, with the same result."""
        if isinstance(data, dict) and data.get("event_id") is None:
            data["event_id"] = self._new_id()
        try:
            text = orjson.dumps(data)
        except TypeError:  # over 254 levels, a lone surrogate, or an integer beyond 64 bits
            return TOO_DEEP if is_too_deep(data) else refuse_unwritable(data) or _UNWRITABLE
        event = parse_event(text, received_at, limits)
        if isinstance(event, Refusal) or event.data != data:  # NaN and infinity are written as null
            return refuse_unwritable(data) or (event if isinstance(event, Refusal) else _UNWRITABLE)
        return OutgoingRecord(index, event.user_id[:MAX_PARTITION_KEY], text)

    def _put(self, records: Sequence[OutgoingRecord]) -> tuple[dict[int, str], Exception | None]:
        """Retries the records that fail. By number, the codes of those that failed in the last attempt.

        With the last error of a call that failed as a whole.
        """
        codes: dict[int, str] = {}
        error: Exception | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                self._pause(FIRST_PAUSE * 2 ** (attempt - 1))
            codes = {}
            for call in split_into_calls(records):
                try:
                    answers = self._stream.put(call)
                except (StorageUnavailable, Throttled) as raised:
                    error, answers = raised, [raised.code] * len(call)
                codes |= {record.number: code for record, code in zip(call, answers, strict=True) if code}
            records = [record for record in records if record.number in codes]
            if not records:
                break
        return codes, error


def _refuse_own(data: Any, trusted: bool) -> Refusal | None:
    """The processor takes them: the service sends them itself, and so may a producer on the stream."""
    event_type = data.get("event_type") if isinstance(data, dict) else None
    if trusted or not isinstance(event_type, str) or event_type not in OWN:
        return None
    advice = "send exposure where a treatment is seen, and name your own events otherwise"
    message = f"event_type {event_type} is written by the service itself: {advice}."
    return Refusal("reserved_event_type", message, "event_type")


def _reject(index: int, event_id: str | None, refusal: Refusal) -> dict[str, Any]:
    return {"index": index, "event_id": event_id, **refusal._asdict()}


def _read_received_at(data: Any, now: float) -> float:
    """When the event was first received; ``now`` if it does not say so in a way that can be true."""
    mark = data.get("realtime") if isinstance(data, dict) else None
    received_at = mark.get("received_at") if isinstance(mark, dict) else None
    if isinstance(received_at, bool) or not isinstance(received_at, int | float):
        return now
    return received_at if 0 < received_at <= now else now


def _read_events(body: object) -> Sequence[Any]:
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
    _copy_sent_at(body, events)
    return events


def _copy_sent_at(body: dict[str, Any], events: Sequence[Any]) -> None:
    """A ``sent_at`` beside the events is that of each event which has none."""
    sent_at = body.get("sent_at")
    if sent_at is None:
        return
    try:
        parse_timestamp(sent_at)
    except (ValueError, TypeError):
        problem = Problem("sent_at", "must be an ISO 8601 date and time")
        raise InvalidInput("invalid_body", f"{problem}.", (problem,)) from None
    for data in events:
        if isinstance(data, dict) and data.get("sent_at") is None:
            data["sent_at"] = sent_at
