"""Readers that make text of a value."""

import json
import re
from decimal import Decimal
from math import isfinite, isinf, isnan
from typing import Any

from chalicelib.domain.general_form.values import MAX_TEXT, UNREADABLE, Reader

_PLAIN_NUMBER = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII)
_EXACT = 2**53
"""Integers up to here are exact as doubles."""


def read_text(value: Any) -> Any:
    return value if type(value) is str else UNREADABLE


def read_nonempty(value: Any) -> Any:
    return value if type(value) is str and value else UNREADABLE


def read_folded(value: Any) -> Any:
    return value.lower().casefold() if type(value) is str else UNREADABLE


def read_lower(value: Any) -> Any:
    return value.lower() if type(value) is str else UNREADABLE


def read_lower_if_text(value: Any) -> Any:
    """Of text its lower case; any other value as it is."""
    return value.lower() if type(value) is str else value


def read_text_or_integer(value: Any) -> Any:
    """Text as it is, also empty; integers in decimal."""
    if type(value) is str:
        return value
    return _write_integer(value) if type(value) is int else UNREADABLE


def read_unit(value: Any) -> Any:
    """What native definitions hash: text that is not empty, and integers in decimal."""
    return read_text_or_integer(value) or UNREADABLE


def read_canonical(value: Any) -> Any:
    """Text, ``true`` and ``false``, and numbers in decimal, never with an exponent: 1.0 is ``1``."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return _write_integer(value)
    if type(value) is not float or not isfinite(value):
        return UNREADABLE
    return str(int(value)) if value.is_integer() else f"{Decimal(repr(value)):f}"


def read_json_text(value: Any) -> Any:
    """Text as it is; any other value as compact JSON, its numbers as JavaScript writes them."""
    if type(value) is str:
        return value
    try:
        return _write_json(value)
    except (ValueError, RecursionError):
        return UNREADABLE


def read_js_text(value: Any) -> Any:
    """What JavaScript's ``String`` makes of it."""
    if type(value) is str:
        return value
    try:
        return _write_as_javascript(value)
    except (ValueError, RecursionError):
        return UNREADABLE


def read_js_unit(value: Any) -> Any:
    """As ``js-text``, but 0, false and empty text are no unit."""
    is_falsy = not value or (type(value) is float and isnan(value))
    return UNREADABLE if is_falsy and type(value) not in (list, dict) else read_js_text(value)


def read_typed(value: Any) -> Any:
    """Text of a plain number, such as ``-12.5``, is that number; other texts, numbers, booleans stay."""
    if type(value) is not str:
        return value if type(value) in (bool, int, float) else UNREADABLE
    if len(value) > MAX_TEXT or _PLAIN_NUMBER.fullmatch(value) is None:
        return value
    return float(value) if "." in value else int(value)


def read_typed_text(value: Any) -> Any:
    """What ``typed`` reads, as Python writes it: ``True``, ``5``, ``5.0``."""
    typed = read_typed(value)
    if type(typed) is int:
        return _write_integer(typed)
    return typed if typed is UNREADABLE else str(typed)


def write_js_number(number: float) -> str:
    """As JavaScript does, whose numbers are all doubles."""
    if type(number) is int and -_EXACT <= number <= _EXACT:
        return str(number)
    try:
        double = float(number)
    except OverflowError:
        double = float("inf") if number > 0 else float("-inf")
    if isnan(double):
        return "NaN"
    if isinf(double):
        return "Infinity" if double > 0 else "-Infinity"
    if double.is_integer() and abs(double) < _EXACT:
        return str(int(double))
    sign, digits, exponent = Decimal(repr(double)).normalize().as_tuple()
    return "-" * sign + _place_point("".join(map(str, digits)), len(digits) + int(exponent))


def _place_point(digits: str, point: int) -> str:
    """Of a number 0.DIGITS times ten to the power of ``point``."""
    if len(digits) <= point <= 21:
        return digits.ljust(point, "0")
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
    return f"{mantissa}e{point - 1:+d}"


def _write_integer(value: int) -> Any:
    try:
        return str(value)
    except ValueError:  # over 4,300 digits
        return UNREADABLE


def _write_json(value: Any) -> str:
    """Raises ValueError for what JSON has not."""
    if type(value) is list:
        return f"[{','.join(map(_write_json, value))}]"
    if type(value) is dict:
        members = (f"{_write_json(name)}:{_write_json(member)}" for name, member in value.items())
        return f"{{{','.join(members)}}}"
    if type(value) in (int, float):
        text = write_js_number(value)
        if text[-1] not in "0123456789":  # NaN, Infinity
            raise ValueError(text)
        return text
    if value is None or type(value) in (bool, str):
        return json.dumps(value, ensure_ascii=False)
    raise ValueError("not JSON")


def _write_as_javascript(value: Any) -> str:
    if type(value) is list:
        return ",".join("" if element is None else _write_as_javascript(element) for element in value)
    if type(value) is dict:
        return "[object Object]"
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) in (int, float):
        return write_js_number(value)
    raise ValueError("not JSON")


def _then(read_first: Reader, read_second: Reader) -> Reader:
    """``read_first`` keeps text as it is."""
    return lambda value: read_second(value if type(value) is str else read_first(value))


TEXT_READERS: dict[str, Reader] = {
    "text": read_text,
    "nonempty": read_nonempty,
    "fold": read_folded,
    "lower": read_lower,
    "lower-if-text": read_lower_if_text,
    "text-int": read_text_or_integer,
    "unit": read_unit,
    "canonical": read_canonical,
    "canonical-fold": _then(read_canonical, read_folded),
    "canonical-lower": _then(read_canonical, read_lower),
    "json-text": read_json_text,
    "json-text-nonempty": _then(read_json_text, read_nonempty),
    "js-text": read_js_text,
    "js-text-lower": _then(read_js_text, read_lower),
    "js-unit": read_js_unit,
    "typed-text": read_typed_text,
}
KEEPS_TEXT = frozenset(
    {
        *(read_text, read_nonempty, read_text_or_integer, read_unit, read_canonical, read_json_text),
        *(read_js_text, read_js_unit, TEXT_READERS["json-text-nonempty"]),
    }
)
"""Readers that keep every text as it is, but for the empty one."""
