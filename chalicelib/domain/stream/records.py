"""From the records of a stream to events: base64, gzip, aggregation by the KPL. Pure.

Aggregated records are parsed here, not by `aws-kinesis-agg`: that library prints what it cannot parse,
user ids included, and drops it. The tests compare this parser with it.
"""

import binascii
import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, repeat
from operator import itemgetter
from typing import Any, NamedTuple

from chalicelib.domain.stream.counters import format_position
from chalicelib.domain.stream.event import (
    MAX_BYTES,
    Event,
    Limits,
    Refusal,
    parse_event,
)
from chalicelib.domain.stream.ordinary_events import parse_ordinary_events

MAX_UNPACKED = 64 * 1024 * 1024
"""Bytes. The gzipped parts of one record may unpack to this much, and a batch is cut short after it: the
6 MB that Lambda delivers could otherwise fill any memory."""

_GZIP = b"\x1f\x8b"
_AGGREGATED = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES = 16
_OBJECT = ord("{")

EventPosition = tuple[str, int]
"""The position of a record, and the part of it: unique in a stream, whatever the shard."""


class ReceivedEvent(NamedTuple):
    """An event with its place in the batch: the number of its record, and the part of that record."""

    record_index: int
    part: int
    position: str
    arrived_at: float  # epoch seconds
    event: Event
    size: int  # bytes


class PoisonRecord(NamedTuple):
    """Data that can never be an event; ``payload`` is unpacked if possible, else as it was received."""

    record_index: int
    part: int
    position: str
    arrived_at: float
    partition_key: str
    payload: bytes
    refusal: Refusal


class Batch(NamedTuple):
    """Consecutive records of one shard, in order.

    ``positions`` has the records that were read; the others must be delivered again.
    """

    shard: str
    sequence_numbers: Sequence[str]
    positions: Sequence[str]
    events: list[ReceivedEvent]
    poison: list[PoisonRecord]


class UndecodableRecord(Exception):
    """The parts of a record cannot be found, or a part cannot be unpacked."""

    def __init__(self, code: str, message: str, payload: bytes) -> None:
        super().__init__(message)
        self.refusal = Refusal(code, message)
        self.payload = payload


def read_batches(records: Sequence[Mapping[str, Any]], limits: Limits) -> list[Batch]:
    """One batch for each shard: Lambda delivers one shard at a time, but a manual replay may mix them."""
    by_origin: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for record in records:
        origin = record.get("eventSourceARN", ""), record["eventID"].partition(":")[0]
        by_origin.setdefault(origin, []).append(record)
    # Stream and shard: two streams may have shards of the same id.
    return [
        _read_batch(f"{arn.rpartition('/')[2]}/{shard}", shard_records, limits)
        for (arn, shard), shard_records in by_origin.items()
    ]


def _read_batch(shard: str, records: Sequence[Mapping[str, Any]], limits: Limits) -> Batch:
    bodies = [record["kinesis"] for record in records]
    numbers = [body["sequenceNumber"] for body in bodies]
    batch = Batch(shard, numbers, list(map(format_position, numbers)), [], [])
    if not _add_ordinary_events(batch, bodies, limits):
        part_counts: dict[str, int] = {}
        unpacked = 0
        for record_index, body in enumerate(bodies):
            if unpacked >= MAX_UNPACKED:
                return batch._replace(positions=batch.positions[:record_index])
            position = batch.positions[record_index]
            first_part = part_counts.get(position, 0)
            parts, size = _add_record(batch, record_index, body, limits, first_part)
            part_counts[position] = first_part + parts
            unpacked += size
    return batch


def _add_ordinary_events(batch: Batch, bodies: Sequence[Mapping[str, Any]], limits: Limits) -> bool:
    """Add all records if each is one plain event, or add none; whether they were added."""
    if len(set(batch.positions)) < len(batch.positions):  # never in Kinesis, but in Chalice's test client
        return False
    try:
        payloads = [binascii.a2b_base64(body["data"], strict_mode=True) for body in bodies]
        is_plain = set(map(itemgetter(0), payloads)) == {_OBJECT}
    except (ValueError, TypeError, LookupError):
        return False
    arrivals = [body["approximateArrivalTimestamp"] for body in bodies]
    events = parse_ordinary_events(payloads, arrivals, limits) if is_plain else None
    if events is None:
        return False
    batch.events.extend(
        map(ReceivedEvent, count(), repeat(0), batch.positions, arrivals, events, map(len, payloads))
    )
    return True


def _add_record(
    batch: Batch, record_index: int, body: Mapping[str, Any], limits: Limits, first_part: int
) -> tuple[int, int]:
    """Add the parts of a record to the events or to the poison, numbered from ``first_part``.

    Returns the number of parts, and the bytes that were unpacked from them.
    """
    position, arrived_at = batch.positions[record_index], body["approximateArrivalTimestamp"]
    record_key = body.get("partitionKey", "")
    try:
        parts = split_parts(body.get("data"))
    except UndecodableRecord as error:
        batch.poison.append(
            PoisonRecord(
                record_index, first_part, position, arrived_at, record_key, error.payload, error.refusal
            )
        )
        return 1, 0
    bytes_left = MAX_UNPACKED
    for part, (part_key, received) in enumerate(parts, first_part):
        payload = received
        try:
            if received.startswith(_GZIP):
                payload = _gunzip(received, min(MAX_BYTES, bytes_left))
                bytes_left -= len(payload)
            event = parse_event(payload, arrived_at, limits)
        except UndecodableRecord as error:
            event = error.refusal
        if isinstance(event, Event):
            batch.events.append(ReceivedEvent(record_index, part, position, arrived_at, event, len(payload)))
        else:
            key = part_key or record_key
            batch.poison.append(PoisonRecord(record_index, part, position, arrived_at, key, payload, event))
    return len(parts), MAX_UNPACKED - bytes_left


def split_parts(data: object) -> list[tuple[str | None, bytes]]:
    """The parts of a record's ``data`` (base64), each with its own partition key if it has one.

    A part may be gzipped.
    """
    if not isinstance(data, str):
        raise UndecodableRecord("invalid_base64", "The record has no data.", b"")
    try:
        content = binascii.a2b_base64(data, strict_mode=True)
    except ValueError:  # binascii.Error, or a character outside of ASCII
        payload = data.encode("utf-8", "surrogatepass")
        message = "The record's data is not valid base64."
        raise UndecodableRecord("invalid_base64", message, payload) from None
    return _disaggregate(content) if content.startswith(_AGGREGATED) else [(None, content)]


def _gunzip(content: bytes, max_bytes: int) -> bytes:
    rest, unpacked = content, b""
    while rest:
        member = zlib.decompressobj(31)
        try:
            unpacked += member.decompress(rest, max_bytes + 1 - len(unpacked))
        except zlib.error:
            message = "The record begins like gzip, but it is not gzip."
            raise UndecodableRecord("invalid_gzip", message, content) from None
        if len(unpacked) > max_bytes:
            raise UndecodableRecord("too_large", f"Unpacked, it has more than {max_bytes} bytes.", content)
        if not member.eof:
            raise UndecodableRecord("invalid_gzip", "The gzipped record is cut off.", content)
        rest = member.unused_data
    return unpacked


def _disaggregate(content: bytes) -> list[tuple[str | None, bytes]]:
    """Magic number, protocol buffer, MD5 of it (amazon-kinesis-producer, aggregation-format.md)."""
    message, digest = content[len(_AGGREGATED) : -_DIGEST_BYTES], content[-_DIGEST_BYTES:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        raise UndecodableRecord("invalid_aggregate", "The aggregated record's checksum is wrong.", content)
    try:
        fields = list(_parse_fields(message))
        keys = [value.decode() for number, value in fields if number == 1 and isinstance(value, bytes)]
        parts = [
            dict(_parse_fields(value)) for number, value in fields if number == 3 and isinstance(value, bytes)
        ]
        return [(keys[part[1]], part[3]) for part in parts]  # type: ignore[misc, index]  # a wrong type is caught below
    except (LookupError, ValueError, TypeError):
        refusal = "The aggregated record cannot be parsed."
        raise UndecodableRecord("invalid_aggregate", refusal, content) from None


def _parse_fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of each field. This format has only varints and length-delimited fields."""
    offset = 0
    while offset < len(message):
        tag, offset = _parse_varint(message, offset)
        value, offset = _parse_varint(message, offset)
        if tag & 7 == 0:
            yield tag >> 3, value
        elif tag & 7 == 2 and offset + value <= len(message):
            yield tag >> 3, message[offset : offset + value]
            offset += value
        else:
            raise ValueError("not a field of an aggregated record")


def _parse_varint(message: bytes, offset: int) -> tuple[int, int]:
    """The number, and the offset after it."""
    value = shift = 0
    while shift < 64:
        byte = message[offset]
        value |= (byte & 0x7F) << shift
        offset += 1
        if byte < 0x80:
            return value, offset
        shift += 7
    raise ValueError("a varint has at most ten bytes")
