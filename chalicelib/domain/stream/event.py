"""What an event is, and whether some JSON is one.

Written by hand for batches of 500; ``EventDocument`` states the same rules, and properties hold them and
both ways of reading together. Times are judged by when the event arrived, never by when it is looked at,
so that a retry comes to the same verdict.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import repeat
from operator import sub
from typing import Any, NamedTuple

import orjson

from chalicelib.domain.bucketing import is_key
from chalicelib.domain.context import MAX_USER_ID, check_user_id
from chalicelib.domain.definitions.model import EVENT_TYPE_PATTERN
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.timestamps import parse_timestamp

MAX_EVENTS = 500
"""In one request."""
MAX_BYTES = 256 * 1024
"""Of one event as JSON."""
MAX_DEPTH = 32
MAX_EVENT_ID = 256
"""Characters."""
MAX_VALUE = 100_000_000_000
SCALE = 10_000
"""Values are counted in ten-thousandths, as integers: sums are exact, whatever their order."""
FIRST, LAST = datetime.min.replace(tzinfo=UTC).timestamp(), datetime.max.replace(tzinfo=UTC).timestamp()
"""Epoch seconds that are a date; an offset leads beyond them."""

_is_event_type = re.compile(EVENT_TYPE_PATTERN).fullmatch


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
    hour: int  # since 1970
    experiment_key: str | None
    amount: int | None  # value × SCALE


def parse_event(text: bytes, arrived: float, limits: Limits) -> Event | Refusal:
    """``arrived`` in epoch seconds. Of a key that is given twice, the last one counts."""
    data = _loaded(text)
    if type(data) is not dict:
        return data if type(data) is Refusal else _NOT_AN_OBJECT
    get = data.get
    event_type, user_id, value = get("event_type"), get("user_id"), get("value")
    written_timestamp: Any = get("timestamp")
    if type(event_type) is not str or not _is_event_type(event_type):
        return _invalid("event_type", event_type, "must be 1 to 128 of A-Z a-z 0-9 . _ : -")
    try:
        user_id = check_user_id(user_id)
    except InvalidInput as error:
        return _invalid("user_id", user_id, error.details[0].message)
    try:
        timestamp = parse_timestamp(written_timestamp)
    except (ValueError, TypeError):
        return _invalid("timestamp", written_timestamp, "must be an ISO 8601 date and time")
    if not -limits.max_age <= timestamp - arrived <= limits.max_future:
        return _out_of_time(timestamp < arrived, limits)
    if value is not None:
        if type(value) not in _NUMBERS or not -MAX_VALUE <= value <= MAX_VALUE:
            return _invalid("value", value, f"must be a number from -{MAX_VALUE} to {MAX_VALUE}")
        value = round(value * SCALE)  # exact for four decimals: the product is below 2 ** 53
    problem = _optional(data)
    if problem is not None:
        return problem
    hour = int(timestamp // 3600)
    return Event(data, get("event_id"), event_type, user_id, timestamp, hour, get("experiment_key"), value)


def parse_ordinary_events(
    texts: Sequence[bytes], arrived: Sequence[float], limits: Limits
) -> list[Event] | None:
    """`parse_event` of each, column by column and several times as fast.

    None if any of them is out of the ordinary: wrong, or right in a way that only `parse_event` knows.
    """
    try:
        return _ordinary(texts, arrived, limits) if texts else []
    except (ValueError, TypeError, OverflowError):  # not JSON, not a date, not hashable, …
        return None


def _ordinary(texts: Sequence[bytes], arrived: Sequence[float], limits: Limits) -> list[Event] | None:
    brackets = [max(map(bytes.count, texts, repeat(bracket))) for bracket in (b"{", b"[")]
    if max(map(len, texts)) > MAX_BYTES or sum(brackets) > MAX_DEPTH:
        return None
    data: list[Any] = list(map(orjson.loads, texts))
    if set(map(type, data)) != {dict}:
        return None
    types, users, instants, values, ids, experiment_keys, flag_keys, properties, metadata = (
        [one.get(field) for one in data] for field in _FIELDS
    )
    given = [value for value in values if value is not None]
    if not (
        _all(types, str)
        and all(map(_is_event_type, set(types)))
        and _all(users, str)
        and _between(1, list(map(len, users)), MAX_USER_ID)
        and (together := "".join(users)).isascii()
        and together.isprintable()
        and _all(ids, str, type(None))
        and _between(1, [len(one) for one in ids if one is not None], MAX_EVENT_ID)
        and all(one is None or is_key(one) for one in {*experiment_keys, *flag_keys})
        and _all(properties, dict, type(None))
        and _all(metadata, dict, type(None))
        and _all(given, int, float)
        and _between(-MAX_VALUE, given, MAX_VALUE)
    ):
        return None
    dates = list(map(datetime.fromisoformat, instants))
    timestamps = [date.timestamp() for date in dates]
    early = list(map(sub, timestamps, arrived))
    if None in [date.tzinfo for date in dates] or not _between(-limits.max_age, early, limits.max_future):
        return None
    if not _between(FIRST, timestamps, LAST):
        return None
    hours = [int(at // 3600) for at in timestamps]
    amounts = [None if value is None else round(value * SCALE) for value in values]
    return list(map(Event, data, ids, types, users, timestamps, hours, experiment_keys, amounts))


def _between(least: float, values: Sequence[float], most: float) -> bool:
    return not values or (least <= min(values) and max(values) <= most)


_FIELDS = (
    "event_type",
    "user_id",
    "timestamp",
    "value",
    "event_id",
    "experiment_key",
    "flag_key",
    "properties",
    "metadata",
)


def _all(values: Iterable[object], *types: type) -> bool:
    return set(map(type, values)).issubset(types)


def _loaded(text: bytes) -> Any:
    """Parsed JSON, or a Refusal."""
    if len(text) > MAX_BYTES:
        return Refusal("too_large", f"The event has {len(text)} bytes; at most {MAX_BYTES} are allowed.")
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _not_json(text)
    # Brackets bound the depth, and hardly any event has this many.
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and is_too_deep(data):
        return TOO_DEEP
    return data


def _optional(data: dict[str, Any]) -> Refusal | None:
    get = data.get
    event_id, experiment_key, flag_key = get("event_id"), get("experiment_key"), get("flag_key")
    if event_id is not None and (type(event_id) is not str or not 0 < len(event_id) <= MAX_EVENT_ID):
        return _invalid("event_id", event_id, f"must be a string of 1 to {MAX_EVENT_ID} characters")
    if experiment_key is not None and (type(experiment_key) is not str or not is_key(experiment_key)):
        return _invalid("experiment_key", experiment_key, "must be 1 to 128 of A-Z a-z 0-9 . _ -")
    if flag_key is not None and (type(flag_key) is not str or not is_key(flag_key)):
        return _invalid("flag_key", flag_key, "must be 1 to 128 of A-Z a-z 0-9 . _ -")
    for field in ("properties", "metadata"):
        if type(get(field)) not in _OBJECT_OR_NULL:
            return _invalid(field, data[field], "must be a JSON object")
    return None


TOO_DEEP = Refusal("too_deep", f"The event is nested deeper than {MAX_DEPTH} levels.")
_NOT_AN_OBJECT = Refusal("not_an_object", "An event must be a JSON object.")
_NUMBERS = (int, float)
_OBJECT_OR_NULL = (dict, type(None))


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
    return Refusal(
        "invalid_json", "The event is not valid JSON (NaN, Infinity and lone surrogates are none either)."
    )


def is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)  # type: ignore[attr-defined]  # a level holds dicts and lists only
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
