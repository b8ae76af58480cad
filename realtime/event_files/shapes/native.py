"""This service's own events: as `POST /events` takes them, and as they lie in the archive."""

from realtime.event_files.options import MAPPABLE
from realtime.event_files.shapes.shape import Shape

_FIELDS = {name: (name,) for name in MAPPABLE if name != "received_at"}

EVENTS = Shape(
    name="events",
    title="events of this service",
    signature=(("event_type",), ("user_id",), ("timestamp",)),
    fields=_FIELDS | {"received_at": ("realtime.received_at",)},
    rest="top",
    dropped=("realtime",),
)

ARCHIVE = Shape(
    name="archive",
    title="the archive of this service",
    signature=(("realtime.place",), ("event_type",)),
    fields=_FIELDS
    | {
        "event_id": ("event_id", "realtime.place"),
        "timestamp": ("realtime.occurred_at", "timestamp"),
        "sent_at": (),  # occurred_at is corrected by it already
        "original_sent_at": ("original_sent_at", "sent_at"),
        "received_at": ("realtime.received_at", "realtime.arrived_at"),
    },
    rest="top",
    dropped=("realtime", "sent_at"),
    unique="realtime.place",
    skipped_if="realtime.duplicate",
)
