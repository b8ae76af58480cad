"""Warnings about conditions that are meant for each element of a list, but compare the list as a whole."""

from collections.abc import Iterable, Iterator
from typing import Any

from chalicelib.domain.errors import Problem
from chalicelib.domain.targeting.document import Condition, Group

_LIST_READERS = frozenset({"contains_all", "contains_any", "array_length"})
_TEXT_READERS = frozenset({"starts_with", "ends_with", "match_regex"})


def find_list_negations(
    groups: Iterable[Group], conditions: Iterable[Condition], is_v2: bool
) -> Iterator[Problem]:
    """``groups`` are those of the rules themselves; ``conditions`` are all of the document."""
    lists, others = set[str](), set[str]()
    for condition in conditions:
        if condition.attribute_type == "array" or condition.operator in _LIST_READERS:
            lists.add(condition.attribute)
        if condition.attribute_type not in (None, "array") or condition.operator in _TEXT_READERS:
            others.add(condition.attribute)
    for group in groups:
        yield from _lint_group(group, lists - others, is_v2, is_negated=False)


def _lint_group(group: Group, lists: set[str], is_v2: bool, *, is_negated: bool) -> Iterator[Problem]:
    is_negated ^= group.operator == "not"
    for condition in group.conditions:
        if condition.attribute in lists and (effect := _describe(condition, is_v2, is_negated=is_negated)):
            yield Problem(condition.path, effect)
    for inner in group.groups:
        yield from _lint_group(inner, lists, is_v2, is_negated=is_negated)


def _describe(condition: Condition, is_v2: bool, *, is_negated: bool) -> str:
    """What a negated condition does to a list; empty if that is what it says."""
    attribute, operator = condition.attribute, condition.operator
    instead = "use contains_any in this `not`" if is_negated else "write a `not` group with contains_any"
    if operator == "not_contains" and not is_negated:
        if is_v2 and isinstance(condition.value, list):
            return f"looks for `value` as one element of {attribute}, not for its parts: {instead}"
        if not is_v2 and condition.value != "":
            return f"searches {attribute} as one text, so parts of elements count as well: {instead}"
    if operator in (("eq", "in") if is_negated else ("neq", "not_in")):
        values = condition.value if operator in ("in", "not_in") else [condition.value]
        if any(_is_scalar(value) for value in values):
            return f"compares {attribute} as a whole: a list that holds the value matches, too: {instead}"
    return ""


def _is_scalar(value: Any) -> bool:
    return value is not None and not isinstance(value, (list, dict))
