"""The operators of version 1.0, exactly as the platform's backend evaluates them (dialect D of its corpus).

A builder reads the operand once and returns a test of attribute values. Tests may raise any of values.ERRORS
on odd attributes: that is "no match". Null never reaches a test, except those of NULL_READERS.
"""

import hashlib
import operator
from collections.abc import Callable
from math import inf, isnan, nan
from typing import Any

from chalicelib.domain.targeting import geo, semver
from chalicelib.domain.targeting.document import Condition, Unusable
from chalicelib.domain.targeting.json_path import json_path
from chalicelib.domain.targeting.values import (
    ERRORS,
    Choices,
    Test,
    always,
    looks_numeric,
    moment,
    never,
    text_form,
)
from chalicelib.domain.targeting.window import time_window

NULL_READERS = frozenset({"eq", "neq", "time_window", "percentage_bucket", "json_path"})

Compare = Callable[[Any, Any], bool]
COMPARISONS: dict[str, Compare] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_DISTANCES = COMPARISONS | {"eq": lambda distance, radius: abs(distance - radius) < 0.01}


def build(condition: Condition, _hash_prefix: str = "") -> Test:
    """Raises Unusable for an operand with which the condition never holds."""
    try:
        return BUILDERS[condition.operator](condition)
    except Unusable:
        raise
    except ERRORS as error:
        raise Unusable(f"cannot be used with {condition.operator}: {error}") from None


def number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise Unusable("must be a number that fits a double, or text of one") from None


def _eq(condition: Condition) -> Test:
    wanted = condition.value
    return lambda value, _now: bool(value == wanted)


def _neq(condition: Condition) -> Test:
    wanted = condition.value
    return lambda value, _now: bool(value != wanted)


def _in(condition: Condition) -> Test:
    choices = Choices(_values(condition))
    return (lambda value, _now: choices.has(value)) if choices.twins else never


def _not_in(condition: Condition) -> Test:
    choices = Choices(_values(condition))
    return (lambda value, _now: not choices.has(value)) if choices.twins else always


def _values(condition: Condition) -> list[Any]:
    if not isinstance(condition.value, list):
        raise Unusable("must be a list")
    return condition.value


def _contains(condition: Condition) -> Test:
    needle = str(condition.value)
    return (
        (lambda value, _now: needle in (value if type(value) is str else text_form(value)))
        if needle
        else always
    )


def _not_contains(condition: Condition) -> Test:
    needle = str(condition.value)
    return (
        (lambda value, _now: needle not in (value if type(value) is str else text_form(value)))
        if needle
        else never
    )


def _starts_with(condition: Condition) -> Test:
    needle = str(condition.value)
    return (
        (lambda value, _now: (value if type(value) is str else text_form(value)).startswith(needle))
        if needle
        else always
    )


def _ends_with(condition: Condition) -> Test:
    needle = str(condition.value)
    return (
        (lambda value, _now: (value if type(value) is str else text_form(value)).endswith(needle))
        if needle
        else always
    )


def _number_compared(compare: Compare) -> Callable[[Condition], Test]:
    def build_it(condition: Condition) -> Test:
        bound = number(condition.value)
        if isnan(bound):
            raise Unusable("is nan, which compares with nothing")
        if not (compare(-inf, bound) or compare(inf, bound)):
            raise Unusable("lies beyond every number")
        return lambda value, _now: compare(float(value), bound)

    return build_it


def _between(condition: Condition) -> Test:
    bounds = condition.value, condition.additional_value
    if bounds[1] is None:
        raise Unusable("has no upper bound: put it into `additional_value`")
    numeric = all(map(looks_numeric, bounds))
    low, high = _both(number, bounds, nan) if numeric else (nan, nan)
    dates = _both(moment, bounds, None)
    if not low <= high and (dates[0] is None or not _ordered(*dates)):
        raise Unusable("and `additional_value` must be two numbers or two dates, the lower one first")

    def test(value: Any, _now: float) -> bool:
        if numeric and looks_numeric(value):
            return low <= float(value) <= high
        return bool(dates[0] <= moment(value) <= dates[1])

    return test


def _both(read: Callable[[Any], Any], bounds: tuple[Any, Any], otherwise: Any) -> tuple[Any, Any]:
    try:
        return read(bounds[0]), read(bounds[1])
    except ERRORS:
        return otherwise, otherwise


def _ordered(low: Any, high: Any) -> bool:
    try:
        return bool(low <= high)
    except TypeError:  # one has an offset, the other none
        return False


def _before(condition: Condition) -> Test:
    bound = _date(condition)
    return lambda value, _now: moment(value) < bound


def _after(condition: Condition) -> Test:
    bound = _date(condition)
    return lambda value, _now: moment(value) > bound


def _date(condition: Condition) -> Any:
    try:
        return moment(condition.value)
    except ERRORS:
        raise Unusable("must be a date-time like 2026-01-31T09:00:00Z, or seconds since the epoch") from None


def _contains_all(condition: Condition) -> Test:
    wanted, choices = _values(condition), Choices(_values(condition))

    def test(value: Any, _now: float) -> bool:
        if isinstance(value, list):
            return choices.among(value) == len(choices.twins)
        return isinstance(value, str) and all(item in value for item in wanted)

    return test


def _contains_any(condition: Condition) -> Test:
    wanted, choices = _values(condition), Choices(_values(condition))

    def test(value: Any, _now: float) -> bool:
        if isinstance(value, list):
            return choices.among(value) > 0
        return isinstance(value, str) and any(item in value for item in wanted)

    return test if wanted else never


def _match_regex(condition: Condition) -> Test:
    from chalicelib.domain.targeting.regex import engine

    search = engine.searcher(condition.value)
    return lambda value, _now: search(value if type(value) is str else text_form(value))


def _semantic_version(condition: Condition) -> Test:
    wanted, compare = semver.key(condition.value), COMPARISONS.get(condition.additional_value or "eq")
    if wanted is None:
        raise Unusable("must be a semantic version like 2.3.0")
    if compare is None:
        raise Unusable("is compared by an unknown `additional_value`: use eq, gt, gte, lt or lte")

    def test(value: Any, _now: float) -> bool:
        key = semver.key(value)
        return key is not None and compare(key, wanted)

    return test


def geo_distance(condition: Condition, number: Callable[[Any], float] = number) -> Test:
    """Within ``radius`` of the object ``value``; a list, all that the 1.0 schema accepts, never matches."""
    value = condition.value
    if not isinstance(value, dict) or "radius" not in value:
        raise Unusable("must be an object with lat, lon and radius: version 1.0 never matches a list here")
    centre, radius = geo.point(value, number), number(value["radius"])
    unit, name = value.get("unit", "km"), value.get("comparison")
    per_km = geo.PER_KM.get(unit.lower()) if isinstance(unit, str) else None
    if per_km is None or not radius >= 0:
        raise Unusable("must have a radius of at least 0, and km, miles or meters for unit")
    compare = _DISTANCES.get("lte" if name is None else name)
    if compare is None:
        raise Unusable("must have lte, lt, gt, gte or eq for comparison")
    return lambda a, _now: compare(geo.distance_km(geo.point(a, number), centre) * per_km, radius)


def _percentage_bucket(condition: Condition) -> Test:
    share = number(condition.value)
    if not 0 < share < 100:
        return always if share >= 100 else never
    return lambda value, _now: md5_bucket(text_form(value)) < share


def md5_bucket(text: str) -> int:
    """0 … 99. A lone surrogate cannot be hashed: UnicodeEncodeError."""
    return int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()) % 100


def _json_path(condition: Condition) -> Test:
    wanted = condition.additional_value
    return json_path(condition, lambda value: bool(value == wanted))


def _array_length(condition: Condition) -> Test:
    name, bound = condition.additional_value or "eq", condition.value
    if name == "between":
        if not isinstance(bound, dict):
            raise Unusable("must be an object with min and max")
        low, high = int(bound["min"]), int(bound["max"])
        if high < max(low, 0):
            raise Unusable("must have a max of at least 0 and of at least its min")
        return lambda value, _now: low <= _length(value) <= high
    compare, wanted = COMPARISONS.get(name), int(bound)
    if compare is None:
        raise Unusable("is compared by an unknown `additional_value`: use eq, gt, gte, lt, lte or between")
    if not any(compare(length, wanted) for length in (0, wanted, wanted + 1) if length >= 0):
        raise Unusable("is met by no length: they start at 0")
    return lambda value, _now: compare(_length(value), wanted)


def _length(value: Any) -> int:
    if isinstance(value, (list, dict, str)):
        return len(value)
    raise TypeError("has no length")


BUILDERS: dict[str, Callable[[Condition], Test]] = {
    "eq": _eq,
    "neq": _neq,
    "in": _in,
    "not_in": _not_in,
    "contains": _contains,
    "not_contains": _not_contains,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "gt": _number_compared(operator.gt),
    "gte": _number_compared(operator.ge),
    "lt": _number_compared(operator.lt),
    "lte": _number_compared(operator.le),
    "between": _between,
    "before": _before,
    "after": _after,
    "contains_all": _contains_all,
    "contains_any": _contains_any,
    "match_regex": _match_regex,
    "semantic_version": _semantic_version,
    "geo_distance": geo_distance,
    "time_window": time_window,
    "percentage_bucket": _percentage_bucket,
    "json_path": _json_path,
    "array_length": _array_length,
}
