"""Mixpanel's raw export: lines with everything in `properties`. `time` is in seconds or milliseconds."""

from realtime.event_files.shapes.shape import Shape

MIXPANEL = Shape(
    name="mixpanel",
    title="Mixpanel",
    signature=(("event",), ("properties.time",), ("properties.distinct_id", "properties.$device_id")),
    fields={
        "event_id": ("properties.$insert_id",),
        "event_type": ("event",),
        "user_id": ("properties.distinct_id", "properties.$user_id", "properties.$device_id"),
        "timestamp": ("properties.time",),
        "value": ("properties.$amount", "properties.revenue", "properties.Revenue"),
        "currency": ("properties.currency", "properties.Currency"),
        "properties": ("properties",),
    },
    value_if_number=("properties.value", "properties.amount", "properties.Amount"),
)
