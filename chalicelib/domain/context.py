"""User ids and contexts, checked once for each request, before anything uses them."""

import unicodedata
from math import isfinite
from typing import Any, cast

import orjson

from chalicelib.domain.errors import InvalidInput, Problem, TooLarge

MAX_USER_ID_BYTES = 1024
"""In UTF-8."""
SHORT_USER_ID = MAX_USER_ID_BYTES // 4
"""In characters, of at most 4 bytes. What is printable has no control character and no lone surrogate."""
USER_ID_PATTERN = r"^([ -~]{1,1024}|[^\x00-\x1f\x7f-\x9f]{1,256})$"
"""At most 1,024 bytes of UTF-8, which no pattern can count: as many of ASCII, or a quarter of any."""
MAX_CONTEXT_BYTES = 32 * 1024
"""As JSON."""
MAX_DEPTH = 50


def check_user_id(value: object, field: str = "user_id") -> str:
    """``value``, if it can be hashed, stored and compared; else raises InvalidInput that names the fix."""
    if isinstance(value, str) and 0 < len(value) <= SHORT_USER_ID and value.isprintable():
        return value
    reason = _find_id_problem(value)
    if reason is not None:
        raise InvalidInput("invalid_user_id", f"{field} {reason}.", (Problem(field, reason),))
    return cast(str, value)


def check_context(value: object, field: str = "context") -> dict[str, Any]:
    """``value`` as a JSON object of ≤ 32 KB, nested ≤ 50 deep; raises InvalidInput or TooLarge.

    It refuses infinite numbers: 1e999 is valid JSON, which Python reads as infinity.
    """
    if not isinstance(value, dict):
        reason = f"must be a JSON object, not {_name_type(value)}"
        raise InvalidInput("invalid_context", f"{field} {reason}.", (Problem(field, reason),))
    # Usual contexts are far within the limits, which their JSON shows faster than a walk: orjson writes
    # infinity and NaN as null, and each level on lines of its own, two blanks deeper than the one before.
    try:
        data = orjson.dumps(value, None, orjson.OPT_INDENT_2)
    except orjson.JSONEncodeError:  # for example an integer of over 64 bits, or a lone surrogate
        walk_context(value, field)
    else:
        text = data.decode()  # to search in a text is faster
        if len(data) > _SMALL or "null" in text or _DEEP in text:
            walk_context(value, field)
    return value


_SMALL = MAX_CONTEXT_BYTES // 2
"""In these bytes, indented, there is no context that the walk finds too large: it counts less than double."""
_DEEP = " " * 20
_CONTAINERS = (dict, list)


def _find_id_problem(value: object) -> str | None:
    if not isinstance(value, str):
        fix = ': 1 and "1" and 1.0 would be three users; quote it' if _is_number(value) else ""
        return f"must be a string, not {_name_type(value)}{fix}"
    if not value:
        return "must not be empty"
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return "must be valid Unicode: it has a lone surrogate"
    if size > MAX_USER_ID_BYTES:
        return f"must be at most {MAX_USER_ID_BYTES} bytes of UTF-8, it has {size}"
    if any(unicodedata.category(character) == "Cc" for character in value):
        return "must not contain control characters"
    return None


def walk_context(context: dict[str, Any], field: str) -> None:
    """What `check_context` refuses. It counts bytes of compact JSON without escapes.

    Not recursive, since callers choose the depth.
    """
    size, level, depth = 0, cast(list[object], [context]), 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            reason = f"must be nested at most {MAX_DEPTH} deep"
            raise InvalidInput("invalid_context", f"{field} {reason}.", (Problem(field, reason),))
        next_level: list[object] = []
        for container in level:
            children = [*container, *container.values()] if isinstance(container, dict) else container
            size += 2 + len(children)  # type: ignore[arg-type] # a level holds dicts and lists only
            for child in children:  # type: ignore[attr-defined] # the same
                if isinstance(child, str):
                    size += 2 + (
                        len(child) if child.isascii() else len(child.encode("utf-8", "surrogatepass"))
                    )
                elif isinstance(child, _CONTAINERS):
                    next_level.append(child)
                elif isinstance(child, float) and not isfinite(child):
                    reason = "must hold no number beyond 1.8e308, and no NaN"
                    raise InvalidInput("invalid_context", f"{field} {reason}.", (Problem(field, reason),))
                else:
                    size += _number_size(child)
        if size > MAX_CONTEXT_BYTES:
            reason = f"must be at most {MAX_CONTEXT_BYTES} bytes of JSON"
            raise TooLarge("context_too_large", f"{field} {reason}.", (Problem(field, reason),))
        level = next_level


def _number_size(value: object) -> int:
    """Also of true, false and null."""
    if isinstance(value, int):
        return 1 + value.bit_length() * 3 // 10  # about its digits: writing out a huge one takes too long
    return 4


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _name_type(value: object) -> str:
    names = {bool: "a boolean", dict: "an object", list: "an array", type(None): "null"}
    return names.get(type(value), "a number" if _is_number(value) else "this")
