"""Why a condition cannot use an attribute's value at all; a value that only compares otherwise has no reason.

For ``explain``, not for decisions. It reads values with the readers of the operators themselves.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from chalicelib.domain.targeting import json_path, operators_v1, operators_v2, semver
from chalicelib.domain.targeting.array_length import measure
from chalicelib.domain.targeting.document import Condition, InvalidOperand
from chalicelib.domain.targeting.geo import read_point
from chalicelib.domain.targeting.regex import engine
from chalicelib.domain.targeting.values import (
    ERRORS,
    is_number_v2,
    looks_numeric,
    read_number_v1,
    read_number_v2,
    read_text_v1,
    read_text_v2,
    read_time_v1,
    read_time_v2,
)

Read = Callable[[Any], Any]


def find_unusable_value(condition: Condition, value: Any, is_v2: bool) -> str | None:
    """What keeps the condition from comparing ``value``, such as "cannot be read as a time"; else None."""
    try:
        (operators_v2.build if is_v2 else operators_v1.build)(condition, "")
    except InvalidOperand as error:
        return f"is compared with a value that {error}"
    null_readers = operators_v2.NULL_READERS if is_v2 else operators_v1.NULL_READERS
    if value is None and condition.operator not in null_readers:
        return "is null"
    if value is None and condition.operator != "json_path":
        return None
    kind, read = (_find_reader_v2 if is_v2 else _find_reader_v1)(condition)
    try:
        readable = read(value)
    except ERRORS:
        return f"cannot be read as {kind}"
    if isinstance(readable, datetime):
        return _find_offset_conflict(readable, condition)
    if condition.operator == "match_regex":
        limit = engine.find_length_limit(condition.value)
        if limit is not None and len(readable) > limit:
            return f"is longer than the {limit} characters in which this pattern is searched"
    return None


def _find_offset_conflict(time: datetime, condition: Condition) -> str | None:
    """Version 1.0 cannot compare a time that has an offset with one that has none."""
    for bound in (condition.value, condition.additional_value)[: 1 + (condition.operator == "between")]:
        try:
            has_offset = read_time_v1(bound).tzinfo is not None
        except ERRORS:
            return "cannot be read as a number"
        if has_offset != (time.tzinfo is not None):
            return "cannot be compared with the condition's value: only one of them has an offset"
    return None


def _find_reader_v1(condition: Condition) -> tuple[str, Read]:
    operator = condition.operator
    if operator in ("gt", "gte", "lt", "lte"):
        return "a number", read_number_v1
    if operator == "between":
        bounds = condition.value, condition.additional_value
        if all(map(looks_numeric, bounds)):
            return "a number", lambda value: float(value) if looks_numeric(value) else read_time_v1(value)
        return "a time", read_time_v1
    if operator in ("before", "after"):
        return "a time", read_time_v1
    if operator == "semantic_version":
        return "a version", lambda value: _require(semver.read_key_v1(value))
    if operator == "geo_distance":
        return "coordinates", lambda value: read_point(value, read_number_v1)
    if operator == "match_regex":
        return "text", read_text_v1
    return _find_reader(operator)


def _find_reader_v2(condition: Condition) -> tuple[str, Read]:
    operator = condition.operator
    if operator in ("gt", "gte", "lt", "lte"):
        return "a number", read_number_v2
    if operator == "between" and all(map(is_number_v2, (condition.value, condition.additional_value))):
        return "a number", read_number_v2
    if operator in ("between", "before", "after", "time_window"):
        return "a time", read_time_v2
    if operator == "semantic_version":
        return "a version", lambda value: _require(semver.read_key_v2(value))
    if operator == "geo_distance":
        return "coordinates", lambda value: read_point(value, read_number_v2)
    if operator in ("starts_with", "ends_with", "match_regex"):
        return "text", read_text_v2
    if operator in ("contains", "not_contains"):
        return _find_container_reader(condition.value)
    if operator == "percentage_bucket":
        return "a unit: text that is not empty, or a whole number", lambda value: _require(
            (type(value) in (str, int) and value != "") or None
        )
    return _find_reader(operator)


def _find_container_reader(wanted: Any) -> tuple[str, Read]:
    """A text or number that holds text, or a list: only a list can hold anything else."""
    try:
        read_text_v2(wanted)
    except InvalidOperand:
        return "a list", lambda value: _require(value if isinstance(value, list) else None)
    return "text or a list", lambda value: value if isinstance(value, list) else read_text_v2(value)


def _find_reader(operator: str) -> tuple[str, Read]:
    """Operators that read values alike in both versions."""
    if operator in ("contains_all", "contains_any"):
        return "a list or text", lambda value: _require(value if isinstance(value, (list, str)) else None)
    if operator == "array_length":
        return "a list, an object or text", measure
    if operator == "json_path":
        return "an object or a list", lambda value: _require(json_path.read_document(value))
    return "anything", lambda value: value


def _require(value: Any) -> Any:
    if value is None:
        raise InvalidOperand("cannot be read")
    return value
