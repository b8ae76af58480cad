"""Attributes that are taken, or declared, for one type here and another there."""

from collections.abc import Iterable, Iterator
from typing import Any

from chalicelib.domain.errors import Problem
from chalicelib.domain.targeting.document import Condition
from chalicelib.domain.targeting.values import looks_numeric

_FORMS = {
    "a number": {"number"},
    "a boolean": {"boolean"},
    "text": {"text"},
    "a version": {"text"},
    "a time": {"text", "number"},
    "a place": {"list", "object"},
    "an object": {"object", "list", "text"},
    "a list": {"list"},
    "a list or text": {"list", "text"},
    "something with a length": {"list", "object", "text"},
}
"""As what JSON each kind of attribute may come."""
_MEANINGS = frozenset({"a version", "a time", "a place", "an object"})
"""No attribute is two of them, though all may come as text."""
_OPERATORS = {
    **dict.fromkeys(("gt", "gte", "lt", "lte"), "a number"),
    **dict.fromkeys(("before", "after", "time_window"), "a time"),
    **dict.fromkeys(("starts_with", "ends_with", "match_regex"), "text"),
    **dict.fromkeys(("contains_all", "contains_any"), "a list or text"),
    "array_length": "something with a length",
    "semantic_version": "a version",
    "geo_distance": "a place",
    "json_path": "an object",
}
_DECLARED = {
    "string": "text",
    "number": "a number",
    "boolean": "a boolean",
    "array": "a list",
    "date": "a time",
    "json": "an object",
    "geo_coordinate": "a place",
    "semantic_version": "a version",
}


def conflicts(conditions: Iterable[Condition]) -> Iterator[Problem]:
    """The first condition that takes an attribute for something decides."""
    first: dict[str, tuple[str, str]] = {}
    for condition in conditions:
        for kind in _kinds(condition):
            known, path = first.setdefault(condition.attribute, (kind, condition.path))
            if not _fit(kind, known):
                place = "itself" if path == condition.path else path
                yield Problem(condition.path, f"takes {condition.attribute} for {kind}, {place} for {known}")
                break


def _fit(one: str, other: str) -> bool:
    apart = one != other and {one, other} <= _MEANINGS
    return not apart and bool(_FORMS[one] & _FORMS[other])


def _kinds(condition: Condition) -> list[str]:
    """What it declares the attribute to be, and what that must be for the condition to mean anything."""
    kinds = [_DECLARED.get(condition.attribute_type or ""), _OPERATORS.get(condition.operator)]
    if condition.operator in ("eq", "neq"):
        kinds.append(_value_kind(condition.value))
    elif condition.operator in ("in", "not_in"):
        inside = {_value_kind(value) for value in condition.value}
        kinds.append(inside.pop() if len(inside) == 1 else None)
    elif condition.operator == "between":
        bounds = condition.value, condition.additional_value
        kinds.append("a number" if all(map(looks_numeric, bounds)) else "a time")
    return [kind for kind in kinds if kind]


def _value_kind(value: Any) -> str | None:
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    return "text" if isinstance(value, str) else None
