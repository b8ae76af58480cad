"""JSON Logic's values as operands of our tests."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from realtime.migration.model import Json, Refused


class Expression(NamedTuple):
    """An operation and its arguments; JSON Logic also takes one argument without a list."""

    operator: str
    arguments: list[Json]


class UnknownOperator(Exception):
    """The other system ends the evaluation with an error."""


UNSUPPORTED = (
    *("map", "filter", "reduce", "all", "some", "none", "missing", "missing_some", "merge"),
    *("%", "+", "-", "*", "/", "min", "max", "substr", "log", "method"),
)
"""Operators that JSON Logic has, and that no rule of ours says."""

KNOWN = (
    *UNSUPPORTED,
    *("if", "?:", "and", "or", "!", "!!", "==", "!=", "===", "!==", "<", "<=", ">", ">=", "in"),
    *("var", "cat", "starts_with", "ends_with", "sem_ver", "fractional"),
)


def read_expression(value: Json) -> Expression | None:
    """None for a constant."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    ((operator, arguments),) = value.items()
    return Expression(operator, arguments if isinstance(arguments, list) else [arguments])


def is_constant(value: Json) -> bool:
    if isinstance(value, list):
        return all(map(is_constant, value))
    return not isinstance(value, dict) or not value


class Operands:
    """``flag_key`` is what `$flagd.flagKey` gives."""

    def __init__(self, flag_key: str, path: str) -> None:
        self._flag_key, self._path = flag_key, path

    def translate(self, value: Json) -> Json:
        """An operand as `if` takes it. Raises Refused."""
        expression = read_expression(value)
        if expression is None:
            if isinstance(value, list) and not is_constant(value):
                return {"list": [self.translate(each) for each in value]}
            return {"const": value}
        operator, arguments = expression
        if operator == "var":
            return self._translate_variable(arguments)
        if operator == "cat":
            return {"cat": [self.translate(each) for each in arguments]}
        if operator not in KNOWN:
            raise UnknownOperator(operator)
        raise Refused(
            self._path, f"the value of {operator} is compared; our tests compare attributes and texts"
        )

    def _translate_variable(self, arguments: Sequence[Any]) -> Json:
        name = arguments[0] if arguments else ""
        if not isinstance(name, str) or not name:
            raise Refused(self._path, "var must name an attribute")
        operand: Json = name if "." not in name and "\\" not in name else name.split(".")
        match name:
            case "targetingKey":
                operand = {"user": "id"}
            case "$flagd.flagKey":
                operand = {"const": self._flag_key}
            case "$flagd.timestamp":
                operand = {"clock": "now"}
        if any(step.isdigit() for step in name.split(".")[1:]):
            raise Refused(self._path, f"var {name} takes an element of a list by its number")
        if len(arguments) > 1 and arguments[1] is not None:
            return {"first": [operand, self.translate(arguments[1])]}
        return operand
