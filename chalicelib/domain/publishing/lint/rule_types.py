"""Warnings about attributes that two tests of a definition take for types that exclude each other."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from chalicelib.domain.errors import Problem
from chalicelib.domain.publishing.lint.conditions import get_operator
from chalicelib.domain.publishing.lint.contradictions import name_subject
from chalicelib.domain.publishing.lint.written_rules import Condition, Json

_TEXT, _NUMBER, _BOOLEAN = "text", "a number", "a boolean"
_OF_READERS = {
    **dict.fromkeys(("text", "nonempty", "fold", "lower", "semver-strict", "semver-trim", "instant"), _TEXT),
    **dict.fromkeys(("number", "number-finite", "integer"), _NUMBER),
    "boolean": _BOOLEAN,
}
"""Readers of one JSON type."""
_OF_OPERATORS = {
    **dict.fromkeys(("starts_with", "ends_with", "contains", "not_contains"), _TEXT),
    **dict.fromkeys(("matches", "not_matches", "re2", "cidr", "not_cidr", "before", "after"), _TEXT),
    **dict.fromkeys(("modulo", "remainder"), _NUMBER),
}
_OF_LISTS = frozenset({"contains_any", "contains_all", "subset_of", "same_as"})
_OF_VALUES = _OF_LISTS | {"eq", "neq", "in", "not_in", "gt", "gte", "lt", "lte", "between"}
"""Operators that take the type of what is written."""


class _Reading(NamedTuple):
    kind: str
    path: str


def find_type_conflicts(conditions: Iterable[Condition]) -> Iterator[Problem]:
    """Compares each test with the first one about the same attribute. Of a list, its elements count."""
    known = [condition for condition in conditions if condition.is_attribute_test]
    first: dict[str, _Reading] = {}
    for test in known:
        kind, name = _find_kind(test), name_subject(test)
        if kind is None:
            continue
        reading = first.setdefault(name, _Reading(kind, test.path))
        if reading.kind != kind:
            yield Problem(
                test.path, f"takes {name} for {kind}, but {reading.path} takes it for {reading.kind}"
            )
    yield from _find_whole_lists(known)


def _find_kind(test: Condition) -> str | None:
    """None if it takes several types."""
    operator, reader = get_operator(test), test.written.get("as")
    value = test.written[operator]
    if test.written.get("list") == "whole":
        return None
    if reader is not None:
        return _OF_READERS.get(reader)
    if operator in _OF_OPERATORS:
        return _OF_OPERATORS[operator]
    if operator not in _OF_VALUES:
        return None
    kinds = {_find_kind_of_value(each) for each in (value if isinstance(value, list) else [value])}
    return kinds.pop() if len(kinds) == 1 else None


def _find_kind_of_value(value: Json) -> str | None:
    if isinstance(value, bool):
        return _BOOLEAN
    if isinstance(value, (int, float)):
        return _NUMBER
    return _TEXT if isinstance(value, str) else None


def _find_whole_lists(conditions: list[Condition]) -> Iterator[Problem]:
    """``list: whole`` of an attribute that others know as a list, compared with what is no list."""
    lists: dict[str, str] = {}
    for condition in conditions:
        if get_operator(condition) in _OF_LISTS:
            lists.setdefault(name_subject(condition), condition.path)
    for test in conditions:
        operator, path = get_operator(test), lists.get(name_subject(test), "")
        if not path or operator in _OF_LISTS or test.written.get("list") != "whole":
            continue
        value = test.written[operator]
        values = value if operator in ("in", "not_in") else [value]
        if not any(isinstance(each, (list, dict)) for each in values):
            message = f"compares a list with what is none, as {path} knows it as a list: remove list: whole"
            yield Problem(f"{test.path}.list", message)
