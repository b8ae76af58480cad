"""Changes of the assignments table → what they add to the counters of assigned users. Pure.

A new row counts one. A row that moves to another variant takes its count along, at the hour when it was
counted. A row that goes (its time to live) has been assigned all the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.domain.bucketing import is_key
from chalicelib.domain.stream.counters import (
    ASSIGNED,
    Counter,
    Entry,
    Tally,
    day_and_hour,
    experiment_scope,
    format_position,
    tally_entries,
)
from chalicelib.domain.timestamps import parse_timestamp


def tally_changes(records: Sequence[Mapping[str, Any]], shard: str) -> list[Tally]:
    """``records`` of one shard, in order, as Lambda delivers them with NEW_AND_OLD_IMAGES."""
    return tally_entries(entry for record in records for entry in _entries(record, shard))


def sequence_number(record: Mapping[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def read_shard(event: Mapping[str, Any]) -> str:
    """Which sequence of sequence numbers the batch belongs to: the stream's label and the shard.

    Lambda names the shard in the events of a mapping with a tumbling window, and in no others.
    """
    records = event.get("Records") or [{}]
    stream = str(records[0].get("eventSourceARN", "")).rpartition("/")[2]
    return f"{stream}/{event.get('shardId', '-')}"


def _entries(record: Mapping[str, Any], shard: str) -> Iterator[tuple[Counter, Entry]]:
    place = format_position(sequence_number(record))
    images = record["dynamodb"]
    new, old = _counted_as(images.get("NewImage"), shard), _counted_as(images.get("OldImage"), shard)
    if new is None or (old is not None and old[0][:2] == new[0][:2]):
        return
    counter, hour = new
    yield counter, Entry(place, hour)
    if old is not None and old[0].scope == counter.scope:
        counter, hour = old
        yield counter, Entry(place, hour, number=-1)


def _counted_as(image: Mapping[str, Any] | None, shard: str) -> tuple[Counter, int] | None:
    """The counter and the hour of a row; None for a row that is no assignment of ours."""
    if not image:
        return None
    try:
        experiment_id, variant = image["experiment_id"]["S"], image["variant"]["S"]
        timestamp = parse_timestamp(image["timestamp"]["S"])
        iteration = int(image["iteration"]["N"]) if "iteration" in image else 1
    except (KeyError, ValueError):  # written by something else, in other types
        return None
    if not is_key(experiment_id) or not is_key(variant):
        return None
    day, hour = day_and_hour(timestamp)
    return Counter(experiment_scope(experiment_id, iteration), variant, ASSIGNED, day, shard), hour
