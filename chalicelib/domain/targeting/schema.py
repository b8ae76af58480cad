"""Which conditions the platform's schema accepts, operator by operator, and how large they may be."""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from chalicelib.domain.spelling import suggest
from chalicelib.domain.targeting import geo, operators_v1, semver
from chalicelib.domain.targeting.document import (
    MAX_NESTING,
    MAX_PATTERN,
    MAX_VALUES,
    Condition,
    InvalidOperand,
)

CONDITION_FIELDS = frozenset(
    {"attribute", "attribute_type", "operator", "value", "additional_value", "validation_schema"}
)
ATTRIBUTE_TYPES = (
    "string",
    "number",
    "boolean",
    "array",
    "date",
    "json",
    "geo_coordinate",
    "semantic_version",
)


class InvalidField(ValueError):
    """The condition's ``field`` is wrong; the parser, which knows the condition's path, reports it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def check_condition(condition: Condition, fields: Mapping[str, Any], is_v2: bool) -> None:
    operator, value = condition.operator, condition.value
    if operator not in operators_v1.BUILDERS:
        hint = suggest(operator, operators_v1.BUILDERS)
        raise InvalidField("operator", f"is not one of {', '.join(sorted(operators_v1.BUILDERS))}{hint}")
    if condition.attribute_type is not None and condition.attribute_type not in ATTRIBUTE_TYPES:
        hint = suggest(condition.attribute_type, ATTRIBUTE_TYPES)
        raise InvalidField("attribute_type", f"must be null or one of {', '.join(ATTRIBUTE_TYPES)}{hint}")
    if not isinstance(fields.get("validation_schema"), (dict, type(None))):
        raise InvalidField("validation_schema", "must be an object or null")
    if not (_is_within_limits(value) and _is_within_limits(condition.additional_value)):
        raise InvalidField("value", f"has more than {MAX_VALUES} elements or {MAX_NESTING} levels")
    for name, operand in (("value", value), ("additional_value", condition.additional_value)):
        if not _is_finite(operand):
            raise InvalidField(name, "holds a number that is not finite, which JSON does not have")
    if operator == "match_regex" and isinstance(value, str) and len(value) > MAX_PATTERN:
        raise InvalidField("value", f"is a pattern longer than {MAX_PATTERN} characters")
    if is_v2 and operator in ("geo_distance", "semantic_version", "time_window"):
        return  # they accept more shapes, which their builders check
    if operator in OPERAND_TYPES:
        is_valid, expected = OPERAND_TYPES[operator]
        if not is_valid(value):
            raise InvalidField("value", f"must be {expected} for {operator}")
    if operator in ("between", "geo_distance") and condition.additional_value is None:
        raise InvalidField("additional_value", f"is required for {operator}")


def _is_within_limits(value: Any) -> bool:
    """Counts level by level, so that no deep value is walked recursively before it is checked."""
    if not isinstance(value, (list, dict)):
        return True
    level, elements = [value], 0
    for _ in range(MAX_NESTING + 1):
        level = [
            child
            for item in level
            if isinstance(item, (list, dict))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        elements += len(level)
        if not level or elements > MAX_VALUES:
            return elements <= MAX_VALUES
    return False


def _is_finite(value: Any) -> bool:
    if isinstance(value, (list, dict)):
        return all(map(_is_finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or isfinite(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_point(value: Any) -> bool:
    try:
        return isinstance(value, list) and geo.read_point(value) is not None
    except InvalidOperand:
        return False


OPERAND_TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("in", "not_in", "contains_all", "contains_any"), (_is_list, "a list")),
    "geo_distance": (_is_point, "[latitude, longitude] within [±90, ±180]"),
    "semantic_version": (
        lambda value: isinstance(value, str) and semver.parse_strict(value) is not None,
        "a semantic version like 2.3.0, without a leading v,",
    ),
    "json_path": (
        lambda value: isinstance(value, str) and value.startswith("$."),
        "text that starts with `$.`",
    ),
    "time_window": (
        lambda value: isinstance(value, dict) and "start" in value and "end" in value,
        "an object with `start` and `end`",
    ),
}
