"""Records in quarantine for the command line: looked at, and sent back once their cause is fixed."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import orjson
from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

from chalicelib.domain.errors import StorageUnavailable, Throttled
from chalicelib.domain.stream.outgoing import MAX_PARTITION_KEY, OutgoingRecord, Stream
from chalicelib.domain.stream.quarantine import Quarantine, QuarantinedRecord


def show(console: Console, quarantine: Quarantine, *, as_json: bool = False) -> int:
    """How many wait. ``as_json`` prints one line for each, with its payload; the table shows no payload."""
    received = list(_all(quarantine))
    for waiting in received:
        quarantine.release(waiting)
    found = {waiting.place: waiting for waiting in received}
    ordered = sorted(found.values(), key=lambda one: str(one.description["arrived_at"]))
    if as_json:
        for waiting in ordered:
            payload = waiting.payload.decode("utf-8", "backslashreplace")
            print(json.dumps(waiting.description | {"payload": payload}))
        return len(found)
    names = "arrived", "code", "field", "bytes", "place"
    table = Table(*(Column(name, overflow="fold") for name in names))
    for waiting in ordered:
        about = waiting.description
        cells = about["arrived_at"], about["code"], about["field"] or "", str(len(waiting.payload))
        table.add_row(*cells, waiting.place)
    console.print(table if found else "Nothing is in quarantine.")
    return len(found)


def redrive(console: Console, quarantine: Quarantine, stream: Stream) -> int:
    """Sends every record back into the stream under its identity; how many. Those that fail again return.

    A record leaves quarantine only after the stream has it; one that the stream refuses holds up no other.
    An event without an id gets its first place in the stream as its id, the same one each time, so that
    nothing counts twice.
    """
    sent: set[str] = set()
    kept: list[QuarantinedRecord] = []
    try:
        for waiting in track(_all(quarantine), "Redriving", console=console, total=None):
            if waiting.place in sent or _accepted(stream, waiting):
                sent.add(waiting.place)
                quarantine.remove(waiting)
            else:
                kept.append(waiting)
    finally:
        for waiting in kept:
            quarantine.release(waiting)
        console.print(f"Sent {len(sent)} records back.")
    if kept:
        places = ", ".join(sorted({waiting.place for waiting in kept}))
        raise StorageUnavailable(f"The stream refused what stays in quarantine: {places}.")
    return len(sent)


def _accepted(stream: Stream, waiting: QuarantinedRecord) -> bool:
    try:
        [refused] = stream.put([_put(waiting)])
    except (StorageUnavailable, Throttled):
        return False
    return not refused


def _all(quarantine: Quarantine) -> Iterator[QuarantinedRecord]:
    """Until none is visible: what was received stays hidden until it is released or removed."""
    while batch := quarantine.receive(1):
        yield from batch


def _put(waiting: QuarantinedRecord) -> OutgoingRecord:
    payload = waiting.payload
    with suppress(orjson.JSONDecodeError, orjson.JSONEncodeError):  # no JSON, or nested too deep to write
        event: Any = orjson.loads(payload)
        if isinstance(event, dict) and event.get("event_id") is None:
            payload = orjson.dumps(event | {"event_id": waiting.place})
    return OutgoingRecord(0, waiting.description["partition_key"][:MAX_PARTITION_KEY] or "-", payload)
