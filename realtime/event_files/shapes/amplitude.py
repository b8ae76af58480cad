"""Amplitude's Export API: a zip of gzipped lines. Times are UTC, `event_time` by a corrected clock.

Its `event_id` is a counter, no id; `uuid` identifies an event.
"""

from realtime.event_files.shapes.shape import Shape

AMPLITUDE = Shape(
    name="amplitude",
    title="Amplitude",
    signature=(("amplitude_id", "$insert_id", "insert_id"), ("event_time",), ("event_type",)),
    fields={
        "event_id": ("$insert_id", "insert_id", "uuid"),
        "event_type": ("event_type",),
        "user_id": ("user_id", "device_id"),
        "timestamp": ("event_time",),
        "value": ("event_properties.$revenue", "event_properties.revenue"),
        "currency": ("event_properties.$currency", "event_properties.currency"),
        "properties": ("event_properties",),
    },
    value_if_number=("event_properties.value",),
)
