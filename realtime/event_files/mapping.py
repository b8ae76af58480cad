"""Turn one row into an event, by a mapping of columns to fields."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from realtime.event_files.numbers import describe_kind, parse_number
from realtime.event_files.rows import Data, Event, get_column
from realtime.event_files.shapes.shape import Columns, Shape
from realtime.event_files.timestamps import convert_timestamp, guess_format
from realtime.safe_reading.strict_json import parse_json

REQUIRED = ("event_type", "user_id", "timestamp")
TIMES = ("timestamp", "sent_at", "received_at")
OBJECTS = ("properties", "metadata")


class CellError(ValueError):
    """A value that is nothing an event may have: its column, its kind, and the remedy."""

    def __init__(self, column: str, problem: object) -> None:
        super().__init__(f"column {column}: {problem}")


@dataclass(frozen=True)
class EventMapping:
    """``shape`` with what the person said of the file, and what the file itself says."""

    shape: Shape
    columns: dict[str, Columns]
    constants: dict[str, Any]
    timestamp_format: str = "iso"
    timezone: tzinfo = UTC
    decimal: str = ""
    objects: Columns = field(default=())
    """Columns of objects: in a table they may be JSON text."""
    seen: frozenset[str] = frozenset()
    """The columns of the shape that the first rows have."""

    def build_event(self, data: Data) -> Event:
        """Raises CellError for a value of no use; rows of this service's own JSON are left to `ingest`."""
        if self.objects or self.shape.integers:
            data = self.expand(data)
        event: Event = {}
        taken = set(self.shape.dropped)
        for name, columns in self.columns.items():
            column, value = find_value(data, columns)
            if value is not None:
                taken.add(column)
                event[name] = self.convert(name, column, value)
        if "value" not in event and self.shape.value_if_number:
            self._add_value(event, data)
        if "timestamp" not in event and self.shape.device_clock:
            self._add_device_time(event, data)
        event |= self.constants
        if "received_at" in event or "sent_at" in event:
            _mark_receipt(event)
        self._add_rest(event, data, taken)
        if self.shape.rest != "top":
            self._check_required(event)
        return event

    def expand(self, data: Data) -> Data:
        """JSON text and lists of pairs as the objects that they stand for."""
        changed: Data = {}
        for column in self.objects:
            value = data.get(column)
            if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
                value = changed[column] = _parse_json(column, value)
            if isinstance(value, list) and column in self.shape.pairs:
                changed[column] = _join_pairs(value)
        for column in self.shape.integers:
            changed[column] = _parse_integer(column, data.get(column))
        return {**data, **changed} if changed else data

    def convert(self, name: str, column: str, value: Any) -> Any:
        try:
            if name in OBJECTS:
                return value if isinstance(value, dict) else _refuse_object(value)
            if name == "value":
                return parse_number(value, self.decimal)
            if name in TIMES:
                format_name = self.timestamp_format if name == "timestamp" else guess_format([value]) or "iso"
                return convert_timestamp(value, format_name, self.timezone)
            text = _convert_text(value)
            return text.upper() if name == "currency" and len(text) == 3 else text
        except ValueError as error:
            if self.shape.rest == "top":
                return value
            raise CellError(column, error) from None

    def _add_value(self, event: Event, data: Data) -> None:
        _, value = find_value(data, self.shape.value_if_number)
        try:
            event |= {} if value is None else {"value": parse_number(value, self.decimal)}
        except ValueError:  # a property of this name that is no amount
            return

    def _add_device_time(self, event: Event, data: Data) -> None:
        """The device's time, corrected by how far its clock was off when it sent the event."""
        created, sent, received = (self._read_moment(data, column) for column in self.shape.device_clock)
        if created is not None:
            skew = received - sent if sent is not None and received is not None else None
            moment = created + skew if skew is not None else created
            event["timestamp"] = moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"

    def _read_moment(self, data: Data, column: str) -> datetime | None:
        value = get_column(data, column)
        if value in (None, ""):
            return None
        try:
            text = convert_timestamp(value, guess_format([value]) or "iso", self.timezone)
        except ValueError as error:
            raise CellError(column, error) from None
        return datetime.fromisoformat(text)

    def _add_rest(self, event: Event, data: Data, taken: set[str]) -> None:
        """The columns that no field took: nothing of a row is lost."""
        rest = {column: value for column, value in data.items() if column not in taken}
        if self.shape.rest == "top":
            for column, value in rest.items():
                event.setdefault(column, value)
            return
        rest = {column: value for column, value in rest.items() if value is not None and value != ""}
        prefixes = tuple(f"{column}." for column in self.columns.get("properties", ()))
        for column in [column for column in rest if column.startswith(prefixes)] if prefixes else ():
            event["properties"] = event.get("properties", {}) | {column.partition(".")[2]: rest.pop(column)}
        if rest:
            event[self.shape.rest] = rest | event.get(self.shape.rest, {})

    def _check_required(self, event: Event) -> None:
        for name in REQUIRED:
            if not event.get(name):
                columns = self.columns.get(name, ()) + (self.shape.device_clock if name in TIMES else ())
                problem = f"{describe_kind(None)}; every event needs a {name}: fill it in"
                raise CellError(" or ".join(columns), problem)


def find_value(data: Data, columns: Iterable[str]) -> tuple[str, Any]:
    """The first column that is not empty."""
    for column in columns:
        value = get_column(data, column)
        if value is not None and value != "":
            return column, value
    return "", None


def _mark_receipt(event: Event) -> None:
    """Only with the time of its receipt can an event be corrected by `sent_at`: today is not that time."""
    received_at = event.pop("received_at", None)
    try:
        event["realtime"] = {"received_at": datetime.fromisoformat(received_at).timestamp()}
    except (TypeError, ValueError):
        if "sent_at" in event:
            event["original_sent_at"] = event.pop("sent_at")


def _convert_text(value: Any) -> str:
    """An id may be a number in a file; 17850.0 is how a table with gaps writes 17850."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{describe_kind(value)}, must be text")  # noqa: TRY004 - of the file
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _refuse_object(value: Any) -> Any:
    raise ValueError(f"{describe_kind(value)}, must be a JSON object")


def _parse_json(column: str, text: str) -> Any:
    try:
        return parse_json(text)
    except ValueError:
        raise CellError(column, f"{describe_kind(text)} is no JSON object; correct it") from None


def _join_pairs(pairs: list[Any]) -> Data:
    """[{"key": k, "value": {"string_value": v, "int_value": null, …}}] as {k: v}."""
    joined: Data = {}
    for pair in pairs:
        value = pair.get("value")
        if isinstance(value, dict):
            kind, value = next(((kind, item) for kind, item in value.items() if item is not None), ("", None))
            is_written = kind == "int_value" and isinstance(value, str)  # BigQuery writes integers as text
            value = int(str(value)) if is_written else value
        joined[str(pair.get("key"))] = value
    return joined


def _parse_integer(column: str, value: Any) -> int:
    try:
        return int(value)
    except (ValueError, TypeError):
        raise CellError(column, f"{describe_kind(value)} is no whole number") from None
