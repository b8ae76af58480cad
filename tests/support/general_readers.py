"""The readers of the general form, for the plain interpreter: slow and obvious."""

import json
import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.support.general_values import (
    LONGEST_TEXT,
    MISSING,
    UNREADABLE,
    Json,
    Numbers,
    Special,
    Version,
    decimal_text,
    is_integer,
    is_number,
)


def read(reader: str | None, value: Json) -> Json:
    if value is None or value is MISSING:
        return MISSING
    if reader is None or value is UNREADABLE:
        return value
    return READERS[reader](value)


def read_each(reader: str | None, values: Json) -> Json:
    """Each element of a list by itself; null is read as nothing is."""
    if reader is None or reader == "json-list":
        return read(reader, values)
    if not isinstance(values, list):
        return values if values is MISSING else UNREADABLE
    return [UNREADABLE if element is None else read(reader, element) for element in values]


# Texts


def read_text(value: Json) -> Json:
    return value if isinstance(value, str) else UNREADABLE


def lower(value: Json) -> Json:
    return value.lower() if isinstance(value, str) else UNREADABLE


def fold(value: Json) -> Json:
    return value.lower().casefold() if isinstance(value, str) else UNREADABLE


def text_or_integer(value: Json) -> Json:
    return decimal_text(value) if is_integer(value) else read_text(value)


def canonical(value: Json) -> Json:
    if isinstance(value, bool):
        return str(value).lower()
    if is_integer(value):
        return decimal_text(value)
    if not is_number(value):
        return read_text(value)
    if not math.isfinite(value):
        return UNREADABLE
    return without_exponent(value)


def without_exponent(number: float) -> str:
    sign, digits, point = shortest_digits(number)
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if point < len(digits):
        return f"{sign}{digits[:point]}.{digits[point:]}"
    # All digits of the double, not only those that tell it from its neighbours.
    return str(int(number))


def shortest_digits(number: float) -> tuple[str, str, int]:
    """Sign, digits d and exponent n of the shortest 0.d times ten to the n that is this double."""
    mantissa, _, exponent = repr(abs(number)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(digits) - len(fraction) + int(exponent or 0)
    return "-" if number < 0 else "", digits.rstrip("0") or "0", point if digits else 1


def js_number_text(number: float) -> str:
    """ECMAScript, Number::toString."""
    try:
        number = float(number)
    except OverflowError:
        return "Infinity" if number > 0 else "-Infinity"
    if not math.isfinite(number):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(number, "NaN")
    sign, digits, point = shortest_digits(number)
    if -6 < point <= 21:
        text = digits.ljust(point, "0")
        return (
            sign + (text[: max(point, 0)] or "0") + ("." + "0" * -point + text[max(point, 0) :]).rstrip(".")
        )
    fraction = f".{digits[1:]}" if digits[1:] else ""
    return f"{sign}{digits[0]}{fraction}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def js_text(value: Json) -> Json:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return value
        case int() | float():
            return js_number_text(value)
        case dict():
            return "[object Object]"
        case list():
            parts = ["" if element is None else js_text(element) for element in value]
            return UNREADABLE if UNREADABLE in parts else ",".join(parts)
    return UNREADABLE


def is_nan(value: Json) -> bool:
    return isinstance(value, float) and math.isnan(value)


def js_unit(value: Json) -> Json:
    is_falsy = not isinstance(value, (list, dict)) and (not value or is_nan(value))
    return UNREADABLE if is_falsy else js_text(value)


def json_text(value: Json) -> Json:
    return value if isinstance(value, str) else compact_json(value)


def compact_json(value: Json) -> Json:
    match value:
        case None | bool() | str():
            return json.dumps(value, ensure_ascii=False)
        case int() | float():
            text = js_number_text(value)
            return UNREADABLE if text in ("NaN", "Infinity", "-Infinity") else text
        case list():
            parts = [compact_json(element) for element in value]
            return UNREADABLE if UNREADABLE in parts else "[" + ",".join(parts) + "]"
        case dict():
            members = {compact_json(name): compact_json(member) for name, member in value.items()}
            if UNREADABLE in members.values():
                return UNREADABLE
            return "{" + ",".join(f"{name}:{member}" for name, member in members.items()) + "}"
    return UNREADABLE


# Numbers


def typed(value: Json) -> Json:
    """Texts that are plain numbers are numbers."""
    if isinstance(value, (bool, int, float)):
        return value
    if not isinstance(value, str):
        return UNREADABLE
    if len(value) > LONGEST_TEXT or not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
        return value
    return float(value) if "." in value else int(value)


def typed_text(value: Json) -> Json:
    read_value = typed(value)
    if is_integer(read_value):
        return decimal_text(read_value)
    return read_value if isinstance(read_value, Special) else str(read_value)


def read_number(value: Json) -> Json:
    is_finite = is_number(value) and (isinstance(value, int) or math.isfinite(value))
    return value if is_finite else UNREADABLE


def number_within_doubles(value: Json) -> Json:
    return value if is_number(value) and abs(value) <= 2**53 else UNREADABLE


def number_or_text(value: Json) -> Json:
    if not isinstance(value, str):
        return read_number(value)
    if len(value) > LONGEST_TEXT or not DECIMAL.fullmatch(value):
        return UNREADABLE
    return int(value) if value.lstrip("+-").isdigit() else read_number(float(value))


DECIMAL = re.compile(r"[+-]?([0-9]+|[0-9]+\.|[0-9]+\.[0-9]+|\.[0-9]+)([eE][+-]?[0-9]+)?")


def number_with_comma(value: Json) -> Json:
    return number_or_text(value.strip().replace(",", ".") if isinstance(value, str) else value)


def integer_or_text(value: Json) -> Json:
    if isinstance(value, str) and re.fullmatch("[+-]?[0-9]+", value) and len(value) <= LONGEST_TEXT:
        return int(value)
    return value if is_integer(value) else UNREADABLE


def cut(seconds_of: int) -> Callable[[Json], Json]:
    def read_cut(value: Json) -> Json:
        seconds = integer_or_text(value)
        return seconds if seconds is UNREADABLE else seconds // seconds_of * seconds_of

    return read_cut


JS_BLANKS = (
    "\t\n\v\f\r \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029"
)
JS_BLANKS += "\u202f\u205f\u3000\ufeff"


def js_number(value: Json) -> Json:
    if isinstance(value, (bool, int, float)):
        return UNREADABLE if is_nan(value) else js_double(value)
    if isinstance(value, list):
        value = js_text(value)
    if not isinstance(value, str) or len(value.strip(JS_BLANKS)) > LONGEST_TEXT:
        return UNREADABLE
    text = value.strip(JS_BLANKS)
    if text in ("", "Infinity", "+Infinity", "-Infinity"):
        return float(text or 0)
    for base, prefix, digits in ((16, "0x", "[0-9a-f]"), (8, "0o", "[0-7]"), (2, "0b", "[01]")):
        if re.fullmatch(f"{prefix}{digits}+", text, re.IGNORECASE | re.ASCII):
            return js_double(int(text, base))
    return float(text) if DECIMAL.fullmatch(text) else UNREADABLE


def js_double(number: float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


# Versions

NUMBER = r"0|[1-9][0-9]*"
IDENTIFIER = rf"(?:{NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
LABELS = rf"(?:-({IDENTIFIER}(?:\.{IDENTIFIER})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
PARTIAL = re.compile(rf"({NUMBER})(?:\.({NUMBER}))?(?:\.({NUMBER}))?{LABELS}")
STRICT = re.compile(rf"({NUMBER})\.({NUMBER})\.({NUMBER}){LABELS}")


def read_version(value: Json, pattern: re.Pattern[str] = PARTIAL) -> Version | Special:
    parts = pattern.fullmatch(value) if isinstance(value, str) and len(value) <= LONGEST_TEXT else None
    if parts is None:
        return UNREADABLE
    *numbers, prerelease = parts.groups()
    identifiers = tuple(prerelease.split(".")) if prerelease else ()
    return Version(tuple(int(number or 0) for number in numbers), identifiers)


def lenient_version(value: Json) -> Version | Special:
    """`v` or `V` in front is dropped, missing parts are 0, a number is read as its text."""
    text = decimal_text(value) if is_number(value) else value
    if not isinstance(text, str) or len(text) > LONGEST_TEXT:
        return UNREADABLE
    return read_version(text[1:] if text[:1] in ("v", "V") else text)


def trimmed_version(value: Json) -> Version | Special:
    return read_version(value.strip(), STRICT) if isinstance(value, str) else UNREADABLE


def numbers_of(parts: list[str]) -> Numbers | Special:
    if not all(part.isascii() and part.isdigit() for part in parts):
        return UNREADABLE
    while parts and int(parts[-1]) == 0:
        parts = parts[:-1]
    return Numbers(tuple(map(int, parts)))


def dotted_numbers(value: Json) -> Numbers | Special:
    if is_number(value):
        value = canonical(value)
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        return UNREADABLE
    return numbers_of(value.split("-")[0].split("."))


def triple(value: Json) -> Numbers | Special:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        return UNREADABLE
    text = value.strip().split("-")[0].split("+")[0]
    for letter in "vV":
        text = text[1:] if text.startswith(letter) else text
    return numbers_of(text.split(".")[:3])


def padded(value: Json) -> Json:
    text = js_number_text(value) if is_number(value) else value
    if not isinstance(text, str) or not text:
        text = "0"
    if len(text) > LONGEST_TEXT:
        return UNREADABLE
    text = text[1:] if text.startswith("v") else text
    build = re.search("\\+[^\n\r\u2028\u2029]*\\Z", text)
    text = text[: build.start()] if build else text
    parts = text.replace(".", "-").split("-")
    parts = [*parts, "~"] if len(parts) == 3 else parts
    return "-".join(f"{part:>5}" if part.isascii() and part.isdigit() else part for part in parts)


# Times

INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-5][0-9])(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)


def read_instant(value: Json) -> int | Special:
    """Epoch microseconds; further digits of the second are cut off."""
    parts = INSTANT.fullmatch(value) if isinstance(value, str) else None
    if parts is None or len(parts[0]) > LONGEST_TEXT:
        return UNREADABLE
    date, time, fraction, sign, hours, minutes = parts.groups()
    try:
        written = datetime.strptime(f"{date} {time}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return UNREADABLE
    microseconds = (written - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    offset = (int(hours) * 60 + int(minutes)) * 60_000_000 if sign else 0
    return microseconds + int((fraction or "0")[:6].ljust(6, "0")) - (-offset if sign == "-" else offset)


def instant_in_utc(value: Json) -> int | Special:
    """What is not written is added: the time, its seconds, its offset."""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT - 20:
        return UNREADABLE
    text = value
    if re.fullmatch("[0-9-]{10}", text):
        text += "T00:00:00Z"
    if text[10:11] == " ":
        text = text[:10] + "T" + text[11:]
    if not re.search("[Zz]$|[+-][0-9]{2}:[0-9]{2}$", text):
        text += "Z"
    text = re.sub("^(.{10}[Tt][0-9]{2}:[0-9]{2})([Zz+-])", r"\1:00\2", text)
    return read_instant(text)


def epoch(milliseconds_from: float) -> Callable[[Json], Json]:
    def read_epoch(value: Json) -> Json:
        number = read_number(value)
        if number is UNREADABLE or abs(number) > 10**16:
            return UNREADABLE
        return round(number * (1_000 if abs(number) >= milliseconds_from else 1_000_000))

    return read_epoch


def text_or_epoch(milliseconds_from: float) -> Callable[[Json], Json]:
    return lambda value: read_instant(value) if isinstance(value, str) else epoch(milliseconds_from)(value)


TIME_READERS: dict[str, Callable[[Json], Json]] = {
    "instant": read_instant,
    "instant-utc": instant_in_utc,
    "instant-or-epoch": text_or_epoch(1e11),
    "instant-ms": text_or_epoch(0),
    "epoch-auto": lambda value: epoch(1e10)(number_or_text(value)),
}


def read_clock(reader: str | None, seconds: float) -> Json:
    """The operand `now` as a reader of times, of minutes or of days has it."""
    if reader in TIME_READERS:
        return round(seconds * 1_000_000)
    return read(reader, math.floor(seconds) if reader in ("minute", "day") else seconds)


# Others


def list_or_json(value: Json) -> Json:
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_constant=int)  # raises: NaN is not JSON
        except (ValueError, RecursionError):
            return UNREADABLE
    return value if isinstance(value, list) else UNREADABLE


def cbor(value: Json) -> Json:
    try:
        return "".join(map(chr, cbor_bytes(value)))
    except (ValueError, OverflowError):
        return UNREADABLE


def cbor_bytes(value: Json) -> list[int]:
    """RFC 8949: a head of kind and number, then the content."""
    match value:
        case None:
            return [0xF6]
        case bool():
            return [0xF5 if value else 0xF4]
        case str():
            data = list(value.encode())
            return [*cbor_head(3, len(data)), *data]
        case float() if not value.is_integer() or not -(2**64) <= value < 2**64:
            return cbor_float(value)
        case int() | float():
            return cbor_head(0, int(value)) if value >= 0 else cbor_head(1, -int(value) - 1)
        case list():
            return cbor_head(4, len(value)) + [byte for element in value for byte in cbor_bytes(element)]
        case dict():
            members = sorted((cbor_bytes(name), cbor_bytes(member)) for name, member in value.items())
            return cbor_head(5, len(value)) + [byte for pair in members for part in pair for byte in part]
    raise ValueError(value)


def cbor_head(kind: int, number: int) -> list[int]:
    if number <= 23:
        return [kind * 32 + number]
    for size, code in ((1, 24), (2, 25), (4, 26)):
        if number < 256**size:
            return [kind * 32 + code, *number.to_bytes(size, "big")]
    return [kind * 32 + 27, *number.to_bytes(8, "big")]  # or OverflowError


def cbor_float(number: float) -> list[int]:
    """The shortest of half, single and double precision that has this number."""
    if is_nan(number):
        return [0xF9, 0x7E, 0]
    for head, form in ((0xF9, "!e"), (0xFA, "!f")):
        try:
            data = struct.pack(form, number)
        except OverflowError:
            continue
        if struct.unpack(form, data)[0] == number:
            return [head, *data]
    return [0xFB, *struct.pack("!d", number)]


READERS: dict[str, Callable[[Json], Json]] = {
    "text": read_text,
    "nonempty": lambda value: read_text(value) or UNREADABLE,
    "lower": lower,
    "lower-if-text": lambda value: lower(value) if isinstance(value, str) else value,
    "fold": fold,
    "text-int": text_or_integer,
    "unit": lambda value: text_or_integer(value) or UNREADABLE,
    "canonical": canonical,
    "canonical-lower": lambda value: lower(canonical(value)),
    "canonical-fold": lambda value: fold(canonical(value)),
    "json-text": json_text,
    "json-text-nonempty": lambda value: json_text(value) or UNREADABLE,
    "js-text": js_text,
    "js-text-lower": lambda value: lower(js_text(value)),
    "js-unit": js_unit,
    "typed": typed,
    "typed-text": typed_text,
    "number": read_number,
    "number-finite": number_within_doubles,
    "number-or-text": number_or_text,
    "number-comma": number_with_comma,
    "integer": lambda value: value if is_integer(value) else UNREADABLE,
    "integer-text": integer_or_text,
    "minute": cut(60),
    "day": cut(86_400),
    "js-number": js_number,
    "semver": lenient_version,
    "semver-strict": lambda value: read_version(value, STRICT),
    "semver-trim": trimmed_version,
    "semver-partial": read_version,
    "dotted-numbers": dotted_numbers,
    "triple": triple,
    "padded": padded,
    **TIME_READERS,
    "boolean": lambda value: value if isinstance(value, bool) else UNREADABLE,
    "json-list": list_or_json,
    "cbor": cbor,
}
