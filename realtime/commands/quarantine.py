"""`quarantine`: list the records that could not be processed, and send them back after a fix."""

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


def list_quarantine(console: Console, quarantine: Quarantine, *, as_json: bool = False) -> int:
    """Print the records and return how many there are.

    ``as_json`` prints one line for each, with its payload; the table shows no payload.
    """
    received = list(_receive_all(quarantine))
    for record in received:
        quarantine.release(record)
    records = {record.place: record for record in received}
    ordered = sorted(records.values(), key=lambda record: str(record.description["arrived_at"]))
    if as_json:
        for record in ordered:
            payload = record.payload.decode("utf-8", "backslashreplace")
            print(json.dumps(record.description | {"payload": payload}))
        return len(records)
    names = "arrived", "code", "field", "bytes", "place"
    table = Table(*(Column(name, overflow="fold") for name in names))
    for record in ordered:
        description, size = record.description, str(len(record.payload))
        cells = description["arrived_at"], description["code"], description["field"] or "", size
        table.add_row(*cells, record.place)
    console.print(table if records else "Nothing is in quarantine.")
    return len(records)


def redrive_quarantine(console: Console, quarantine: Quarantine, stream: Stream) -> int:
    """Send every record back into the stream and return how many were sent. Those that fail again return.

    A record leaves quarantine only after the stream has it; one that the stream refuses does not stop the
    others. An event without an id gets the record's place as its id, the same one each time, so that
    nothing counts twice.
    """
    sent: set[str] = set()
    refused: list[QuarantinedRecord] = []
    try:
        for record in track(_receive_all(quarantine), "Redriving", console=console, total=None):
            if record.place in sent or _send(stream, record):
                sent.add(record.place)
                quarantine.remove(record)
            else:
                refused.append(record)
    finally:
        for record in refused:
            quarantine.release(record)
        console.print(f"Sent {len(sent)} records back.")
    if refused:
        places = ", ".join(sorted({record.place for record in refused}))
        raise StorageUnavailable(f"The stream refused what stays in quarantine: {places}.")
    return len(sent)


def _receive_all(quarantine: Quarantine) -> Iterator[QuarantinedRecord]:
    """All visible records. They stay hidden until they are released or removed."""
    while batch := quarantine.receive(1):
        yield from batch


def _send(stream: Stream, record: QuarantinedRecord) -> bool:
    """Whether the stream has it."""
    try:
        [error] = stream.put([_build_outgoing(record)])
    except (StorageUnavailable, Throttled):
        return False
    return not error


def _build_outgoing(record: QuarantinedRecord) -> OutgoingRecord:
    payload = record.payload
    with suppress(orjson.JSONDecodeError, orjson.JSONEncodeError):  # not JSON, or nested too deeply to write
        event: Any = orjson.loads(payload)
        if isinstance(event, dict) and event.get("event_id") is None:
            payload = orjson.dumps(event | {"event_id": record.place})
    return OutgoingRecord(0, record.description["partition_key"][:MAX_PARTITION_KEY] or "-", payload)
