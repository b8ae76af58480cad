"""The CDNOW data of the demo: one order of a customer, at midnight UTC of its day."""

from realtime.event_files.shapes.shape import Shape

CDNOW = Shape(
    name="cdnow",
    title="the CDNOW data",
    signature=(("customer_id",), ("date",), ("cds",), ("dollars",)),
    fields={"user_id": ("customer_id",), "timestamp": ("date",), "value": ("dollars",)},
    constants={"event_type": "purchase"},
    rest="properties",
    integers=("cds",),
)
