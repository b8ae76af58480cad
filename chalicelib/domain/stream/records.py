"""From the records of a stream to events. Pure."""

import binascii
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count, repeat
from operator import itemgetter
from typing import Any, NamedTuple

from chalicelib.domain.stream.aggregation import UndecodableRecord, join_parts, split_parts, unpack_part
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

MAX_PARTS = 200_000
"""A batch is cut short after so many parts, too: they take two seconds to read."""

MAX_POISON_APART = 10
"""Poison parts of one record that are quarantined one by one. More are one message and one object."""
SEVERAL = "several"
"""The code of poison parts that were refused for different reasons."""

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
        unpacked = part_count = 0
        for record_index, body in enumerate(bodies):
            if unpacked >= MAX_UNPACKED or part_count >= MAX_PARTS:
                return batch._replace(positions=batch.positions[:record_index])
            position = batch.positions[record_index]
            first_part = part_counts.get(position, 0)
            parts, size = _add_record(batch, record_index, body, limits, first_part)
            part_counts[position] = first_part + parts
            unpacked += size
            part_count += parts
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
    poison: list[PoisonRecord] = []
    received_poison: list[tuple[str, bytes]] = []
    for part, (part_key, received) in enumerate(parts, first_part):
        payload, key = received, part_key or record_key
        try:
            payload = unpack_part(received, min(MAX_BYTES, bytes_left))
            if payload is not received:
                bytes_left -= len(payload)
            event = parse_event(payload, arrived_at, limits)
        except UndecodableRecord as error:
            event = error.refusal
        if isinstance(event, Event):
            batch.events.append(ReceivedEvent(record_index, part, position, arrived_at, event, len(payload)))
        else:
            poison.append(PoisonRecord(record_index, part, position, arrived_at, key, payload, event))
            received_poison.append((key, received))
    batch.poison.extend([_join_poison(poison, received_poison)] if len(poison) > MAX_POISON_APART else poison)
    return len(parts), MAX_UNPACKED - bytes_left


def _join_poison(poison: Sequence[PoisonRecord], received: Sequence[tuple[str, bytes]]) -> PoisonRecord:
    """One record of them all: an aggregated one of their parts as they were received."""
    codes = Counter(each.refusal.code for each in poison)
    code = poison[0].refusal.code if len(codes) == 1 else SEVERAL
    counts = ", ".join(f"{number} {code}" for code, number in codes.most_common())
    message = f"{len(poison)} parts of the record were refused: {counts}."
    return poison[0]._replace(payload=join_parts(received), refusal=Refusal(code, message))
