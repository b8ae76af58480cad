"""The operators of version 2.0, where they differ from 1.0: see the table in docs/targeting.md.

Types are kept apart: booleans are not numbers, and only text and numbers have a text form. A builder refuses
every operand that 1.0 would silently never match.
"""

import operator
from collections.abc import Callable
from typing import Any

from chalicelib.domain.targeting import operators_v1
from chalicelib.domain.targeting.document import Condition, InvalidOperand
from chalicelib.domain.targeting.equality import Choices, compile_equality_v2, make_key_v2
from chalicelib.domain.targeting.geo import build_geo_distance_v2
from chalicelib.domain.targeting.json_path import build_json_path
from chalicelib.domain.targeting.rollout import build_percentage_bucket_v2
from chalicelib.domain.targeting.semver import build_semantic_version, read_key_v2
from chalicelib.domain.targeting.values import (
    ERRORS,
    Compare,
    Test,
    always,
    is_number_v2,
    never,
    read_number_v2,
    read_text_v2,
    read_time_operand_v2,
    read_time_v2,
)
from chalicelib.domain.targeting.window import build_time_window_v2

NULL_READERS = frozenset({"eq", "neq"})

_LONG_LIST = 100
"""Elements."""


def build(condition: Condition, hash_prefix: str) -> Test:
    """``hash_prefix`` belongs to the rule that the condition is part of; percentage buckets use it."""
    if condition.operator == "percentage_bucket":
        return build_percentage_bucket_v2(condition, hash_prefix)
    builder = _BUILDERS.get(condition.operator, operators_v1.build)
    try:
        return builder(condition)
    except InvalidOperand:
        raise
    except ERRORS as error:
        raise InvalidOperand(f"cannot be used with {condition.operator}: {error}") from None


def _build_eq(condition: Condition) -> Test:
    equals = compile_equality_v2(condition.value)
    return lambda value, _now: equals(value)


def _build_neq(condition: Condition) -> Test:
    equals = compile_equality_v2(condition.value)
    return lambda value, _now: not equals(value)


def _build_in(condition: Condition) -> Test:
    choices = Choices(condition.value, make_key_v2)
    return (lambda value, _now: choices.contain(value)) if condition.value else never


def _build_not_in(condition: Condition) -> Test:
    choices = Choices(condition.value, make_key_v2)
    return (lambda value, _now: not choices.contain(value)) if condition.value else always


def _build_contains(condition: Condition) -> Test:
    """An element of a list, or a part of a text."""
    wanted = condition.value
    equals, choices = compile_equality_v2(wanted), Choices([wanted], make_key_v2)

    def test(value: Any, _now: float) -> bool:
        if isinstance(value, list):
            if len(value) > _LONG_LIST:  # choices read it once for all conditions that ask about it
                return choices.count_in(value) > 0
            return wanted in value and any(map(equals, value))
        return read_text_v2(wanted) in read_text_v2(value)

    return test


def _build_not_contains(condition: Condition) -> Test:
    contains = _build_contains(condition)
    return lambda value, now: not contains(value, now)


def _build_starts_with(condition: Condition) -> Test:
    needle = read_text_v2(condition.value)
    return lambda value, _now: read_text_v2(value).startswith(needle)


def _build_ends_with(condition: Condition) -> Test:
    needle = read_text_v2(condition.value)
    return lambda value, _now: read_text_v2(value).endswith(needle)


def _build_number_comparison(compare: Compare) -> Callable[[Condition], Test]:
    def build_test(condition: Condition) -> Test:
        bound = read_number_v2(condition.value)
        return lambda value, _now: compare(read_number_v2(value), bound)

    return build_test


def _build_between(condition: Condition) -> Test:
    """Two numbers, or two dates; the attribute is read as what the bounds are."""
    bounds = condition.value, condition.additional_value
    read: Callable[[Any], Any] = read_number_v2 if all(map(is_number_v2, bounds)) else read_time_v2
    try:
        low, high = map(read, bounds)
    except ERRORS:
        raise InvalidOperand("and `additional_value` must be two numbers or two times") from None
    if low > high:
        raise InvalidOperand("must not lie above `additional_value`")
    return lambda value, _now: bool(low <= read(value) <= high)


def _build_before(condition: Condition) -> Test:
    bound = read_time_operand_v2(condition.value)
    return lambda value, _now: read_time_v2(value) < bound


def _build_after(condition: Condition) -> Test:
    bound = read_time_operand_v2(condition.value)
    return lambda value, _now: read_time_v2(value) > bound


def _build_contains_all(condition: Condition) -> Test:
    wanted, choices = condition.value, Choices(condition.value, make_key_v2)

    def test(value: Any, _now: float) -> bool:
        if isinstance(value, list):
            return choices.count_in(value) == len(choices.keys)
        return isinstance(value, str) and all(isinstance(item, str) and item in value for item in wanted)

    return test


def _build_contains_any(condition: Condition) -> Test:
    wanted, choices = condition.value, Choices(condition.value, make_key_v2)

    def test(value: Any, _now: float) -> bool:
        if isinstance(value, list):
            return choices.count_in(value) > 0
        return isinstance(value, str) and any(isinstance(item, str) and item in value for item in wanted)

    return test if wanted else never


def _build_match_regex(condition: Condition) -> Test:
    from chalicelib.domain.targeting.regex import engine

    engine.require_linear(condition.value)
    search = engine.compile_search(condition.value)
    return lambda value, _now: search(read_text_v2(value))


def _build_json_path(condition: Condition) -> Test:
    return build_json_path(condition, compile_equality_v2(condition.additional_value))


def _build_array_length(condition: Condition) -> Test:
    """The bound must be an integer. Otherwise as in 1.0."""
    value = condition.value
    bounds = [value.get("min"), value.get("max")] if isinstance(value, dict) else [value]
    if any(isinstance(bound, bool) or not isinstance(bound, int) for bound in bounds):
        raise InvalidOperand("must be an integer, or an object with integers min and max for `between`")
    _refuse_empty_comparison(condition)
    return operators_v1.build(condition)


def _build_semantic_version(condition: Condition) -> Test:
    _refuse_empty_comparison(condition)
    return build_semantic_version(condition, read_key_v2)


def _refuse_empty_comparison(condition: Condition) -> None:
    """Version 1.0 reads every empty ``additional_value`` as ``eq``."""
    if condition.additional_value is not None and not condition.additional_value:
        raise InvalidOperand(
            "is compared by an empty `additional_value`: name the comparison, or leave it out for eq"
        )


_BUILDERS: dict[str, Callable[[Condition], Test]] = {
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
    "semantic_version": _build_semantic_version,
    "geo_distance": build_geo_distance_v2,
    "time_window": build_time_window_v2,
    "json_path": _build_json_path,
    "array_length": _build_array_length,
}
