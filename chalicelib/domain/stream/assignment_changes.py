"""Changes of the assignments table → what they add to the counters of assigned users. Pure.

A new row counts one. A row that changes its variant moves its count to the new variant, at the hour at
which it was counted. A row that expires keeps its count: the user was assigned. The row of an anonymous id
gives its count back when the id is linked to a user, whose row counts for the person.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

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


class _Counted(NamedTuple):
    """Where a row counts. ``is_counted`` is False for an anonymous id that belongs to a user."""

    counter: Counter
    hour: int
    is_counted: bool
    is_linked: bool


def _count_change(record: Mapping[str, Any], shard: str) -> Iterator[tuple[Counter, Entry]]:
    position = format_position(read_sequence_number(record))
    images = record["dynamodb"]
    new, old = _read_counted(images.get("NewImage"), shard), _read_counted(images.get("OldImage"), shard)
    if new is None or (old is not None and _is_same(new, old)):
        return
    if new.is_counted:
        yield new.counter, Entry(position, new.hour)
    if old is not None and old.is_counted and old.counter.scope == new.counter.scope:
        yield old.counter, Entry(position, old.hour, number=-1)


def _is_same(new: _Counted, old: _Counted) -> bool:
    """Whether the count stays where it is. A row that a link has replaced moves to the time of the first."""
    if new.is_linked and new != old:
        return False
    return new.is_counted == old.is_counted and new.counter[:2] == old.counter[:2]


def _read_counted(image: Mapping[str, Any] | None, shard: str) -> _Counted | None:
    """None if the row is not one of our assignments."""
    if not image:
        return None
    try:
        experiment_id, variant = image["experiment_id"]["S"], image["variant"]["S"]
        timestamp = parse_timestamp(_find_counted_row(image)["timestamp"]["S"])
        iteration = int(image["iteration"]["N"]) if "iteration" in image else 1
    except (KeyError, ValueError):  # something else wrote it, with other types
        return None
    if not is_key(experiment_id) or not (is_key(variant) or variant == HELD_OUT):
        return None
    day, hour = to_day_and_hour(timestamp)
    counter = Counter(experiment_scope(experiment_id, iteration), variant, ASSIGNED, day, shard)
    return _Counted(counter, hour, "person" not in image, "linked_at" in image)


def _find_counted_row(image: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row that replaced an expired one of the same variant is still counted at the time of the first."""
    for replaced in image.get("replaced", {}).get("L", ()):
        earlier = replaced["M"]
        is_same = all(earlier.get(name) == image.get(name) for name in ("variant", "iteration"))
        if "linked_at" in image or "person" in earlier or not is_same:
            break
        image = earlier
    return image
