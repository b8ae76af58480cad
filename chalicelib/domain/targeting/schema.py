"""Which conditions the backend's document schema accepts, operator by operator, and how large they may be."""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from chalicelib.domain.targeting import geo, operators_v1, semver
from chalicelib.domain.targeting.document import MAX_NESTING, MAX_PATTERN, MAX_VALUES, Condition, Unusable

_ATTRIBUTE_TYPES = (
    "string",
    "number",
    "boolean",
    "array",
    "date",
    "json",
    "geo_coordinate",
    "semantic_version",
)


class Refused(ValueError):
    """Caught where the path of ``field`` is known."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def check(condition: Condition, fields: Mapping[str, Any], is_v2: bool) -> None:
    operator, value = condition.operator, condition.value
    if operator not in operators_v1.BUILDERS:
        raise Refused("operator", f"is not one of {', '.join(sorted(operators_v1.BUILDERS))}")
    if condition.attribute_type is not None and condition.attribute_type not in _ATTRIBUTE_TYPES:
        raise Refused("attribute_type", f"must be null or one of {', '.join(_ATTRIBUTE_TYPES)}")
    if not isinstance(fields.get("validation_schema"), (dict, type(None))):
        raise Refused("validation_schema", "must be an object or null")
    if not (_small(value) and _small(condition.additional_value)):
        raise Refused("value", f"has more than {MAX_VALUES} elements or {MAX_NESTING} levels")
    for name, operand in (("value", value), ("additional_value", condition.additional_value)):
        if not _finite(operand):
            raise Refused(name, "holds a number that is not finite, which is no JSON")
    if operator == "match_regex" and isinstance(value, str) and len(value) > MAX_PATTERN:
        raise Refused("value", f"is a pattern longer than {MAX_PATTERN} characters")
    if is_v2 and operator in ("geo_distance", "time_window"):
        return  # both take more shapes, which their own builders check
    demanded = _VALUE.get(operator)
    if demanded and not demanded[0](value):
        raise Refused("value", f"must be {demanded[1]} for {operator}")
    if operator in ("between", "geo_distance") and condition.additional_value is None:
        raise Refused("additional_value", f"is required for {operator}")


def _small(value: Any) -> bool:
    """Counts before anything walks the value recursively."""
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


def _finite(value: Any) -> bool:
    if isinstance(value, (list, dict)):
        return all(map(_finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or isfinite(value)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_point(value: Any) -> bool:
    try:
        return isinstance(value, list) and geo.point(value) is not None
    except Unusable:
        return False


_VALUE: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("in", "not_in", "contains_all", "contains_any"), (_is_list, "a list")),
    "geo_distance": (_is_point, "[latitude, longitude] within [±90, ±180]"),
    "semantic_version": (
        lambda value: isinstance(value, str) and semver.parse(value) is not None,
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
