"""From a stream's records to events: base64, gzip, KPL aggregation. Pure.

The aggregated format is read here, not by `aws-kinesis-agg`: that library prints what it cannot read,
user ids included, and drops it. The tests hold this reader against it.
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
    parse_ordinary_events,
)

MAX_UNPACKED = 64 * 1024 * 1024
"""Bytes that all that is gzip'd in a record may unpack to, and after which a batch is cut short: Lambda
delivers up to 6 MB, which could fill any memory."""

_GZIP = b"\x1f\x8b"
_AGGREGATED = b"\xf3\x89\x9a\xc2"
_DIGEST = 16
_OBJECT = ord("{")


class ReceivedEvent(NamedTuple):
    """An event and its place in the stream: record ``at`` of the batch, ``part`` of that record."""

    at: int
    part: int
    position: str
    arrived: float  # epoch seconds
    event: Event
    size: int  # bytes


class PoisonRecord(NamedTuple):
    """What can never be an event; ``payload`` is as it was received, or unpacked where that is possible."""

    at: int
    part: int
    position: str
    arrived: float
    partition_key: str
    payload: bytes
    refusal: Refusal


class Batch(NamedTuple):
    """Consecutive records of one shard, all in their order.

    ``positions`` has one of each record that was read; those after it have to be delivered again.
    """

    shard: str
    sequence_numbers: Sequence[str]
    positions: Sequence[str]
    events: list[ReceivedEvent]
    poison: list[PoisonRecord]


class UndecodableRecord(Exception):
    """A record whose parts cannot be told apart, or a part that cannot be unpacked."""

    def __init__(self, code: str, message: str, payload: bytes) -> None:
        super().__init__(message)
        self.refusal = Refusal(code, message)
        self.payload = payload


def read_batches(records: Sequence[Mapping[str, Any]], limits: Limits) -> list[Batch]:
    """One for each shard in ``records``: Lambda delivers one at a time, a replay by hand might not."""
    shards: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for record in records:
        origin = record.get("eventSourceARN", ""), record["eventID"].partition(":")[0]
        shards.setdefault(origin, []).append(record)
    # Stream and shard: shard ids repeat from stream to stream.
    return [
        _batch(f"{arn.rpartition('/')[2]}/{shard}", found, limits) for (arn, shard), found in shards.items()
    ]


def _batch(shard: str, records: Sequence[Mapping[str, Any]], limits: Limits) -> Batch:
    bodies = [record["kinesis"] for record in records]
    numbers = [body["sequenceNumber"] for body in bodies]
    batch = Batch(shard, numbers, list(map(format_position, numbers)), [], [])
    if not _all_ordinary(batch, bodies, limits):
        parts: dict[str, int] = {}
        unpacked = 0
        for at, body in enumerate(bodies):
            if unpacked >= MAX_UNPACKED:
                return batch._replace(positions=batch.positions[:at])
            place = batch.positions[at]
            first = parts.get(place, 0)
            number, size = _add(batch, at, body, limits, first)
            parts[place] = first + number
            unpacked += size
    return batch


def _all_ordinary(batch: Batch, bodies: Sequence[Mapping[str, Any]], limits: Limits) -> bool:
    """Whether every record was one plain event; adds them all, or none."""
    if len(set(batch.positions)) < len(batch.positions):  # never in Kinesis, but in Chalice's test client
        return False
    try:
        payloads = [binascii.a2b_base64(body["data"], strict_mode=True) for body in bodies]
        plain = set(map(itemgetter(0), payloads)) == {_OBJECT}
    except (ValueError, TypeError, LookupError):
        return False
    arrived = [body["approximateArrivalTimestamp"] for body in bodies]
    events = parse_ordinary_events(payloads, arrived, limits) if plain else None
    if events is None:
        return False
    batch.events.extend(
        map(ReceivedEvent, count(), repeat(0), batch.positions, arrived, events, map(len, payloads))
    )
    return True


def _add(batch: Batch, at: int, body: Mapping[str, Any], limits: Limits, first: int) -> tuple[int, int]:
    """Record ``at``, whatever it is, to the events or the poison; its parts are numbered from ``first``.

    How many parts it has, and how many bytes of them were unpacked.
    """
    place, arrived, key = (
        batch.positions[at],
        body["approximateArrivalTimestamp"],
        body.get("partitionKey", ""),
    )
    try:
        parts = split_parts(body.get("data"))
    except UndecodableRecord as error:
        batch.poison.append(PoisonRecord(at, first, place, arrived, key, error.payload, error.refusal))
        return 1, 0
    left = MAX_UNPACKED
    for part, (part_key, received) in enumerate(parts, first):
        payload = received
        try:
            if received.startswith(_GZIP):
                payload = _gunzip(received, min(MAX_BYTES, left))
                left -= len(payload)
            found = parse_event(payload, arrived, limits)
        except UndecodableRecord as error:
            found = error.refusal
        if isinstance(found, Event):
            batch.events.append(ReceivedEvent(at, part, place, arrived, found, len(payload)))
        else:
            batch.poison.append(PoisonRecord(at, part, place, arrived, part_key or key, payload, found))
    return len(parts), MAX_UNPACKED - left


def split_parts(data: object) -> list[tuple[str | None, bytes]]:
    """The parts of a record's ``data`` (base64), each with its own partition key if it has one.

    A part may be gzip'd.
    """
    if not isinstance(data, str):
        raise UndecodableRecord("invalid_base64", "The record has no data.", b"")
    try:
        content = binascii.a2b_base64(data, strict_mode=True)
    except ValueError:  # binascii.Error, or a character outside of ASCII
        received = data.encode("utf-8", "surrogatepass")
        raise UndecodableRecord(
            "invalid_base64", "The record's data is not valid base64.", received
        ) from None
    return _disaggregated(content) if content.startswith(_AGGREGATED) else [(None, content)]


def _gunzip(content: bytes, most: int) -> bytes:
    """At most ``most`` bytes."""
    rest, unpacked = content, b""
    while rest:
        member = zlib.decompressobj(31)
        try:
            unpacked += member.decompress(rest, most + 1 - len(unpacked))
        except zlib.error:
            raise UndecodableRecord(
                "invalid_gzip", "The record begins like gzip and is none.", content
            ) from None
        if len(unpacked) > most:
            raise UndecodableRecord("too_large", f"Unpacked, it has more than {most} bytes.", content)
        if not member.eof:
            raise UndecodableRecord("invalid_gzip", "The gzip'd record is cut off.", content)
        rest = member.unused_data
    return unpacked


def _disaggregated(content: bytes) -> list[tuple[str | None, bytes]]:
    """Magic number, protocol buffer, MD5 of it (amazon-kinesis-producer, aggregation-format.md)."""
    message, digest = content[len(_AGGREGATED) : -_DIGEST], content[-_DIGEST:]
    if hashlib.md5(message, usedforsecurity=False).digest() != digest:
        raise UndecodableRecord("invalid_aggregate", "The aggregated record's checksum is wrong.", content)
    try:
        fields = list(_fields(message))
        keys = [value.decode() for number, value in fields if number == 1 and isinstance(value, bytes)]
        parts = [dict(_fields(value)) for number, value in fields if number == 3 and isinstance(value, bytes)]
        return [(keys[part[1]], part[3]) for part in parts]  # type: ignore[misc, index]  # a wrong type is caught below
    except (LookupError, ValueError, TypeError):
        raise UndecodableRecord(
            "invalid_aggregate", "The aggregated record cannot be read.", content
        ) from None


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(number, value) of each field: varints and length-delimited ones, as this format has no other."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        value, at = _varint(message, at)
        if tag & 7 == 0:
            yield tag >> 3, value
        elif tag & 7 == 2 and at + value <= len(message):
            yield tag >> 3, message[at : at + value]
            at += value
        else:
            raise ValueError("not a field of an aggregated record")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("a varint has at most ten bytes")
