"""How conditions read attribute values: as text, a number or a time, in version 1.0 and in 2.0.

The platform's backend is written in Python, so version 1.0 uses Python's ``str``, ``float``, ``int`` and
``==``: ``True == 1``, integers compare exactly with floats, and a list's text quotes its elements. Version
2.0 keeps types apart: booleans are not numbers, and only text and numbers have a text form.
"""

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

from chalicelib.domain.targeting.document import InvalidOperand

Test = Callable[[Any, float], bool]
"""(value of the attribute, now in epoch seconds) -> whether the condition holds."""

ERRORS = (TypeError, ValueError, ArithmeticError, LookupError, RecursionError, OSError)
"""What a test may raise on some JSON value. Each of them means that the condition does not hold."""

Compare = Callable[[Any, Any], bool]
COMPARISONS: dict[str, Compare] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}

MILLISECONDS_FROM = 1e11
"""Timestamps from here on are milliseconds: as seconds this is the year 5138, as milliseconds 1973."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def never(_value: Any, _now: float) -> bool:
    """The condition cannot hold. The compiler and lint recognise this function by identity."""
    return False


def always(_value: Any, _now: float) -> bool:
    """The condition holds if the attribute is present. Recognised by identity, like ``never``."""
    return True


LONG_TEXT = 256
"""Characters of a text that is read once for all conditions."""


class LastResultCache:
    """Keeps the last results of ``compute``: many conditions ask about the same large values of a context.

    It compares values by identity, as nothing changes a context. It has few entries, so that it keeps little
    alive after a request.
    """

    __slots__ = ("_last", "compute")
    _ENTRIES = 4

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self.compute = compute
        self._last: dict[int, tuple[Any, Any]] = {}

    def __call__(self, value: Any) -> Any:
        last = self._last.get(id(value))
        if last is not None and last[0] is value:
            return last[1]
        result = self.compute(value)
        if len(self._last) >= self._ENTRIES:
            self._last = {}  # not cleared: another thread may be reading it
        self._last[id(value)] = value, result
        return result


_list_to_text = LastResultCache(str)


def read_text_v1(value: Any) -> str:
    """Every value has a text form: ``T`` of the specification."""
    if isinstance(value, str):
        return value
    text: str = _list_to_text(value) if isinstance(value, (list, dict)) else str(value)
    return text


def read_text_v2(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise InvalidOperand("must be text or a number")


def is_number(value: Any) -> bool:
    """Booleans included: to version 1.0 they are 1 and 0."""
    return isinstance(value, (int, float))


def looks_numeric(value: Any) -> bool:
    """``between`` compares numbers only if all three look like one; ``-5`` as text does not."""
    return value.replace(".", "", 1).isdigit() if isinstance(value, str) else is_number(value)


def read_number_v1(value: Any) -> float:
    if type(value) is str and len(value) > LONG_TEXT:
        number: float | None = _read_long_number_v1(value)
    else:
        number = _read_number_v1(value)
    if number is None:
        raise InvalidOperand("must be a number that fits a double, or text of one")
    return number


def _read_number_v1(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


_read_long_number_v1 = LastResultCache(_read_number_v1)


_JSON_NUMBER = re.compile(r"(-?(?:0|[1-9]\d*))(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


def read_number_v2(value: Any) -> int | float:
    """A JSON number, or text that is one and nothing else. Integers stay exact, whatever their size."""
    if type(value) is int:
        return value
    if type(value) is str:
        value = _read_long_number_v2(value) if len(value) > LONG_TEXT else _read_text_number_v2(value)
        if value is None:
            raise InvalidOperand("must be a number, or text of one as JSON writes it")
    if type(value) is float and not isfinite(value):
        raise InvalidOperand("must be a number that fits a double")
    if type(value) not in (int, float):
        raise InvalidOperand("must be a number, or text of one")
    number: int | float = value
    return number


def _read_text_number_v2(text: str) -> int | float | None:
    match = _JSON_NUMBER.fullmatch(text)
    if match is None:
        return None
    try:
        return float(text) if match[2] or match[3] else int(text)
    except ValueError:  # more digits than Python converts
        return None


_read_long_number_v2 = LastResultCache(_read_text_number_v2)


def is_number_v2(value: Any) -> bool:
    try:
        return read_number_v2(value) is not None
    except ERRORS:
        return False


_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?:.(?:[01]\d|2[0-3])(?::\d\d(?::\d\d(?:\.(?:\d{3}|\d{6}))?)?)?"
    r"(?:[+-](?:[01]\d|2[0-3]):\d\d(?::\d\d)?)?)?",
    re.ASCII | re.DOTALL,
)
_MAX_DATE_TIME = 48


def parse_date_time(text: str) -> datetime:
    """Only ISO 8601 that every runtime reads: ``fromisoformat`` accepts more. Naive without an offset."""
    if len(text) <= _MAX_DATE_TIME:
        text = text.replace("Z", "+00:00")
        if _DATE_TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    raise ValueError("not a date-time")


def read_time_v1(value: Any) -> datetime:
    """Text is a date-time. A number is seconds since the epoch, read as a naive time in UTC."""
    if isinstance(value, str):
        return parse_date_time(value)
    if is_number(value):
        return datetime.fromtimestamp(value, UTC).replace(tzinfo=None)
    raise TypeError("neither text nor a number")


Time = tuple[datetime, int]
"""An instant to the microsecond, and the nanoseconds beyond: tuples compare in order of time."""

_DATE_TIME_V2 = re.compile(
    r"(\d{4}-\d\d-\d\d(?:.(?:[01]\d|2[0-3])(?::\d\d(?::(\d\d)(?:\.(\d+))?)?)?)?)"
    r"([zZ]|[+-](?:[01]\d|2[0-3]):\d\d(?::\d\d)?)?",
    re.ASCII | re.DOTALL,
)
_SECOND = timedelta(seconds=1)


def read_time_v2(value: Any) -> Time:
    """Text is RFC 3339, in UTC unless it has an offset. A number is seconds since the epoch, or milliseconds.

    Digits of a second beyond the ninth do not count.
    """
    if isinstance(value, str):
        return _parse_time_v2(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = value / 1000 if abs(value) >= MILLISECONDS_FROM else value
        return _EPOCH + timedelta(seconds=seconds), 0
    raise InvalidOperand("must be a date-time or a timestamp")


def _parse_time_v2(text: str) -> Time:
    match = _DATE_TIME_V2.fullmatch(text) if len(text) <= _MAX_DATE_TIME else None
    if match is None:
        raise InvalidOperand("must be a date-time like 2026-01-31T09:00:00Z")
    local, second, fraction, offset = match.groups()
    nanoseconds = int(f"{fraction or 0:0<9}"[:9])
    if fraction:
        local = local[: -len(fraction) - 1]
    is_leap_second = second == "60"
    if is_leap_second:
        local = local[:-2] + "59"
    is_utc = offset is None or offset in "zZ"
    time = (
        datetime.fromisoformat(local).replace(tzinfo=UTC)
        if is_utc
        else datetime.fromisoformat(local + offset)
    )
    if is_leap_second:
        time += _SECOND
        if time.astimezone(UTC).strftime("%H%M%S") != "000000":
            raise InvalidOperand("has a second 60 that is not the last of a day in UTC")
    return time.replace(microsecond=nanoseconds // 1000), nanoseconds % 1000


def has_offset(text: str) -> bool:
    """Raises InvalidOperand if the text is no date-time of version 2.0."""
    _parse_time_v2(text)
    match = _DATE_TIME_V2.fullmatch(text)
    return match is not None and match[4] is not None


def read_time_operand_v2(value: Any) -> Time:
    try:
        return read_time_v2(value)
    except ERRORS:
        raise InvalidOperand("must be a date-time like 2026-01-31T09:00:00Z, or a timestamp") from None
