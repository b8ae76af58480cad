"""The operators of version 2.0, where they differ from 1.0: see the table in docs/targeting.md.

Types are kept apart: booleans are no numbers, and only text and numbers have a text form. A builder refuses
every operand that 1.0 would silently never match.
"""

import operator
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain import bucketing
from chalicelib.domain.targeting import geo, operators_v1
from chalicelib.domain.targeting.document import Condition, Unusable
from chalicelib.domain.targeting.json_path import json_path
from chalicelib.domain.targeting.operators_v1 import Compare
from chalicelib.domain.targeting.rollout import unit_text
from chalicelib.domain.targeting.values import ERRORS, Choices, Test, always, date_time, never, same_as, typed
from chalicelib.domain.targeting.window import CLOCK_FIELDS, clock_checks, time_zone

NULL_READERS = frozenset({"eq", "neq"})

_LONG = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS_FROM = 1e11
"""Seconds reach this in the year 5138, milliseconds did in 1973."""


def build(condition: Condition, hash_prefix: str) -> Test:
    """``hash_prefix`` belongs to the rule that the condition is part of; percentage buckets use it."""
    if condition.operator == "percentage_bucket":
        return _percentage_bucket(condition, hash_prefix)
    builder = _BUILDERS.get(condition.operator)
    return builder(condition) if builder else operators_v1.build(condition)


def number(value: Any) -> float:
    if isinstance(value, bool):
        raise Unusable("must be a number, not a boolean")
    return operators_v1.number(value)


def text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise Unusable("must be text or a number")


def instant(value: Any) -> datetime:
    """Text is UTC unless it has an offset; a number is seconds since the epoch, or milliseconds."""
    if isinstance(value, str):
        read = date_time(value)
        return read if read.tzinfo else read.replace(tzinfo=UTC)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _EPOCH + timedelta(seconds=value / 1000 if abs(value) >= _MILLISECONDS_FROM else value)
    raise Unusable("must be a date-time or a timestamp")


def _eq(condition: Condition) -> Test:
    same = same_as(condition.value)
    return lambda value, _now: same(value)


def _neq(condition: Condition) -> Test:
    same = same_as(condition.value)
    return lambda value, _now: not same(value)


def _in(condition: Condition) -> Test:
    choices = Choices(condition.value, typed)
    return (lambda value, _now: choices.has(value)) if condition.value else never


def _not_in(condition: Condition) -> Test:
    choices = Choices(condition.value, typed)
    return (lambda value, _now: not choices.has(value)) if condition.value else always


def _contains(condition: Condition) -> Test:
    """An element of a list, or a part of a text."""
    wanted, same, choices = condition.value, same_as(condition.value), Choices([condition.value], typed)

    def test(value: Any, _now: float) -> bool:
        if isinstance(value, list):
            if len(value) > _LONG:  # many conditions may ask about it
                return choices.among(value) > 0
            return wanted in value and any(map(same, value))
        return text(wanted) in text(value)

    return test


def _not_contains(condition: Condition) -> Test:
    contains = _contains(condition)
    return lambda value, now: not contains(value, now)


def _starts_with(condition: Condition) -> Test:
    needle = text(condition.value)
    return lambda value, _now: text(value).startswith(needle)


def _ends_with(condition: Condition) -> Test:
    needle = text(condition.value)
    return lambda value, _now: text(value).endswith(needle)


def _number_compared(compare: Compare) -> Callable[[Condition], Test]:
    def build_it(condition: Condition) -> Test:
        bound = _finite(condition.value)
        return lambda value, _now: compare(number(value), bound)

    return build_it


def _finite(value: Any) -> float:
    read = number(value)
    if read - read != 0:
        raise Unusable("must be finite")
    return read


def _between(condition: Condition) -> Test:
    """Two numbers, or two dates; the attribute is read as what the bounds are."""
    try:
        low: Any = _finite(condition.value)
        high: Any = _finite(condition.additional_value)
        read: Callable[[Any], Any] = number
    except Unusable:
        low, high, read = _instant(condition.value), _instant(condition.additional_value), instant
    if low > high:
        raise Unusable("must not lie above `additional_value`")
    return lambda value, _now: bool(low <= read(value) <= high)


def _before(condition: Condition) -> Test:
    bound = _instant(condition.value)
    return lambda value, _now: instant(value) < bound


def _after(condition: Condition) -> Test:
    bound = _instant(condition.value)
    return lambda value, _now: instant(value) > bound


def _instant(value: Any) -> datetime:
    try:
        return instant(value)
    except ERRORS:
        raise Unusable("must be a date-time like 2026-01-31T09:00:00Z, or a timestamp") from None


def _contains_all(condition: Condition) -> Test:
    wanted, choices = condition.value, Choices(condition.value, typed)

    def test(value: Any, _now: float) -> bool:
        if isinstance(value, list):
            return choices.among(value) == len(choices.twins)
        return isinstance(value, str) and all(isinstance(item, str) and item in value for item in wanted)

    return test


def _contains_any(condition: Condition) -> Test:
    wanted, choices = condition.value, Choices(condition.value, typed)

    def test(value: Any, _now: float) -> bool:
        if isinstance(value, list):
            return choices.among(value) > 0
        return isinstance(value, str) and any(isinstance(item, str) and item in value for item in wanted)

    return test if wanted else never


def _match_regex(condition: Condition) -> Test:
    from chalicelib.domain.targeting.regex import engine

    engine.require_linear(condition.value)
    search = engine.searcher(condition.value)
    return lambda value, _now: search(text(value))


def _geo_distance(condition: Condition) -> Test:
    """``[lat, lon]`` with kilometres in ``additional_value``, or an object with ``radius``."""
    if isinstance(condition.value, dict):
        return operators_v1.geo_distance(condition, number)
    centre = geo.point(condition.value, number)
    try:
        radius = _finite(condition.additional_value)
    except Unusable as unusable:
        raise Unusable(f"needs kilometres in `additional_value`, which {unusable}") from None
    if radius < 0:
        raise Unusable("needs kilometres of at least 0 in `additional_value`")
    return lambda value, _now: geo.distance_km(geo.point(value, number), centre) <= radius


def _time_window(condition: Condition) -> Test:
    """``start`` and ``end`` are instants, inclusive; all else reads the wall clock of ``timezone`` (UTC)."""
    window = {name: value for name, value in _object(condition.value).items() if value is not None}
    unknown = window.keys() - {"start", "end", "timezone", *CLOCK_FIELDS}
    if unknown or not window.keys() - {"timezone"}:
        raise Unusable(f"knows start, end, timezone, {', '.join(CLOCK_FIELDS)}, and needs more than timezone")
    zone = time_zone(window["timezone"]) if "timezone" in window else UTC
    if isinstance(window.get("days"), list) and any(isinstance(day, bool) for day in window["days"]):
        raise Unusable("must have days from 0 (Monday) to 6 (Sunday), not booleans")
    start = _instant(window["start"]) if "start" in window else None
    end = _instant(window["end"]) if "end" in window else None
    if start and end and start > end:
        raise Unusable("ends before it starts")
    checks = clock_checks(window)

    def test(value: Any, _now: float) -> bool:
        at = instant(value)
        if (start and at < start) or (end and at > end):
            return False
        clock = at.astimezone(zone)
        return all(check(clock) for check in checks)

    return test


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unusable("must be an object")
    return value


def _percentage_bucket(condition: Condition, hash_prefix: str) -> Test:
    """By the second half of the hash whose first half decides the rule's rollout: the two are independent."""
    share = _finite(condition.value)
    if not 0 <= share <= 100:
        raise Unusable("must be a percentage between 0 and 100")
    buckets = bucketing.share_to_buckets(share / 100)
    if share and not buckets:
        raise Unusable("must be 0, or at least 0.001: there are no smaller buckets")
    if buckets in (0, bucketing.BUCKETS):
        return always if buckets else never
    limit = bucketing.threshold(buckets)

    def test(value: Any, _now: float) -> bool:
        unit = unit_text(value)
        return unit is not None and bucketing.halves(hash_prefix, unit)[1] < limit

    return test


def _json_path(condition: Condition) -> Test:
    return json_path(condition, same_as(condition.additional_value))


def _array_length(condition: Condition) -> Test:
    """Of a list, an object or a text; the bound is an integer."""
    value = condition.value
    bounds = [value.get("min"), value.get("max")] if isinstance(value, dict) else [value]
    if any(isinstance(bound, bool) or not isinstance(bound, int) for bound in bounds):
        raise Unusable("must be an integer, or an object with integers min and max for `between`")
    return _compared(condition)


def _compared(condition: Condition) -> Test:
    """As in 1.0, which takes whatever is empty for ``eq``."""
    if condition.additional_value is not None and not condition.additional_value:
        raise Unusable(
            "is compared by an empty `additional_value`: name the comparison, or leave it out for eq"
        )
    return operators_v1.build(condition)


_BUILDERS: dict[str, Callable[[Condition], Test]] = {
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
    "semantic_version": _compared,
    "geo_distance": _geo_distance,
    "time_window": _time_window,
    "json_path": _json_path,
    "array_length": _array_length,
}
