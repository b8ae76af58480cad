"""Words for relations, readers and operands."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.domain.general_form.readers import LIST_READERS, UNREADABLE
from chalicelib.domain.general_form.readers.numbers import NUMBER_READERS
from chalicelib.domain.general_form.readers.texts import TEXT_READERS
from chalicelib.domain.general_form.readers.times import TIME_READERS
from chalicelib.domain.general_form.readers.versions import VERSION_READERS
from chalicelib.domain.timestamps import format_timestamp

Json = Any
MAX_VALUE = 60
"""Characters of a value that are shown."""
_SIGNS = {"eq": "==", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_RELATIONS: Mapping[str, tuple[str, str]] = {
    **{
        relation: (f"is {words}", f"is not {words}")
        for relation, words in (
            ("eq", "equal to"),
            ("ne", "other than"),
            *(("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">=")),
            ("in", "in"),
            ("between", "between"),
            ("cidr", "in the network"),
            ("subset", "within"),
            ("equals", "the same set as"),
            ("type", "of the type"),
            ("truthy", "true as in JavaScript"),
            ("logic-truthy", "true as in JSON Logic"),
            ("weekly", "in the weekly window"),
            ("readable", "readable"),
            *(("cast-eq", "equal to"), ("cast-ne", "other than")),
            *(("cast-lt", "<"), ("cast-le", "<="), ("cast-gt", ">"), ("cast-ge", ">=")),
            *((f"version-prefix-{name}", sign) for name, sign in _SIGNS.items()),
            ("version-range", "in the range"),
            ("caret", "compatible with"),
            ("tilde", "close to"),
            *(("js-eq", "=="), ("js-lt", "<"), ("js-le", "<="), ("js-gt", ">"), ("js-ge", ">=")),
        )
    },
    **{
        relation: (f"does {words}", f"does not {words}")
        for relation, words in (
            ("starts", "start with"),
            ("ends", "end with"),
            ("contains", "contain"),
            ("match", "match"),
            ("match-start", "match"),
            ("re2", "match"),
            ("meets", "share an element with"),
            ("superset", "contain all of"),
            ("modulo", "leave the divisor and remainder"),
            ("remainder", "leave the divisor and remainder"),
            *(("digest-in", "have one of the digests"), ("digest-list", "contain one of the digests")),
            *(
                ("digest-starts", "start with one of the digests"),
                ("digest-ends", "end with one of the digests"),
            ),
        )
    },
}
"""If it holds, and if it does not."""
READER_KINDS: Mapping[str, str] = {
    **dict.fromkeys(TEXT_READERS, "text"),
    **dict.fromkeys(NUMBER_READERS, "a number"),
    **dict.fromkeys(VERSION_READERS, "a version"),
    **dict.fromkeys(TIME_READERS, "a time"),
    **dict.fromkeys(LIST_READERS, "a list"),
    "boolean": "true or false",
    "typed": "text, a number, or true or false",
    "integer": "a whole number",
    "integer-text": "a whole number",
    "unit": "a unit: text that is not empty, or a whole number",
    "cbor": "a JSON value",
    "identity-1.0": "an object that identifies a user",
}
"""What each reader reads."""


def say_relation(relation: str, holds: bool) -> str:
    words = _RELATIONS.get(relation)
    if words is None:
        return f"{'meets' if holds else 'does not meet'} {relation}"
    return words[0] if holds else words[1]


def name_operand(operand: Json) -> str:
    """As people write it."""
    if isinstance(operand, str):
        return {"user": "the user's id", "context": "the context"}.get(operand, operand)
    if "attr" in operand:
        attribute = operand["attr"]
        return attribute if isinstance(attribute, str) else ".".join(attribute) or "the context"
    if "item" in operand:
        return f"{'.'.join(operand['item'])} of the element" if operand["item"] else "the element"
    if "const" in operand:
        return shorten(operand["const"])
    if "now" in operand:
        return _name_time(operand["now"])
    if "fn" in operand:
        return f"{operand['fn']}({', '.join(map(name_operand, operand['args']))})"
    if "flag" in operand:
        part = "" if operand["get"] in ("variant", "id") else f"the {operand['get']} of "
        steps = "".join(f".{step}" for step in operand.get("path", ()))
        return f"{part}flag {operand['flag']}{steps}"
    return " or ".join(dict.fromkeys(map(name_operand, operand["first"]))) or "nothing"


def _name_time(seconds: float) -> str:
    if not seconds:
        return "now"
    for unit, size in (("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"now {'-' if seconds < 0 else '+'} {abs(seconds) / size:g}{unit}"
    return f"now {'-' if seconds < 0 else '+'} {abs(seconds):g}s"


def shorten(value: Json) -> str:
    if value is UNREADABLE:  # a candidate of ``first`` has its own reader
        return "a value that cannot be read"
    text = json.dumps(value, ensure_ascii=False, default=str).encode(errors="backslashreplace").decode()
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"


def show_value(operand: Json, value: Json) -> str:
    """``value``, which is the operand's or compared with it."""
    if operand != "now" or type(value) not in (int, float):
        return shorten(value)
    try:
        return format_timestamp(value, "seconds")
    except (OverflowError, ValueError, OSError):  # no year from 1 to 9999
        return shorten(value)
