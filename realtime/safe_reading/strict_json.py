"""JSON that says one thing only: no field twice, no NaN, no endless number, no deep nesting."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NoReturn

MAX_DEPTH = 100
MAX_DIGITS = 1_000
"""Of a number. A double has at most 309 before its point."""
NUMBER_RULE = f"has a number of over {MAX_DIGITS:,} digits; quote it, if it is text"
DEPTH_RULE = f"is nested too deeply, or contains itself; {MAX_DEPTH} levels are allowed"
_TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{}:]|[^\s\[\]{}:,"]++', re.DOTALL)


class _Mistake(ValueError):
    pass


def parse_json(text: str, *, keep_numbers: bool = False, allow_constants: bool = False) -> Any:
    """Raises ValueError, which names the line. ``keep_numbers``: as the text that they are.

    ``allow_constants``: NaN and Infinity, for a caller that names their place.
    """
    integer, fraction = (_check_number, _check_number) if keep_numbers else (read_integer, read_float)
    try:
        value = json.loads(
            text,
            object_pairs_hook=build_object,
            parse_int=integer,
            parse_float=fraction,
            parse_constant=float if allow_constants else _refuse_constant,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}, column {error.colno}: is not JSON: {error.msg}") from None
    except _Mistake as error:
        line = find_line(text)
        raise ValueError(f"line {line}: {error}" if line else str(error)) from None
    except RecursionError:
        raise ValueError(DEPTH_RULE) from None
    check_depth(value)
    return value


def build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A hook for `json`. Raises ValueError for a field that is written twice."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = sorted(name for name, _ in pairs)
        twice = next(name for name, following in pairwise(names) if name == following)
        raise _Mistake(f"{twice!r} is written twice; keep one")
    return fields


def check_depth(value: Any) -> None:
    """Raises ValueError for more than MAX_DEPTH levels."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for item in level for child in _list_containers(item)]
        if not level:
            return
    raise ValueError(DEPTH_RULE)


def find_line(text: str) -> int | None:
    """Of the first mistake that `parse_json` refuses beside what `json` does. It takes its time."""
    line = end = 0
    stack: list[set[str] | None] = []
    last = ""
    for token in _TOKENS.finditer(text):
        line += text.count("\n", end, token.start())
        end = token.start()
        first = token[0][0]
        if first == ":" and stack and stack[-1] is not None:
            name = _unescape(last)
            if name in stack[-1]:
                return line + 1
            stack[-1].add(name)
        elif first in "{[":
            stack.append(set() if first == "{" else None)
        elif first in "}]" and stack:
            stack.pop()
        elif first not in '"tfn' and (len(token[0]) > MAX_DIGITS or token[0].endswith(("NaN", "Infinity"))):
            return line + 1
        last = token[0]
    return None


def _list_containers(value: Any) -> Iterator[Any]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (child for child in children if isinstance(child, dict | list))


def _unescape(token: str) -> str:
    try:
        return str(json.loads(token))
    except ValueError:
        return token


def _check_number(digits: str) -> str:
    if len(digits) > MAX_DIGITS:
        raise _Mistake(NUMBER_RULE)
    return digits


def read_integer(digits: str) -> int:
    return int(_check_number(digits))


def read_float(digits: str) -> float:
    return float(_check_number(digits))


def _refuse_constant(name: str) -> NoReturn:
    raise _Mistake(f"{name} is not JSON; write a number, or null")
