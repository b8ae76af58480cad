"""Readers that make a number of a value.

Integers stay exact, whatever their size; only ``js-number`` makes doubles of them.
"""

import re
from functools import lru_cache
from math import inf, isfinite, isnan
from typing import Any

from chalicelib.domain.general_form.readers.texts import read_js_text
from chalicelib.domain.general_form.values import CACHED_TEXTS, MAX_TEXT, UNREADABLE, Reader


def read_number(value: Any) -> Any:
    if type(value) is int:
        return value
    return value if type(value) is float and isfinite(value) else UNREADABLE


def read_integer(value: Any) -> Any:
    return value if type(value) is int else UNREADABLE


def read_number_within_doubles(value: Any) -> Any:
    """Numbers up to 2 to the power of 53 either side of 0: all integers among them are exact as doubles."""
    return value if type(value) in (int, float) and -(2**53) <= value <= 2**53 else UNREADABLE


def read_number_or_text(value: Any) -> Any:
    """Also text of a decimal number, without blanks."""
    if type(value) is str:
        return _parse_decimal(value) if len(value) <= MAX_TEXT else UNREADABLE
    return read_number(value)


def read_number_with_comma(value: Any) -> Any:
    """Also text of a decimal number with blanks around it, and a comma for its point."""
    if type(value) is str:
        value = value.strip().replace(",", ".")
    return read_number_or_text(value)


def read_integer_or_text(value: Any) -> Any:
    """Integers, and text of one: digits after a sign or none."""
    if type(value) is str:
        is_integer = len(value) <= MAX_TEXT and _INTEGER.fullmatch(value)
        return int(value) if is_integer else UNREADABLE
    return read_integer(value)


def read_minute(value: Any) -> Any:
    """Of epoch seconds, an integer or text of one: the second with which the minute begins."""
    seconds = read_integer_or_text(value)
    return seconds if seconds is UNREADABLE else seconds - seconds % 60


def read_day(value: Any) -> Any:
    """Of epoch seconds, an integer or text of one: the second with which the day begins, in UTC."""
    seconds = read_integer_or_text(value)
    return seconds if seconds is UNREADABLE else seconds - seconds % 86_400


def read_js_number(value: Any) -> Any:
    """What JavaScript's ``Number`` makes of it, a double or infinite; what is no number is unreadable."""
    if type(value) in (bool, int, float):
        return UNREADABLE if type(value) is float and isnan(value) else _to_double(value)
    if type(value) is list:
        value = read_js_text(value)
    if type(value) is not str:
        return UNREADABLE
    text = value.strip(_JS_BLANKS)
    if len(text) > MAX_TEXT:
        return UNREADABLE
    return _parse_js_number(text)


_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_JS_BLANKS = (
    "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
_JS_BASES = {"0x": 16, "0o": 8, "0b": 2}
_JS_DIGITS = {16: re.compile("[0-9a-fA-F]+"), 8: re.compile("[0-7]+"), 2: re.compile("[01]+")}
_JS_INFINITIES = {"Infinity": inf, "+Infinity": inf, "-Infinity": -inf}


@lru_cache(CACHED_TEXTS)
def _parse_decimal(text: str) -> Any:
    if _DECIMAL.fullmatch(text) is None:
        return UNREADABLE
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text)
    return number if isfinite(number) else UNREADABLE


@lru_cache(CACHED_TEXTS)
def _parse_js_number(text: str) -> Any:
    if not text:
        return 0.0
    if text in _JS_INFINITIES:
        return _JS_INFINITIES[text]
    base = _JS_BASES.get(text[:2].lower())
    if base is not None:
        return _to_double(int(text[2:], base)) if _JS_DIGITS[base].fullmatch(text[2:]) else UNREADABLE
    return float(text) if _DECIMAL.fullmatch(text) else UNREADABLE


def _to_double(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return inf if number > 0 else -inf


NUMBER_READERS: dict[str, Reader] = {
    "number": read_number,
    "number-finite": read_number_within_doubles,
    "number-or-text": read_number_or_text,
    "number-comma": read_number_with_comma,
    "integer": read_integer,
    "integer-text": read_integer_or_text,
    "minute": read_minute,
    "day": read_day,
    "js-number": read_js_number,
}
