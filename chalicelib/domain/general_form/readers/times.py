"""Readers that make an instant of a value. All of them answer microseconds since 1970, so all compare."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import floor
from typing import Any

from chalicelib.domain.general_form.readers.numbers import (
    read_day,
    read_minute,
    read_number,
    read_number_or_text,
)
from chalicelib.domain.general_form.values import CACHED_TEXTS, MAX_TEXT, UNREADABLE, Reader

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS, _MILLISECONDS = 1_000_000, 1_000
_MILLISECONDS_FROM = 10**11
"""As seconds this is the year 5138, as milliseconds 1973."""
_TEN_DIGITS = 10**10
_MAX_EPOCH = 10**16
"""Numbers beyond are no time: as milliseconds, this is far beyond any calendar."""


def read_instant(value: Any) -> Any:
    """RFC 3339 with an offset."""
    if type(value) is not str or len(value) > MAX_TEXT:
        return UNREADABLE
    return _parse_instant(value)


def read_instant_in_utc(value: Any) -> Any:
    """ISO 8601: a date, or a date and a time; without an offset in UTC."""
    if type(value) is not str or len(value) > MAX_TEXT:
        return UNREADABLE
    return _parse_instant_in_utc(value)


def read_instant_or_epoch(value: Any) -> Any:
    """RFC 3339 with an offset, or a number: seconds below 10^11, milliseconds from there on."""
    return read_instant(value) if type(value) is str else _read_epoch(value, _MILLISECONDS_FROM)


def read_instant_or_milliseconds(value: Any) -> Any:
    """RFC 3339 with an offset, or a number of milliseconds."""
    return read_instant(value) if type(value) is str else _read_epoch(value, 0)


def read_epoch(value: Any) -> Any:
    """A number, or text of one: seconds if it has at most ten digits, else milliseconds."""
    return _read_epoch(read_number_or_text(value), _TEN_DIGITS)


def _read_epoch(value: Any, milliseconds_from: int) -> Any:
    number = read_number(value)
    if number is UNREADABLE or abs(number) > _MAX_EPOCH:
        return UNREADABLE
    return round(number * (_SECONDS if abs(number) < milliseconds_from else _MILLISECONDS))


_DATE, _TIME = r"(\d{4}-\d\d-\d\d)", r"(?:[01]\d|2[0-3]):\d\d"
_OFFSET = rf"([Zz]|[+-]{_TIME})"
_RFC_3339 = re.compile(rf"{_DATE}[Tt]({_TIME}:\d\d)(?:\.(\d+))?{_OFFSET}", re.ASCII)
_ISO_8601 = re.compile(
    rf"{_DATE}(?:[Tt ]({_TIME}(?::\d\d)?)(?:(?<=:\d\d:\d\d)\.(\d+))?{_OFFSET}?)?", re.ASCII
)


@lru_cache(CACHED_TEXTS)
def _parse_instant(text: str) -> Any:
    match = _RFC_3339.fullmatch(text)
    return UNREADABLE if match is None else _count_microseconds(*match.groups())


@lru_cache(CACHED_TEXTS)
def _parse_instant_in_utc(text: str) -> Any:
    match = _ISO_8601.fullmatch(text)
    return UNREADABLE if match is None else _count_microseconds(*match.groups())


def _count_microseconds(date: str, time: str | None, fraction: str | None, offset: str | None) -> Any:
    """Digits of a second beyond the sixth do not count."""
    is_utc = offset is None or offset in "Zz"
    try:
        moment = datetime.fromisoformat(f"{date}T{time or '00:00'}{'+00:00' if is_utc else offset}")
    except ValueError:
        return UNREADABLE
    microseconds = int((fraction or "0").ljust(6, "0")[:6])
    return (moment - _EPOCH) // timedelta(microseconds=1) + microseconds


TIME_READERS: dict[str, Reader] = {
    "instant": read_instant,
    "instant-utc": read_instant_in_utc,
    "instant-or-epoch": read_instant_or_epoch,
    "instant-ms": read_instant_or_milliseconds,
    "epoch-auto": read_epoch,
}


def _read_clock(seconds: float) -> int:
    return round(seconds * _SECONDS)


CLOCK_READERS: dict[str, Reader] = {
    **dict.fromkeys(TIME_READERS, _read_clock),
    "minute": lambda seconds: read_minute(floor(seconds)),
    "day": lambda seconds: read_day(floor(seconds)),
}
"""How readers of times read the operand ``now``, which is epoch seconds whatever the reader takes."""
