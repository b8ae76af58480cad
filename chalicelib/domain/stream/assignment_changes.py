"""Changes of the assignments table → what they add to the counters of assigned users. Pure.

A new row counts one. A row that changes its variant moves its count to the new variant, at the hour at
which it was counted. A row that expires keeps its count: the user was assigned.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.domain.bucketing import is_key
from chalicelib.domain.definitions.model import HELD_OUT
from chalicelib.domain.event_types import ASSIGNED
from chalicelib.domain.stream.counters import (
    Counter,
    Entry,
    Tally,
    experiment_scope,
    format_position,
    tally_entries,
    to_day_and_hour,
)
from chalicelib.domain.timestamps import parse_timestamp


def tally_changes(records: Sequence[Mapping[str, Any]], shard: str) -> list[Tally]:
    """``records`` of one shard, in order, as Lambda delivers them with NEW_AND_OLD_IMAGES."""
    return tally_entries(entry for record in records for entry in _count_change(record, shard))


def read_sequence_number(record: Mapping[str, Any]) -> str:
    return str(record["dynamodb"]["SequenceNumber"])


def read_shard(event: Mapping[str, Any]) -> str:
    """The stream's label and the shard: sequence numbers are comparable only within one shard.

    Lambda names the shard only in the events of a mapping with a tumbling window.
    """
    records = event.get("Records") or [{}]
    stream = str(records[0].get("eventSourceARN", "")).rpartition("/")[2]
    return f"{stream}/{event.get('shardId', '-')}"


def _count_change(record: Mapping[str, Any], shard: str) -> Iterator[tuple[Counter, Entry]]:
    position = format_position(read_sequence_number(record))
    images = record["dynamodb"]
    new, old = _read_counter(images.get("NewImage"), shard), _read_counter(images.get("OldImage"), shard)
    if new is None or (old is not None and old[0][:2] == new[0][:2]):
        return
    counter, hour = new
    yield counter, Entry(position, hour)
    if old is not None and old[0].scope == counter.scope:
        counter, hour = old
        yield counter, Entry(position, hour, number=-1)


def _read_counter(image: Mapping[str, Any] | None, shard: str) -> tuple[Counter, int] | None:
    """The counter and the hour that a row counts in; None if the row is not one of our assignments."""
    if not image:
        return None
    try:
        experiment_id, variant = image["experiment_id"]["S"], image["variant"]["S"]
        timestamp = parse_timestamp(image["timestamp"]["S"])
        iteration = int(image["iteration"]["N"]) if "iteration" in image else 1
    except (KeyError, ValueError):  # something else wrote it, with other types
        return None
    if not is_key(experiment_id) or not (is_key(variant) or variant == HELD_OUT):
        return None
    day, hour = to_day_and_hour(timestamp)
    return Counter(experiment_scope(experiment_id, iteration), variant, ASSIGNED, day, shard), hour
