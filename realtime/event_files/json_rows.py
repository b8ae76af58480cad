"""JSON as people export it: a value per line, one array, or values one after another."""

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from realtime.event_files.rows import FileError, Row
from realtime.event_files.text import MAX_LINE, read_lines
from realtime.safe_reading.strict_json import DEPTH_RULE, build_object, check_depth, read_float, read_integer

WRAPPERS = ("events", "results", "batch", "data", "items", "rows")
"""Fields of an object in which an API answers a list of events."""
OF_EVENTS = {"event", "event_type", "event_name", "type", "timestamp"}
CHUNK = 1 << 16
_SPACE = " \t\r\n"
_NOT_AN_OBJECT = "an event must be a JSON object"


class JsonDecoder:
    """Accepts NaN and Infinity, so that the row that has them can be named: JSON does not know them."""

    def __init__(self, null_texts: Iterable[str]) -> None:
        self._null_texts = frozenset(null_texts)
        self._decoder = json.JSONDecoder(
            parse_constant=self._parse_constant,
            parse_int=read_integer,
            parse_float=read_float,
            object_pairs_hook=build_object,
        )
        self._has_constant = False

    def decode(self, text: str, start: int = 0) -> tuple[Any, int, str]:
        """The value that begins at ``start``, where it ends, and what is wrong with it.

        Raises ValueError or RecursionError for what is not JSON.
        """
        self._has_constant = False
        value, end = self._decoder.raw_decode(text, start)
        check_depth(value)
        column = find_constant(value) if self._has_constant else None
        if column is None:
            return value, end, ""
        return (
            value,
            end,
            f"column {column[0]}: {column[1]} is no number; --null {column[1]} reads it as no value",
        )

    def _parse_constant(self, name: str) -> float | None:
        if name in self._null_texts:
            return None
        self._has_constant = True
        return float(name)


def find_constant(value: Any, path: str = "") -> tuple[str, str] | None:
    """The path and the spelling of the first number that JSON does not know."""
    if isinstance(value, float) and not math.isfinite(value):
        name = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return path or "(none)", name
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        if hit := find_constant(item, f"{path}.{key}" if path else str(key)):
            return hit
    return None


def read_json(head: str, text: TextIO, name: str, decoder: JsonDecoder) -> Iterator[Row]:
    """``head`` is what was read of the text already."""
    head += text.readline(MAX_LINE)
    first_line = head.splitlines()[0] if head.strip() else ""
    if _is_whole(first_line, decoder):
        yield from _read_json_lines(read_lines(head, text, name), decoder)
    else:
        yield from _read_values(head, text, name, decoder)


def _is_whole(line: str, decoder: JsonDecoder) -> bool:
    """Whether a line is one value, so that others will be too. One broken line is a row's problem."""
    stripped = line.strip()
    if stripped.startswith("["):
        return False
    try:
        _, end, _ = decoder.decode(stripped)
    except RecursionError:
        return True
    except ValueError:
        return stripped[-1:] not in ("{", "[", ",", "")
    return end == len(stripped)


def _read_json_lines(lines: Iterable[str], decoder: JsonDecoder) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped:
            continue
        place = f"row {number}"
        try:
            value, end, problem = decoder.decode(stripped)
        except (ValueError, RecursionError) as error:
            message = DEPTH_RULE if isinstance(error, RecursionError) else str(error)
            yield Row(str(number), place, {}, f"not JSON: {message}")
            continue
        if end < len(stripped):
            yield Row(str(number), place, {}, "not JSON: has more than one value in a line")
        else:
            yield from _unwrap(value, number, place, problem)


def _unwrap(value: Any, number: int, place: str, problem: str) -> Iterator[Row]:
    """An object, or the events of a list inside it."""
    if not isinstance(value, dict):
        yield Row(str(number), place, {}, _NOT_AN_OBJECT)
        return
    wrapped = next((name for name in WRAPPERS if _is_list_of_objects(value.get(name))), None)
    if wrapped is None or value.keys() & OF_EVENTS:
        yield Row(str(number), place, value, problem)
        return
    for index, item in enumerate(value[wrapped], 1):
        yield Row(f"{number}.{index}", f"{place}, {wrapped} {index}", item, problem)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _read_values(buffer: str, text: TextIO, name: str, decoder: JsonDecoder) -> Iterator[Row]:
    number, position, is_array, is_closed = 0, 0, False, True
    while True:
        position, buffer = _skip(buffer, position, text)
        if position >= len(buffer):
            break
        if buffer[position] == "[" and number == 0 and not is_array:
            is_array, is_closed, position = True, False, position + 1
        elif buffer[position] == "]" and not is_closed:
            is_closed, position = True, position + 1
        else:
            value, position, buffer, problem = _decode_next(buffer, position, text, name, number, decoder)
            number += 1
            yield from _unwrap(value, number, f"row {number}", problem)
    if not is_closed:
        raise FileError(f"{name}: cannot be read: the array ends after row {number} without a bracket")


def _skip(buffer: str, position: int, text: TextIO) -> tuple[int, str]:
    """To the next character that is neither space nor a comma between values."""
    while True:
        while position < len(buffer) and buffer[position] in _SPACE + ",":
            position += 1
        if position < len(buffer):
            return position, buffer
        position, buffer = 0, text.read(CHUNK)
        if not buffer:
            return position, buffer


def _decode_next(
    buffer: str, position: int, text: TextIO, name: str, number: int, decoder: JsonDecoder
) -> tuple[Any, int, str, str]:
    """Reads on until the value is whole, by twice as much each time."""
    size = CHUNK
    while True:
        try:
            value, end, problem = decoder.decode(buffer, position)
        except (ValueError, RecursionError) as error:
            more = text.read(size) if len(buffer) - position < MAX_LINE else ""
            if isinstance(error, RecursionError) or not more:
                raise FileError(f"{name}: row {number + 1}: not JSON: {_shorten(error)}") from None
            buffer, position, size = buffer[position:] + more, 0, size * 2
        else:
            return value, end, buffer, problem


def _shorten(error: BaseException) -> str:
    """The place in a buffer is not that in the file."""
    if isinstance(error, RecursionError):
        return DEPTH_RULE
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)
