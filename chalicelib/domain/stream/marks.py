"""What our own tools tell the processor about an event, in the event's field ``realtime``. Pure."""

from typing import Any, NamedTuple

from chalicelib.domain.timestamps import EARLIEST


class Marks(NamedTuple):
    """What the service's own tools have written into the field ``realtime`` of an event.

    ``received_at``: when the event was received first, before queues, redrives and replays.
    ``is_backfill``: the event is taken whatever its age.
    """

    received_at: float
    is_backfill: bool


def read_marks(data: dict[str, Any], arrived_at: float) -> Marks:
    """HTTP clients cannot write marks: `Ingest` replaces the field. Producers to the stream are trusted."""
    marks = data.get("realtime")
    if type(marks) is not dict:
        return Marks(arrived_at, False)
    received_at: Any = marks.get("received_at")
    is_time = type(received_at) in (int, float) and EARLIEST <= received_at < arrived_at
    return Marks(received_at if is_time else arrived_at, marks.get("backfill") is True)
