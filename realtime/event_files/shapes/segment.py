"""Segment's calls, as its S3 destination and its webhooks deliver them, and its tables in a warehouse.

RudderStack has taken over both. Both write `timestamp` as the time of the event by a corrected clock.
"""

from dataclasses import replace

from realtime.event_files.shapes.shape import Shape

SEGMENT = Shape(
    name="segment",
    title="Segment",
    signature=(("messageId",), ("userId", "anonymousId"), ("type",)),
    fields={
        "event_id": ("messageId",),
        "event_type": ("event", "type"),
        "user_id": ("userId", "anonymousId"),
        "timestamp": ("timestamp",),
        "value": ("properties.revenue", "properties.total"),
        "currency": ("properties.currency",),
        "properties": ("properties", "traits"),
    },
    value_if_number=("properties.value",),
    device_clock=("originalTimestamp", "sentAt", "receivedAt"),
)

RUDDERSTACK = replace(
    SEGMENT,
    name="rudderstack",
    title="RudderStack",
    signature=(("messageId",), ("rudderId", "request_ip"), ("type",), ("userId", "anonymousId")),
)

WAREHOUSE = Shape(
    name="segment-warehouse",
    title="a table of Segment or RudderStack",
    signature=(
        ("original_timestamp",),
        ("received_at",),
        ("event", "event_text"),
        ("anonymous_id", "user_id"),
    ),
    fields={
        "event_id": ("message_id", "id"),
        "event_type": ("event_text", "event"),
        "user_id": ("user_id", "anonymous_id"),
        "timestamp": ("timestamp",),
        "value": ("revenue", "total"),
        "currency": ("currency",),
    },
    value_if_number=("value",),
    rest="properties",
    device_clock=("original_timestamp", "sent_at", "received_at"),
)
