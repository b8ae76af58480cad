"""What an event is, and whether some JSON is one.

Written by hand for batches of 500; ``EventDocument`` states the same rules, and a property holds the two
together. Times are judged by when the event arrived, never by when it is looked at, so that a retry
comes to the same verdict.
"""

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.units import check_user_id

MAX_BYTES = 256 * 1024
"""Of one event as JSON."""
MAX_DEPTH = 32
MAX_EVENT_ID = 256
"""Characters."""
MAX_VALUE = 100_000_000_000
SCALE = 10_000
"""Values are counted in ten-thousandths, as integers: sums are exact, whatever their order."""
EVENT_TYPE = r"^[A-Za-z0-9._:-]{1,128}\Z"
KEY = r"^[A-Za-z0-9._-]{1,128}\Z"

_is_event_type = re.compile(EVENT_TYPE).match
_is_key = re.compile(KEY).match


class Refusal(NamedTuple):
    """Why something can never be an event; ``field`` is empty if it is none of its fields."""

    code: str
    message: str
    field: str = ""


class Limits(NamedTuple):
    """Seconds before and after its arrival that an event may claim."""

    max_age: float = 7 * 86_400.0
    max_future: float = 600.0


class Event(NamedTuple):
    data: dict[str, Any]  # all that was sent, unknown fields included
    event_id: str | None
    type: str
    user_id: str
    timestamp: float  # epoch seconds
    experiment_key: str | None
    amount: int | None  # value × SCALE


def parse_event(text: bytes, arrived: float, limits: Limits) -> Event | Refusal:
    """``arrived`` in epoch seconds. Of a key that is given twice, the last one counts."""
    if len(text) > MAX_BYTES:
        return Refusal("too_large", f"The event has {len(text)} bytes; at most {MAX_BYTES} are allowed.")
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _not_json(text)
    # Brackets bound the depth, and hardly any event has this many.
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and _deeper(data, MAX_DEPTH):
        return Refusal("too_deep", f"The event is nested deeper than {MAX_DEPTH} levels.")
    return check_event(data, arrived, limits)


def check_event(data: object, arrived: float, limits: Limits) -> Event | Refusal:
    """The verdict on parsed JSON, field by field."""
    if type(data) is not dict:
        return Refusal("not_an_object", "An event must be a JSON object.")
    get = data.get
    event_type, user_id, text = get("event_type"), get("user_id"), get("timestamp")
    if type(event_type) is not str or not _is_event_type(event_type):
        return _invalid("event_type", event_type, "must be 1 to 128 of A-Z a-z 0-9 . _ : -")
    try:
        user_id = check_user_id(user_id)
    except InvalidInput as error:
        return _invalid("user_id", user_id, error.details[0].message)
    timestamp = _epoch(text) if type(text) is str else None
    if timestamp is None:
        return _invalid("timestamp", text, "must be an ISO 8601 date and time")
    if not -limits.max_age <= timestamp - arrived <= limits.max_future:
        return _out_of_time(timestamp < arrived, limits)
    value = get("value")
    if value is not None:
        if type(value) not in _NUMBERS or not -MAX_VALUE <= value <= MAX_VALUE:
            return _invalid("value", value, f"must be a number from -{MAX_VALUE} to {MAX_VALUE}")
        value = round(value * SCALE)  # exact for four decimals: the product is below 2 ** 53
    for field, accepts, rule in _OPTIONAL:
        if field in data and not accepts(data[field]):
            return _invalid(field, data[field], rule)
    return Event(data, get("event_id"), event_type, user_id, timestamp, get("experiment_key"), value)


def _is_event_id_or_null(value: object) -> bool:
    return value is None or (type(value) is str and 0 < len(value) <= MAX_EVENT_ID)


def _is_key_or_null(value: object) -> bool:
    return value is None or (type(value) is str and _is_key(value) is not None)


def _is_object_or_null(value: object) -> bool:
    return value is None or type(value) is dict


_OPTIONAL = (
    ("event_id", _is_event_id_or_null, f"must be a string of 1 to {MAX_EVENT_ID} characters"),
    ("experiment_key", _is_key_or_null, "must be 1 to 128 of A-Z a-z 0-9 . _ -"),
    ("flag_key", _is_key_or_null, "must be 1 to 128 of A-Z a-z 0-9 . _ -"),
    ("properties", _is_object_or_null, "must be a JSON object"),
    ("metadata", _is_object_or_null, "must be a JSON object"),
)
_NUMBERS = (int, float)


def _epoch(text: str) -> float | None:
    """Without an offset it is UTC."""
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _invalid(field: str, value: object, rule: str) -> Refusal:
    code = "missing_field" if value is None else "invalid_field"
    return Refusal(code, f"{field} {rule}.", field)


def _out_of_time(old: bool, limits: Limits) -> Refusal:
    if old:
        return Refusal("too_old", f"timestamp is more than {limits.max_age:.0f} s ago.", "timestamp")
    return Refusal("in_the_future", f"timestamp is more than {limits.max_future:.0f} s ahead.", "timestamp")


def _not_json(text: bytes) -> Refusal:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return Refusal("invalid_utf8", f"The event is not UTF-8: byte {error.start} is wrong.")
    if not text.strip():
        return Refusal("empty", "The record is empty.")
    return Refusal("invalid_json", "The event is not valid JSON (NaN and Infinity are none either).")


def _deeper(value: object, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)  # type: ignore[attr-defined]  # a level holds dicts and lists only
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
