"""Numbers as people write them in files. What may mean two numbers is refused, never guessed."""

import math
import re
from collections.abc import Iterable

_INTEGER = r"[+-]?\d+"
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_GROUPED = {
    ".": re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", re.ASCII),
    ",": re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?", re.ASCII),
}
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:[.,]\d{3})+", re.ASCII)
"""With one kind of separator, of which nothing tells whether it is a decimal."""
UNCERTAIN = "?"
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_CURRENCY = re.compile(r"[$€£¥₹]|\b[A-Z]{3}\b")
_AMBIGUOUS = "a number whose separator may be of thousands or a decimal; say --decimal . or --decimal ,"
_NAMES = {"nan", "inf", "-inf", "+inf", "infinity", "-infinity", "+infinity"}


def parse_number(value: object, decimal: str = "") -> int | float:
    """``decimal`` is ``,`` or ``.``; empty: a point, and what may be grouped thousands by commas is refused.

    UNCERTAIN: what may be grouped thousands by points is refused, too.

    Raises ValueError with the kind of the value and the remedy, without the value.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{describe_kind(value)} is no number")  # noqa: TRY004 - of the file
    if not isinstance(value, str):
        if not math.isfinite(value):
            raise ValueError(f"{value} is no number; --null {_spell(value)} reads it as no value")
        return value
    text = value.strip()
    if decimal == UNCERTAIN:
        if _THOUSANDS.fullmatch(text):
            raise ValueError(_AMBIGUOUS)
        decimal = ""
    number = _read(text, decimal)
    if number is None or not math.isfinite(number):
        raise ValueError(_explain(text, decimal))
    return number


def _read(text: str, decimal: str) -> int | float | None:
    if decimal != "," and _PLAIN.fullmatch(text):
        return float(text) if re.fullmatch(_INTEGER, text) is None else int(text)
    if _GROUPED[decimal or "."].fullmatch(text) and (decimal or "." in text):
        plain = text.replace("." if decimal == "," else ",", "").replace(",", ".")
        return float(plain) if "." in plain else int(plain)
    if decimal == "," and (re.fullmatch(_INTEGER, text) or _DECIMAL_COMMA.fullmatch(text)):
        return float(text.replace(",", ".")) if "," in text else int(text)
    return None


def guess_decimal(values: Iterable[object], delimiter: str) -> str:
    """Comma where semicolons divide the cells, as Excel writes it, or where a value can be nothing else."""
    texts = [value.strip() for value in values if isinstance(value, str)]
    has_point = any(re.search(r"^[+-]?0?\.|\.\d{1,2}$|\.\d{4,}$", text) for text in texts)
    has_comma = any(re.search(r"^[+-]?0?,|,\d{1,2}$|,\d{4,}$", text) for text in texts)
    if delimiter != ";" or has_point:
        return "," if has_comma and not has_point else ""
    return "," if any("," in text for text in texts) else UNCERTAIN


def describe_kind(value: object) -> str:
    """The kind of a value, never the value itself: it may be a user's."""
    if value is None or value == "":
        return "an empty value"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return f"text of {len(str(value))} characters"


def _spell(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _explain(text: str, decimal: str) -> str:
    if text.lower() in _NAMES:
        return f"{text} is no number; --null {text} reads it as no value"
    if "_" in text:
        return "text with an underscore is no number; write the digits without it"
    if _GROUPED["."].fullmatch(text):
        return _AMBIGUOUS
    if decimal != "," and (_DECIMAL_COMMA.fullmatch(text) or _GROUPED[","].fullmatch(text)):
        return "a number with a decimal comma; say --decimal ,"
    if decimal == "," and _PLAIN.fullmatch(text):
        return "a number with a decimal point, where a comma is expected; say --decimal ."
    if text.endswith("%"):
        return "a percentage is no number; write it as a fraction"
    if _CURRENCY.search(text):
        return "an amount with its currency is no number; remove the currency and say --const currency=USD"
    if re.search(r"\d\s+\d", text):
        return "a number with spaces between its digits; remove them"
    return f"{describe_kind(text)} is no number; --null TEXT reads a text as no value"
