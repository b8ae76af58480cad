"""Warnings about conditions of one ``and`` that no value meets together, such as ``gt 5`` and ``lt 3``.

Only some values need a try: those that a condition lists, and each bound with its neighbours, where an answer
can change. If none of them meets all conditions, no value does.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, timedelta
from math import floor, inf, nextafter
from typing import Any

from chalicelib.domain.errors import Problem
from chalicelib.domain.targeting.document import Condition, Group
from chalicelib.domain.targeting.value_test import build_value_test
from chalicelib.domain.targeting.values import (
    ERRORS,
    is_number_v2,
    looks_numeric,
    read_number_v1,
    read_number_v2,
    read_time_v1,
    read_time_v2,
)

_NUMBERS = frozenset({"gt", "gte", "lt", "lte"})
_DATES = frozenset({"before", "after"})
_LISTS = frozenset({"eq", "in"})
_COMPARED = _NUMBERS | _DATES | _LISTS | {"neq", "not_in", "between"}


def find_contradictions(group: Group, is_v2: bool) -> Iterator[Problem]:
    """At most one for each attribute, at the first condition that leaves no value."""
    by_attribute: dict[str, list[Condition]] = {}
    for condition in group.conditions if group.operator == "and" else ():
        if condition.operator in _COMPARED:
            by_attribute.setdefault(condition.attribute, []).append(condition)
    for attribute, conditions in by_attribute.items():
        for count in range(2, len(conditions) + 1):
            if _is_contradiction(conditions[:count], is_v2):
                yield Problem(
                    conditions[count - 1].path,
                    f"no value of {attribute} meets this condition and those before it",
                )
                break


def _is_contradiction(conditions: list[Condition], is_v2: bool) -> bool:
    try:
        candidates = list(_list_candidates(conditions, is_v2))
    except ERRORS:  # an operand that cannot be used has its own warning
        return False
    tests = [build_value_test(condition, is_v2) for condition in conditions]
    return bool(candidates) and not any(all(test(value, 0.0) for test in tests) for value in candidates)


def _list_candidates(conditions: list[Condition], is_v2: bool) -> Iterator[Any]:
    listing = next((condition for condition in conditions if condition.operator in _LISTS), None)
    if listing:
        yield from listing.value if listing.operator == "in" else [listing.value]
        return
    ranges = [condition for condition in conditions if condition.operator not in ("neq", "not_in")]
    numeric = {_is_numeric(condition, is_v2) for condition in ranges}
    if len(numeric) != 1:  # a timestamp may be both a number and a date
        return
    for condition in ranges:
        bounds = [condition.value]
        if condition.operator == "between":
            bounds.append(condition.additional_value)
        for bound in bounds:
            around = _list_numbers_around if numeric == {True} else _list_dates_around
            yield from around(bound, is_v2)


def _is_numeric(condition: Condition, is_v2: bool) -> bool:
    is_number = is_number_v2 if is_v2 else looks_numeric
    return condition.operator in _NUMBERS or (
        condition.operator == "between" and all(map(is_number, (condition.value, condition.additional_value)))
    )


def _list_numbers_around(bound: Any, is_v2: bool) -> Iterator[int | float]:
    """The doubles around the bound, and in version 2.0, which compares integers exactly, the integers."""
    number = read_number_v2(bound) if is_v2 else read_number_v1(bound)
    if is_v2:
        yield from (floor(number) - 1, number, floor(number) + 1)
    if abs(number) <= sys.float_info.max:
        yield from (nextafter(number, -inf), float(number), nextafter(number, inf))


def _list_dates_around(bound: Any, is_v2: bool) -> list[str]:
    """A microsecond before and after; in version 2.0 a nanosecond."""
    time, nanoseconds = read_time_v2(bound) if is_v2 else (read_time_v1(bound), 0)
    step = timedelta(microseconds=1)
    if not is_v2:
        return [date.isoformat(timespec="microseconds") for date in (time - step, time, time + step)]
    texts = []
    for difference in (-1, 0, 1):
        carry, rest = divmod(nanoseconds + difference, 1000)
        date = (time + carry * step).astimezone(UTC).replace(tzinfo=None)
        texts.append(f"{date.isoformat(timespec='microseconds')}{rest:03}Z")
    return texts
