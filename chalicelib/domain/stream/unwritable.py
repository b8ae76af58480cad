"""What in an event cannot be written as JSON, and where."""

import math
from typing import Any

from chalicelib.domain.stream.event import Refusal

_NOT_TEXT = "no valid text: a lone surrogate, a byte that is not UTF-8, or an unescaped control character"


def refuse_unwritable(data: Any) -> Refusal | None:
    """Names the first value that JSON cannot hold; None if there is none. ``data`` is not nested deeply."""
    problem = _find(data, "")
    if problem is None:
        return None
    path, reason = problem
    return Refusal("invalid_json", f"{path or 'The event'} {reason}.", path)


def _find(value: Any, path: str) -> tuple[str, str] | None:
    if isinstance(value, dict):
        for key, child in value.items():
            if not _is_text(key):
                return path, f"has a key that is {_NOT_TEXT}"
            if problem := _find(child, f"{path}.{key}" if path else key):
                return problem
    elif isinstance(value, list):
        for index, child in enumerate(value):
            if problem := _find(child, f"{path}[{index}]"):
                return problem
    else:
        reason = _explain(value)
        return (path, reason) if reason else None
    return None


def _explain(value: object) -> str | None:
    if isinstance(value, str):
        return None if _is_text(value) else f"is {_NOT_TEXT}"
    if isinstance(value, float) and math.isnan(value):
        return "is NaN, which JSON does not have"
    if isinstance(value, float) and math.isinf(value):
        return "is Infinity or a number beyond 64 bits, which JSON does not have"
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return "is an integer beyond 64 bits"
    return None


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
