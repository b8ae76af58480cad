"""What an event is, and how JSON is parsed into one.

The rules are written by hand, for the speed that batches of 500 need. ``EventDocument`` states the same
rules; property tests compare it and both parsers. A timestamp is compared with the time of arrival, never
with the current time, so a retry comes to the same result.
"""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from chalicelib.domain.bucketing import is_key
from chalicelib.domain.context import check_user_id
from chalicelib.domain.errors import InvalidInput
from chalicelib.domain.event_types import EVENT_TYPE_RULE, find_event_type_problem
from chalicelib.domain.stream.amounts import MAX_DECIMALS, MAX_VALUE, scale_value
from chalicelib.domain.stream.marks import read_marks
from chalicelib.domain.timestamps import EARLIEST, LATEST, parse_timestamp

MAX_EVENTS = 500
"""In one request."""
MAX_BYTES = 256 * 1024
"""Of one event as JSON."""
MAX_DEPTH = 32
MAX_EVENT_ID = 256
"""Characters."""
is_currency = re.compile("[A-Za-z0-9]{3,8}").fullmatch
"""A code such as EUR, or longer ones that are no state's."""


class Refusal(NamedTuple):
    """Why some data can never be an event; ``field`` is empty if no single field is wrong."""

    code: str
    message: str
    field: str = ""


class Limits(NamedTuple):
    """In seconds. ``max_age`` and ``max_future``: how far a timestamp may be from the event's arrival.

    ``replay_age``: an event older than this is the replay of a history, so its arrival decides about it
    instead of its own time (`attribution`). ``clock_tolerance``: how much clocks may differ.
    """

    max_age: float = 7 * 86_400.0
    max_future: float = 600.0
    replay_age: float = 7 * 86_400.0
    clock_tolerance: float = 10.0


class Event(NamedTuple):
    data: dict[str, Any]  # all that was sent, unknown fields included
    event_id: str | None
    type: str
    user_id: str
    timestamp: float  # epoch seconds, corrected by ``sent_at``
    hour: int  # since 1970
    experiment_key: str | None
    amount: int | None  # value × SCALE
    currency: str  # in capitals; empty without an amount
    received_at: float  # epoch seconds: the arrival, or an earlier one that `Marks` tells
    is_backfill: bool


def parse_event(text: bytes, arrived_at: float, limits: Limits) -> Event | Refusal:
    """``arrived_at`` in epoch seconds. If a key occurs twice, its last value counts."""
    if not text:  # without the time of two exceptions: a record can have 160,000 such parts
        return _EMPTY
    try:
        return _read_event(_load_json(text), arrived_at, limits)
    except _Refused as refused:
        return refused.refusal


class _Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


def _read_event(data: dict[str, Any], arrived_at: float, limits: Limits) -> Event:
    event_type: Any = data.get("event_type")
    problem = find_event_type_problem(event_type) if isinstance(event_type, str) else EVENT_TYPE_RULE
    if problem is not None:
        raise _refuse_field("event_type", event_type, problem)
    try:
        user_id = check_user_id(data.get("user_id"))
    except InvalidInput as error:
        raise _refuse_field("user_id", data.get("user_id"), error.details[0].message) from None
    received_at, is_backfill = read_marks(data, arrived_at)
    timestamp = _read_timestamp(data, received_at)
    if not is_backfill and timestamp < received_at - limits.max_age:
        raise _refuse_time("too_old", f"more than {limits.max_age:.0f} s ago")
    if timestamp > received_at + limits.max_future:
        raise _refuse_time("in_the_future", f"more than {limits.max_future:.0f} s ahead")
    amount = _read_amount(data.get("value"))
    _check_optional_fields(data)
    currency = "" if amount is None else (data.get("currency") or "").upper()
    return Event(
        data,
        data.get("event_id"),
        event_type,
        user_id,
        timestamp,
        int(timestamp // 3600),
        data.get("experiment_key"),
        amount,
        currency,
        received_at,
        is_backfill,
    )


def _read_timestamp(data: dict[str, Any], received_at: float) -> float:
    """By the service's clock if there is a ``sent_at``, since a client's clock may be wrong.

    Segment corrects times in the same way: https://segment.com/docs/connections/spec/common/#timestamps
    """
    timestamp = _read_time(data, "timestamp")
    if data.get("sent_at") is None:
        return timestamp
    timestamp += received_at - _read_time(data, "sent_at")
    if not EARLIEST <= timestamp < LATEST:
        raise _refuse_field("sent_at", data["sent_at"], "must be near the time of sending")
    return timestamp


def _read_time(data: dict[str, Any], field: str) -> float:
    text: Any = data.get(field)
    try:
        return parse_timestamp(text)
    except (ValueError, TypeError):
        raise _refuse_field(field, text, "must be an ISO 8601 date and time") from None


def _read_amount(value: Any) -> int | None:
    if value is None:
        return None
    if type(value) not in _NUMBERS or not -MAX_VALUE <= value <= MAX_VALUE:
        raise _refuse_field("value", value, f"must be a number from -{MAX_VALUE} to {MAX_VALUE}")
    amount = scale_value(value)
    if amount is None:
        rule = f"must have at most {MAX_DECIMALS} decimals, because sums are exact; round it"
        raise _refuse_field("value", value, rule)
    return amount


def _load_json(text: bytes) -> dict[str, Any]:
    if len(text) > MAX_BYTES:
        message = f"The event has {len(text)} bytes; at most {MAX_BYTES} are allowed."
        raise _Refused(Refusal("too_large", message))
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _Refused(_describe_text(text)) from None
    # No event is nested deeper than it has brackets, and hardly any has this many.
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and is_too_deep(data):
        raise _Refused(TOO_DEEP)
    if type(data) is not dict:
        raise _Refused(Refusal("not_an_object", "An event must be a JSON object."))
    return data


def _check_optional_fields(data: dict[str, Any]) -> None:
    for field, (is_valid, rule) in _OPTIONAL.items():
        value = data.get(field)
        if value is not None and not is_valid(value):
            raise _refuse_field(field, value, rule)


def _is_event_id(value: Any) -> bool:
    return type(value) is str and 0 < len(value) <= MAX_EVENT_ID


def _is_key(value: Any) -> bool:
    return type(value) is str and bool(is_key(value))


def _is_currency(value: Any) -> bool:
    return type(value) is str and bool(is_currency(value))


def _is_object(value: Any) -> bool:
    return type(value) is dict


_OPTIONAL: dict[str, tuple[Callable[[Any], bool], str]] = {
    "event_id": (_is_event_id, f"must be a string of 1 to {MAX_EVENT_ID} characters"),
    "experiment_key": (_is_key, "must be 1 to 128 of A-Z a-z 0-9 . _ -"),
    "flag_key": (_is_key, "must be 1 to 128 of A-Z a-z 0-9 . _ -"),
    "currency": (_is_currency, "must be a code of 3 to 8 letters or digits, such as EUR"),
    "properties": (_is_object, "must be a JSON object"),
    "metadata": (_is_object, "must be a JSON object"),
}
TOO_DEEP = Refusal("too_deep", f"The event is nested deeper than {MAX_DEPTH} levels.")
_EMPTY = Refusal("empty", "The record is empty.")
_NUMBERS = (int, float)


def _refuse_field(field: str, value: object, rule: str) -> _Refused:
    code = "missing_field" if value is None else "invalid_field"
    return _Refused(Refusal(code, f"{field} {rule}.", field))


def _refuse_time(code: str, distance: str) -> _Refused:
    return _Refused(Refusal(code, f"timestamp is {distance}.", "timestamp"))


def _describe_text(text: bytes) -> Refusal:
    """Why it is not JSON."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return Refusal("invalid_utf8", f"The event is not UTF-8: byte {error.start} is wrong.")
    if not text.strip():
        return _EMPTY
    return Refusal(
        "invalid_json", "The event is not valid JSON. NaN, Infinity and lone surrogates are not JSON either."
    )


def is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for container in level
            for child in (container.values() if isinstance(container, dict) else container)  # type: ignore[attr-defined]  # a level has only dicts and lists
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
