"""Show what the columns of a file become, before anything is sent."""

from datetime import UTC

from realtime.event_files.mapping import EventMapping
from realtime.event_files.shapes.shape import Shape


def describe_mapping(kind: str, mapping: EventMapping) -> list[str]:
    lines = [f"{kind}: {mapping.shape.title}"]
    lines += [f"{field:<14} = {value}" for field, value in mapping.constants.items()]
    lines += [
        f"{field:<14} ← {' or '.join(columns)}{_describe_form(field, mapping)}"
        for field, columns in _list_columns(mapping)
    ]
    lines.append(f"{_name_rest(mapping.shape):<14} ← all other columns")
    return lines


def _list_columns(mapping: EventMapping) -> list[tuple[str, list[str]]]:
    columns = dict(mapping.columns)
    if mapping.shape.value_if_number:
        columns["value"] = (*columns.get("value", ()), *mapping.shape.value_if_number)
    if mapping.shape.device_clock and mapping.shape.device_clock[0] in mapping.seen:
        columns["timestamp"] = (*columns.get("timestamp", ()), mapping.shape.device_clock[0])
    seen = {field: [name for name in names if name in mapping.seen] for field, names in columns.items()}
    return [(field, names) for field, names in seen.items() if names]


def _describe_form(field: str, mapping: EventMapping) -> str:
    if field == "timestamp":
        zone = "UTC" if mapping.timezone is UTC else str(mapping.timezone)
        return f" ({mapping.timestamp_format}{'' if 'epoch' in mapping.timestamp_format else f', {zone}'})"
    return " (decimal comma)" if field == "value" and mapping.decimal == "," else ""


def _name_rest(shape: Shape) -> str:
    return {"top": "as they are"}.get(shape.rest, shape.rest)
