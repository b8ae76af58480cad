"""PostHog: batch exports as JSON lines or Parquet, answers of its API, and CSV of its pages."""

from realtime.event_files.shapes.shape import Shape

POSTHOG = Shape(
    name="posthog",
    title="PostHog",
    signature=(("distinct_id",), ("event",), ("uuid", "id", "elements_chain", "person_id", "properties")),
    fields={
        "event_id": ("uuid", "id"),
        "event_type": ("event",),
        "user_id": ("distinct_id",),
        "timestamp": ("timestamp",),
        "value": ("properties.$revenue", "properties.revenue"),
        "currency": ("properties.$currency", "properties.currency"),
        "properties": ("properties",),
    },
    value_if_number=("properties.value",),
)
