"""Where a redrive sends a record, by its kind."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import orjson

from chalicelib.domain.errors import Misconfigured, StorageUnavailable, Throttled
from chalicelib.domain.stream.assignment_history import History
from chalicelib.domain.stream.event import MAX_BYTES
from chalicelib.domain.stream.outgoing import MAX_PARTITION_KEY, OutgoingRecord, Stream, split_into_calls
from chalicelib.domain.stream.quarantine import QuarantinedRecord
from chalicelib.services.events.assignment_sync import redrive_row

ATTEMPTS = 10
FIRST_PAUSE = 0.1
"""Seconds before the second attempt; doubled before each later one, up to two seconds."""
MAX_PAUSE = 2.0

Sending: TypeAlias = Sequence[tuple[QuarantinedRecord, bytes]]
"""Records of one kind, each with the payload to send."""
Target: TypeAlias = Callable[[Sending], list[str | None]]
"""For each record the code of its error, or None."""
Targets: TypeAlias = Mapping[str, Target]
"""By the kind of the records."""


def send_rows(history: History) -> Target:
    """Into PostgreSQL, one at a time."""

    def send(payload: bytes) -> str | None:
        try:
            return redrive_row(history, payload)
        except (StorageUnavailable, Throttled) as error:
            return error.code

    return lambda records: [send(payload) for _, payload in records]


class EventTarget:
    """Back into the event stream. ``backfill``: an event is taken whatever its age."""

    def __init__(
        self, stream: Stream, *, backfill: bool = False, pause: Callable[[float], object] = time.sleep
    ) -> None:
        self._stream = stream
        self._backfill = backfill
        self._pause = pause
        self._attempts = ATTEMPTS

    def __call__(self, records: Sending) -> list[str | None]:
        """Sends again what is refused. Once all were refused in every attempt, the next get one attempt."""
        outgoing = [self._build(number, *record) for number, record in enumerate(records)]
        codes: dict[int, str | None] = {}
        rest = outgoing
        for attempt in range(self._attempts):
            if attempt:
                self._pause(min(FIRST_PAUSE * 2 ** (attempt - 1), MAX_PAUSE))
            for call in split_into_calls(rest):
                codes.update(self._put(call))
            rest = [record for record in rest if codes[record.number]]
            if not rest:
                break
        if 1 < len(rest) == len(outgoing):  # one record that can never be sent fails its whole call
            for record in rest:
                codes.update(self._put([record]))
        self._attempts = ATTEMPTS if None in codes.values() else 1
        return [codes[record.number] for record in outgoing]

    def _build(self, number: int, record: QuarantinedRecord, payload: bytes) -> OutgoingRecord:
        key = record.description["partition_key"][:MAX_PARTITION_KEY] or "-"
        return OutgoingRecord(number, key, add_fields(record, payload, backfill=self._backfill))

    def _put(self, call: Sequence[OutgoingRecord]) -> dict[int, str | None]:
        try:
            codes = self._stream.put(call)
        except Misconfigured:
            raise  # no further attempt mends it
        except (StorageUnavailable, Throttled) as error:
            codes = [error.code] * len(call)
        return {record.number: code for record, code in zip(call, codes, strict=True)}


def add_fields(record: QuarantinedRecord, payload: bytes, *, backfill: bool = False) -> bytes:
    """The payload with an id if it has none, and with its first arrival.

    Nothing else changes, no digit of a number either: the fields are written behind the others, and the last
    of two equal keys counts. A payload that is no event at all is sent as it is.
    """
    try:
        event: Any = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload
    if not isinstance(event, dict) or len(payload) > MAX_BYTES:
        return payload
    added: dict[str, Any] = {} if event.get("event_id") is not None else {"event_id": record.place}
    sent = event.get("realtime")
    marks: dict[str, Any] = {"received_at": record.arrived_at} | (sent if isinstance(sent, dict) else {})
    if backfill:
        marks["backfill"] = True
    if marks != sent:
        added["realtime"] = marks
    if not added:
        return payload
    fields = orjson.dumps(added)[1:]
    return payload.rstrip(b" \t\r\n")[:-1] + (b"," if event else b"") + fields
