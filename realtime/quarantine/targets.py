"""Where a redrive sends a record, by its kind."""

import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, TypeAlias

import orjson

from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.stream.assignment_history import History
from chalicelib.domain.stream.event import MAX_BYTES
from chalicelib.domain.stream.outgoing import MAX_PARTITION_KEY, OutgoingRecord, Stream
from chalicelib.domain.stream.quarantine import QuarantinedRecord
from chalicelib.services.events.assignment_sync import redrive_row

ATTEMPTS = 5
FIRST_PAUSE = 0.1
"""Seconds before the second attempt; doubled before each later one."""

Send: TypeAlias = Callable[[QuarantinedRecord, bytes], str | None]
"""Sends one record with this payload: the code of its error, or None. It may be called by several threads."""
Targets: TypeAlias = Mapping[str, Send]
"""By the kind of the record."""


class RowTarget:
    """Into PostgreSQL, one at a time: its connection serves one thread."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._lock = Lock()

    def __call__(self, record: QuarantinedRecord, payload: bytes) -> str | None:
        del record
        try:
            with self._lock:
                return redrive_row(self._history, payload)
        except (StorageUnavailable, Throttled) as error:
            return error.code


class EventTarget:
    """Back into the event stream. ``backfill``: an event is taken whatever its age."""

    def __init__(
        self, stream: Stream, *, backfill: bool = False, pause: Callable[[float], object] = time.sleep
    ) -> None:
        self._stream = stream
        self._backfill = backfill
        self._pause = pause
        self._attempts = ATTEMPTS

    def __call__(self, record: QuarantinedRecord, payload: bytes) -> str | None:
        """Once a record is refused in every attempt, others get one attempt until one succeeds."""
        key = record.description["partition_key"][:MAX_PARTITION_KEY] or "-"
        outgoing = OutgoingRecord(0, key, add_fields(record, payload, backfill=self._backfill))
        code: str | None = None
        for attempt in range(self._attempts):
            if attempt:
                self._pause(FIRST_PAUSE * 2 ** (attempt - 1))
            code = self._put(outgoing)
            if code is None:
                self._attempts = ATTEMPTS
                return None
        self._attempts = 1
        return code

    def _put(self, outgoing: OutgoingRecord) -> str | None:
        try:
            [code] = self._stream.put([outgoing])
        except (StorageUnavailable, Throttled) as error:
            return error.code
        return code


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
