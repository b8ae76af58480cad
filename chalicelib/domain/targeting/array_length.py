"""``array_length``: how many elements, members or characters a list, object or text has."""

from typing import Any

from chalicelib.domain.targeting.document import Condition, InvalidOperand
from chalicelib.domain.targeting.values import COMPARISONS, Test


def build_array_length(condition: Condition) -> Test:
    """For version 1.0. Version 2.0 uses it as well, once it has checked the operand's types."""
    comparison, bound = condition.additional_value or "eq", condition.value
    if comparison == "between":
        if not isinstance(bound, dict):
            raise InvalidOperand("must be an object with min and max")
        low, high = int(bound["min"]), int(bound["max"])
        if high < max(low, 0):
            raise InvalidOperand("must have a max of at least 0 and of at least its min")
        return lambda value, _now: low <= measure(value) <= high
    compare, wanted = COMPARISONS.get(comparison), int(bound)
    if compare is None:
        raise InvalidOperand(
            "is compared by an unknown `additional_value`: use eq, gt, gte, lt, lte or between"
        )
    if not any(compare(length, wanted) for length in (0, wanted, wanted + 1) if length >= 0):
        raise InvalidOperand("is met by no length: they start at 0")
    return lambda value, _now: compare(measure(value), wanted)


def measure(value: Any) -> int:
    if isinstance(value, (list, dict, str)):
        return len(value)
    raise TypeError("has no length")
