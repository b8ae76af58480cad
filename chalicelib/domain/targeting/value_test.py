"""One condition as a test of its attribute's value, for lint, explain and the contexts that publish tries."""

from typing import Any

from chalicelib.domain.targeting import operators_v1, operators_v2
from chalicelib.domain.targeting.document import Condition, InvalidOperand
from chalicelib.domain.targeting.values import ERRORS, Test, never


def build_value_test(condition: Condition, is_v2: bool) -> Test:
    """A test of a value that is there, which may be null; ``never`` if no value can meet the condition.

    It never raises.
    """
    operators = operators_v2 if is_v2 else operators_v1
    try:
        test: Test = operators.build(condition, "")
    except InvalidOperand:
        return never
    if test is never:
        return never
    reads_null = condition.operator in operators.NULL_READERS

    def holds(value: Any, now: float) -> bool:
        if value is None and not reads_null:
            return False
        try:
            return bool(test(value, now))
        except ERRORS:
            return False

    return holds
