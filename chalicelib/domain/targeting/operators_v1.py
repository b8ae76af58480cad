"""The operators of version 1.0, exactly as the platform's backend evaluates them (dialect D of its corpus).

Each has a builder, which reads the operand once and returns a test of attribute values. A test may raise any
of values.ERRORS: that is "no match". Only the operators in NULL_READERS test null.
"""

import operator
from collections.abc import Callable
from math import inf, isnan, nan
from typing import Any

from chalicelib.domain.targeting.array_length import build_array_length
from chalicelib.domain.targeting.document import Condition, InvalidOperand
from chalicelib.domain.targeting.equality import Choices
from chalicelib.domain.targeting.geo import build_geo_distance_v1
from chalicelib.domain.targeting.json_path import build_json_path
from chalicelib.domain.targeting.rollout import build_percentage_bucket_v1
from chalicelib.domain.targeting.semver import build_semantic_version
from chalicelib.domain.targeting.values import (
    ERRORS,
    Compare,
    Test,
    always,
    looks_numeric,
    never,
    read_number_v1,
    read_text_v1,
    read_time_v1,
)
from chalicelib.domain.targeting.window import build_time_window_v1

NULL_READERS = frozenset({"eq", "neq", "time_window", "percentage_bucket", "json_path"})


def build(condition: Condition, _hash_prefix: str = "") -> Test:
    """Raises InvalidOperand if the condition can never hold because of its operand."""
    try:
        return BUILDERS[condition.operator](condition)
    except InvalidOperand:
        raise
    except ERRORS as error:
        raise InvalidOperand(f"cannot be used with {condition.operator}: {error}") from None


def _build_eq(condition: Condition) -> Test:
    wanted = condition.value
    return lambda value, _now: bool(value == wanted)


def _build_neq(condition: Condition) -> Test:
    wanted = condition.value
    return lambda value, _now: bool(value != wanted)


def _build_in(condition: Condition) -> Test:
    choices = Choices(_read_list(condition))
    return (lambda value, _now: choices.contain(value)) if choices.keys else never


def _build_not_in(condition: Condition) -> Test:
    choices = Choices(_read_list(condition))
    return (lambda value, _now: not choices.contain(value)) if choices.keys else always


def _read_list(condition: Condition) -> list[Any]:
    if not isinstance(condition.value, list):
        raise InvalidOperand("must be a list")
    return condition.value


def _build_contains(condition: Condition) -> Test:
    needle = str(condition.value)
    return (
        (lambda value, _now: needle in (value if type(value) is str else read_text_v1(value)))
        if needle
        else always
    )


def _build_not_contains(condition: Condition) -> Test:
    needle = str(condition.value)
    return (
        (lambda value, _now: needle not in (value if type(value) is str else read_text_v1(value)))
        if needle
        else never
    )


def _build_starts_with(condition: Condition) -> Test:
    needle = str(condition.value)
    return (
        (lambda value, _now: (value if type(value) is str else read_text_v1(value)).startswith(needle))
        if needle
        else always
    )


def _build_ends_with(condition: Condition) -> Test:
    needle = str(condition.value)
    return (
        (lambda value, _now: (value if type(value) is str else read_text_v1(value)).endswith(needle))
        if needle
        else always
    )


def _build_number_comparison(compare: Compare) -> Callable[[Condition], Test]:
    def build_test(condition: Condition) -> Test:
        bound = read_number_v1(condition.value)
        if isnan(bound):
            raise InvalidOperand("is nan, which compares with nothing")
        if not (compare(-inf, bound) or compare(inf, bound)):
            raise InvalidOperand("lies beyond every number")
        return lambda value, _now: compare(float(value), bound)

    return build_test


def _build_between(condition: Condition) -> Test:
    bounds = condition.value, condition.additional_value
    if bounds[1] is None:
        raise InvalidOperand("has no upper bound: put it into `additional_value`")
    is_numeric = all(map(looks_numeric, bounds))
    low, high = _read_both(read_number_v1, bounds, nan) if is_numeric else (nan, nan)
    dates = _read_both(read_time_v1, bounds, None)
    if not low <= high and (dates[0] is None or not _is_ordered(*dates)):
        raise InvalidOperand("and `additional_value` must be two numbers or two dates, the lower one first")

    def test(value: Any, _now: float) -> bool:
        if is_numeric and looks_numeric(value):
            return low <= float(value) <= high
        return bool(dates[0] <= read_time_v1(value) <= dates[1])

    return test


def _read_both(read: Callable[[Any], Any], bounds: tuple[Any, Any], default: Any) -> tuple[Any, Any]:
    try:
        return read(bounds[0]), read(bounds[1])
    except ERRORS:
        return default, default


def _is_ordered(low: Any, high: Any) -> bool:
    try:
        return bool(low <= high)
    except TypeError:  # one has an offset, the other none
        return False


def _build_before(condition: Condition) -> Test:
    bound = _read_date(condition)
    return lambda value, _now: read_time_v1(value) < bound


def _build_after(condition: Condition) -> Test:
    bound = _read_date(condition)
    return lambda value, _now: read_time_v1(value) > bound


def _read_date(condition: Condition) -> Any:
    try:
        return read_time_v1(condition.value)
    except ERRORS:
        raise InvalidOperand(
            "must be a date-time like 2026-01-31T09:00:00Z, or seconds since the epoch"
        ) from None


def _build_contains_all(condition: Condition) -> Test:
    wanted, choices = _read_list(condition), Choices(_read_list(condition))

    def test(value: Any, _now: float) -> bool:
        if isinstance(value, list):
            return choices.count_in(value) == len(choices.keys)
        return isinstance(value, str) and all(item in value for item in wanted)

    return test


def _build_contains_any(condition: Condition) -> Test:
    wanted, choices = _read_list(condition), Choices(_read_list(condition))

    def test(value: Any, _now: float) -> bool:
        if isinstance(value, list):
            return choices.count_in(value) > 0
        return isinstance(value, str) and any(item in value for item in wanted)

    return test if wanted else never


def _build_match_regex(condition: Condition) -> Test:
    from chalicelib.domain.targeting.regex import engine

    search = engine.compile_search(condition.value)
    return lambda value, _now: search(value if type(value) is str else read_text_v1(value))


def _build_json_path(condition: Condition) -> Test:
    wanted = condition.additional_value
    return build_json_path(condition, lambda value: bool(value == wanted))


BUILDERS: dict[str, Callable[[Condition], Test]] = {
    "eq": _build_eq,
    "neq": _build_neq,
    "in": _build_in,
    "not_in": _build_not_in,
    "contains": _build_contains,
    "not_contains": _build_not_contains,
    "starts_with": _build_starts_with,
    "ends_with": _build_ends_with,
    "gt": _build_number_comparison(operator.gt),
    "gte": _build_number_comparison(operator.ge),
    "lt": _build_number_comparison(operator.lt),
    "lte": _build_number_comparison(operator.le),
    "between": _build_between,
    "before": _build_before,
    "after": _build_after,
    "contains_all": _build_contains_all,
    "contains_any": _build_contains_any,
    "match_regex": _build_match_regex,
    "semantic_version": build_semantic_version,
    "geo_distance": build_geo_distance_v1,
    "time_window": build_time_window_v1,
    "percentage_bucket": build_percentage_bucket_v1,
    "json_path": _build_json_path,
    "array_length": build_array_length,
}
