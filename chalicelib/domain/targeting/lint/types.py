"""Warnings about attributes that two conditions read, or declare, as types that exclude each other."""

from collections.abc import Iterable, Iterator
from typing import Any

from chalicelib.domain.errors import Problem
from chalicelib.domain.targeting.document import Condition
from chalicelib.domain.targeting.values import is_number_v2, looks_numeric

_JSON_TYPES = {
    "a number": {"number"},
    "a boolean": {"boolean"},
    "text": {"text"},
    "a version": {"text"},
    "a version or number": {"text", "number"},
    "a time": {"text", "number"},
    "a place": {"list", "object"},
    "an object": {"object", "list", "text"},
    "a list": {"list"},
    "a list or text": {"list", "text"},
    "something with a length": {"list", "object", "text"},
}
"""The JSON types that each kind of attribute may have."""
_EXCLUSIVE_KINDS = frozenset({"a version", "a version or number", "a time", "a place", "an object"})
"""No attribute is two of these, although most may be JSON text."""
_OPERATOR_KINDS = {
    **dict.fromkeys(("gt", "gte", "lt", "lte"), "a number"),
    **dict.fromkeys(("before", "after", "time_window"), "a time"),
    **dict.fromkeys(("starts_with", "ends_with", "match_regex"), "text"),
    **dict.fromkeys(("contains_all", "contains_any"), "a list or text"),
    "array_length": "something with a length",
    "semantic_version": "a version",
    "geo_distance": "a place",
    "json_path": "an object",
}
_DECLARED_KINDS = {
    "string": "text",
    "number": "a number",
    "boolean": "a boolean",
    "array": "a list",
    "date": "a time",
    "json": "an object",
    "geo_coordinate": "a place",
    "semantic_version": "a version",
}


def find_type_conflicts(conditions: Iterable[Condition], is_v2: bool) -> Iterator[Problem]:
    """Compares each condition with the first one about the same attribute."""
    first: dict[str, tuple[str, str]] = {}
    for condition in conditions:
        for kind in _list_kinds(condition, is_v2):
            first_kind, path = first.setdefault(condition.attribute, (kind, condition.path))
            if not _is_compatible(kind, first_kind):
                other = "its attribute_type says" if path == condition.path else f"{path} reads it as"
                message = f"reads {condition.attribute} as {kind}, but {other} {first_kind}"
                yield Problem(condition.path, message)
                break


def _is_compatible(a: str, b: str) -> bool:
    if a != b and {a, b} <= _EXCLUSIVE_KINDS:
        return False
    return bool(_JSON_TYPES[a] & _JSON_TYPES[b])


def _list_kinds(condition: Condition, is_v2: bool) -> list[str]:
    """The kind that the condition declares, and the kinds that its operator and operand need."""
    kinds = [_DECLARED_KINDS.get(condition.attribute_type or ""), _OPERATOR_KINDS.get(condition.operator)]
    if condition.operator in ("eq", "neq"):
        kinds.append(_kind_of_value(condition.value))
    elif condition.operator in ("in", "not_in"):
        listed = {_kind_of_value(value) for value in condition.value}
        kinds.append(listed.pop() if len(listed) == 1 else None)
    elif condition.operator == "between":
        is_number = is_number_v2 if is_v2 else looks_numeric
        bounds = condition.value, condition.additional_value
        kinds.append("a number" if all(map(is_number, bounds)) else "a time")
    if is_v2:
        kinds = ["a version or number" if kind == "a version" else kind for kind in kinds]
    return [kind for kind in kinds if kind]


def _kind_of_value(value: Any) -> str | None:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    return "text" if isinstance(value, str) else None
