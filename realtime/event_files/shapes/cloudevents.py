"""CloudEvents 1.0 in JSON, as EventBridge pipes, Knative and brokers write them. The subject is the user."""

from realtime.event_files.shapes.shape import Shape

CLOUDEVENTS = Shape(
    name="cloudevents",
    title="CloudEvents",
    signature=(("specversion",), ("type",), ("source",)),
    fields={
        "event_id": ("id",),
        "event_type": ("type",),
        "user_id": ("data.user_id", "data.userId", "subject"),
        "timestamp": ("time",),
        "value": ("data.revenue",),
        "currency": ("data.currency",),
        "properties": ("data",),
    },
    value_if_number=("data.value",),
)
