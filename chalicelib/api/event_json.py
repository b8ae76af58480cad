"""Parses a body of events so that an event which JSON cannot hold spoils no other."""

import json
import re
from typing import Any

from pydantic_core import from_json

from chalicelib.api.requests import parse_object

MAX_LEVELS = 64
"""More than an event may have, so an event that is cut here is still too deep."""
_TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")


def parse_events(raw: bytes) -> dict[str, Any]:
    """The body as an object; raises InvalidInput that locates the mistake, as `parse_object` does.

    NaN and numbers beyond 64 bits are floats. A byte that is not UTF-8, and a control character that is not
    escaped, is a lone surrogate. The verdict on an event refuses them.
    """
    try:
        data = from_json(raw, allow_inf_nan=False)
    except ValueError:
        data = _parse_leniently(raw)
    return data if isinstance(data, dict) else parse_object(raw, "body")


def _parse_leniently(raw: bytes) -> Any:
    """None for text that is no JSON in any way."""
    text = raw.decode("utf-8", "surrogateescape")
    try:
        return json.loads(_mend(text), parse_int=_parse_integer)
    except ValueError:
        return None


def _mend(text: str) -> str:
    """``text`` with at most MAX_LEVELS of nesting, and without control characters in strings."""
    pieces: list[str] = []
    depth = end = 0
    for token in _TOKENS.finditer(text):
        first = token[0][0]
        if first in "[{":
            depth += 1
            if depth == MAX_LEVELS + 1:
                pieces += text[end : token.start()], "0"
        elif first in "]}":
            depth -= 1
            if depth == MAX_LEVELS:
                end = token.end()
        elif depth <= MAX_LEVELS and _CONTROL.search(token[0]):
            pieces += text[end : token.start()], _CONTROL.sub(_make_lone_surrogate, token[0])
            end = token.end()
    return "".join(pieces) + (text[end:] if depth <= MAX_LEVELS else "")


def _make_lone_surrogate(control: re.Match[str]) -> str:
    return chr(0xDC00 + ord(control[0]))


def _parse_integer(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:  # over 4,300 digits
        return float(digits)
