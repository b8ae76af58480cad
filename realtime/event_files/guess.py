"""Guess what a file's columns are: by the system whose shape it has, or else by common names."""

import re
from collections.abc import Sequence
from dataclasses import replace

from chalicelib.domain.spelling import suggest
from realtime.event_files.mapping import REQUIRED, EventMapping, find_value
from realtime.event_files.numbers import guess_decimal
from realtime.event_files.options import ReadOptions
from realtime.event_files.rows import Data, FileError, get_column
from realtime.event_files.shapes import SHAPES
from realtime.event_files.shapes.native import EVENTS
from realtime.event_files.shapes.shape import Columns, Shape
from realtime.event_files.timestamps import guess_format, list_formats

NAMES: dict[str, str] = {
    "event_id": "event_id event_uuid message_id insert_id",
    "event_type": "event_type event_name event action activity event_action behavior_type behaviour_type "
    "behavior behaviour activity_type action_type verb type",
    "user_id": "user_id uid visitor_id customer_id distinct_id anonymous_id user_pseudo_id client_id "
    "member_id subscriber_id profile_id account_id device_id person_id contact_id shopper_id buyer_id "
    "user_uuid user visitor customer member client",
    "timestamp": "timestamp event_timestamp event_time event_date event_datetime time time_stamp ts datetime "
    "date_time occurred_at occurred created_at created_utc created_date_utc created purchase_timestamp "
    "order_purchase_timestamp purchase_date purchased_at invoice_date order_date order_time transaction_date "
    "transaction_time date day",
    "experiment_key": "experiment_key",
    "flag_key": "flag_key",
    "value": "value revenue amount total order_total total_amount total_price order_value purchase_amount "
    "total_revenue transaction_revenue grand_total price sales dollars",
    "currency": "currency currency_code iso_currency",
    "sent_at": "sent_at",
    "properties": "properties event_properties props event_params params attributes payload",
    "metadata": "metadata",
}
"""Field → what the field calls such a column, the likeliest first; whatever the case and the separators."""
SAMPLE = 200
"""Rows by which a mapping is guessed."""
MAX_SHOWN = 20
UNKNOWN = Shape(name="guessed", title="columns by their names", signature=(), fields={}, rest="properties")


def choose_mapping(
    rows: Sequence[Data], columns: Sequence[str], options: ReadOptions, *, is_table: bool, delimiter: str = ""
) -> EventMapping:
    """Raises FileError with the remedy if a field that an event needs has no column."""
    shape = _choose_shape(rows, options)
    if shape.name == EVENTS.name and is_table:
        shape = replace(shape, rest="properties")
    _check_columns(options, columns, is_table)
    fields = dict(shape.fields)
    if shape is UNKNOWN:
        fields = guess_fields(columns, set(options.columns) | set(options.constants), options)
    fields |= options.columns
    constants = {**shape.constants, **options.constants}
    fields = {name: names for name, names in fields.items() if name not in constants and names}
    objects = (*fields.get("properties", ()), *fields.get("metadata", ()), *shape.pairs)
    mapping = EventMapping(shape, fields, constants, "iso", options.timezone, options.decimal, objects)
    _check_required(mapping, columns)
    expanded = [_expand(mapping, row) for row in rows]
    decimal = options.decimal or guess_decimal(_list_values(mapping, expanded, "value"), delimiter)
    times = _list_values(mapping, expanded, "timestamp")
    format_name = options.timestamp_format or _guess_timestamp_format(mapping, times)
    seen = _list_seen(mapping, expanded)
    mapping = replace(mapping, decimal=decimal, timestamp_format=format_name, seen=seen)
    return replace(mapping, constants=_convert_constants(mapping))


def guess_fields(columns: Sequence[str], known: set[str], options: ReadOptions) -> dict[str, Columns]:
    """Each column is guessed once."""
    mapped = {column for names in options.columns.values() for column in names}
    by_name: dict[str, str] = {}
    for column in columns:
        if column not in mapped:
            by_name.setdefault(_simplify(column), column)
    fields: dict[str, Columns] = {}
    for name, words in NAMES.items():
        candidates = [by_name[simple] for word in words.split() if (simple := _simplify(word)) in by_name]
        if candidates and name not in known:
            fields[name] = (candidates[0],)
            by_name.pop(_simplify(candidates[0]))
    return fields


def find_shape(name: str) -> Shape:
    shapes = {shape.name: shape for shape in SHAPES}
    if name not in shapes:
        raise ValueError(
            f"--shape {name}: unknown{suggest(name, shapes)}; the shapes are {', '.join(sorted(shapes))}"
        )
    return shapes[name]


def _choose_shape(rows: Sequence[Data], options: ReadOptions) -> Shape:
    if options.shape:
        return find_shape(options.shape)
    return next((shape for shape in SHAPES if any(_has_shape(row, shape) for row in rows)), UNKNOWN)


def _has_shape(row: Data, shape: Shape) -> bool:
    return all(any(get_column(row, column) is not None for column in group) for group in shape.signature)


def _simplify(column: str) -> str:
    return re.sub(r"[^a-z0-9]", "", column.lower())


def _expand(mapping: EventMapping, row: Data) -> Data:
    try:
        return mapping.expand(row)
    except ValueError:  # said of the row when it is read
        return row


def _check_columns(options: ReadOptions, columns: Sequence[str], is_table: bool) -> None:
    known = set(columns) | ({column.partition(".")[0] for column in columns} if not is_table else set())
    for name, mapped in options.columns.items():
        for column in mapped:
            first = column.partition(".")[0]
            if column not in known and (first not in known or is_table):
                hint = suggest(column, columns)
                raise FileError(
                    f"--map {name}={column}: there is no such column{hint}. {_name_columns(columns)}"
                )


def _check_required(mapping: EventMapping, columns: Sequence[str]) -> None:
    missing = [name for name in REQUIRED if name not in mapping.columns and name not in mapping.constants]
    if missing:
        remedies = " ".join(f"--map {name}=COLUMN" for name in missing)
        if "event_type" in missing:
            remedies += ", or for all rows --const event_type=purchase"
        raise FileError(
            f"no column is known as {' and '.join(missing)}; say {remedies}. {_name_columns(columns)}"
        )


def _name_columns(columns: Sequence[str]) -> str:
    shown = [column for column in columns if "." not in column] or list(columns)
    more = f" and {len(shown) - MAX_SHOWN} more" if len(shown) > MAX_SHOWN else ""
    return f"The columns are: {', '.join(shown[:MAX_SHOWN])}{more}. Without a header: --columns A,B,C."


def _list_values(mapping: EventMapping, rows: Sequence[Data], name: str) -> list[object]:
    if name in mapping.constants:
        return [mapping.constants[name]]
    values = (find_value(row, mapping.columns.get(name, ()))[1] for row in rows)
    return [value for value in values if value is not None]


def _list_seen(mapping: EventMapping, rows: Sequence[Data]) -> frozenset[str]:
    shape = mapping.shape
    columns = {column for names in mapping.columns.values() for column in names}
    columns |= {*shape.value_if_number, *shape.device_clock}
    return frozenset(
        column for column in columns if any(get_column(row, column) not in (None, "") for row in rows)
    )


def _guess_timestamp_format(mapping: EventMapping, values: Sequence[object]) -> str:
    format_name = guess_format(values)
    if format_name or mapping.shape.rest == "top":
        return format_name or "iso"
    fitting = " or ".join(f"'{name}'" for name in list_formats(values[0])[:3]) or "'%d/%m/%Y %H:%M'"
    column = mapping.columns["timestamp"][0]
    raise FileError(
        f"column {column}: the form of its times is not certain; say --timestamp-format {fitting}"
    )


def _convert_constants(mapping: EventMapping) -> dict[str, object]:
    """A number or a time that is given for all rows is checked once."""
    try:
        return {name: mapping.convert(name, name, value) for name, value in mapping.constants.items()}
    except ValueError as error:
        raise FileError(f"--const, {error}") from None
