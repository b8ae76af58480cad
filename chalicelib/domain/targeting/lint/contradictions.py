"""Conditions of one ``and`` that no value of their attribute meets together.

Each is tried on the values at which its answer can change: those it names, and the next ones on both sides of
its bounds. If none of them meets all conditions, no value does.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import inf, nextafter
from typing import Any

from chalicelib.domain.errors import Problem
from chalicelib.domain.targeting import operators_v1, operators_v2
from chalicelib.domain.targeting.compiler import condition_matcher
from chalicelib.domain.targeting.document import Condition, Group
from chalicelib.domain.targeting.values import ERRORS, looks_numeric, moment

_NUMBERS = frozenset({"gt", "gte", "lt", "lte"})
_DATES = frozenset({"before", "after"})
_NAMED = frozenset({"eq", "in"})
_COMPARED = _NUMBERS | _DATES | _NAMED | {"neq", "not_in", "between"}


def contradictions(group: Group, is_v2: bool) -> Iterator[Problem]:
    """At most one per attribute, at the condition that rules the last value out."""
    together: dict[str, list[Condition]] = {}
    for condition in group.conditions if group.operator == "and" else ():
        if condition.operator in _COMPARED:
            together.setdefault(condition.attribute, []).append(condition)
    for attribute, conditions in together.items():
        for count in range(2, len(conditions) + 1):
            if _rule_each_other_out(conditions[:count], is_v2):
                yield Problem(conditions[count - 1].path, f"no {attribute} meets it and those before")
                break


def _rule_each_other_out(conditions: list[Condition], is_v2: bool) -> bool:
    try:
        candidates = list(_candidates(conditions, is_v2))
    except ERRORS:  # an operand that means nothing has a warning of its own
        return False
    matchers = [condition_matcher(condition, is_v2) for condition in conditions]
    return bool(candidates) and not any(
        all(
            matcher({condition.attribute: value}, 0.0)
            for matcher, condition in zip(matchers, conditions, strict=True)
        )
        for value in candidates
    )


def _candidates(conditions: list[Condition], is_v2: bool) -> Iterator[Any]:
    named = next((condition for condition in conditions if condition.operator in _NAMED), None)
    if named:
        yield from named.value if named.operator == "in" else [named.value]
        return
    ranges = [condition for condition in conditions if condition.operator not in ("neq", "not_in")]
    numeric = {_is_numeric(condition) for condition in ranges}
    if len(numeric) != 1:  # a timestamp may be both
        return
    for condition in ranges:
        bounds = [condition.value]
        if condition.operator == "between":
            bounds.append(condition.additional_value)
        for bound in bounds:
            yield from _around_number(bound) if numeric == {True} else _around_date(bound, is_v2)


def _is_numeric(condition: Condition) -> bool:
    return condition.operator in _NUMBERS or (
        condition.operator == "between"
        and all(map(looks_numeric, (condition.value, condition.additional_value)))
    )


def _around_number(bound: Any) -> list[float]:
    number = operators_v1.number(bound)
    return [nextafter(number, -inf), number, nextafter(number, inf)]


def _around_date(bound: Any, is_v2: bool) -> list[str]:
    at: datetime = operators_v2.instant(bound) if is_v2 else moment(bound)
    step = timedelta(microseconds=1)
    return [one.isoformat(timespec="microseconds") for one in (at - step, at, at + step)]
