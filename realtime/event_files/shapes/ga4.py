"""Google Analytics 4 as BigQuery exports it. Times are in microseconds; events have no id."""

from realtime.event_files.shapes.shape import Shape

GA4 = Shape(
    name="ga4",
    title="Google Analytics 4",
    signature=(("event_name",), ("event_timestamp",), ("user_pseudo_id", "user_id")),
    fields={
        "event_type": ("event_name",),
        "user_id": ("user_id", "user_pseudo_id"),
        "timestamp": ("event_timestamp",),
        "value": ("ecommerce.purchase_revenue",),
        "currency": ("event_params.currency",),
        "properties": ("event_params",),
    },
    value_if_number=("event_params.value",),
    pairs=("event_params", "user_properties"),
)
