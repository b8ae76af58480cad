"""Relations on one value of any kind: its type, its truth, its remainder."""

from collections.abc import Callable, Mapping
from math import isnan
from typing import Any

from chalicelib.domain.general_form.values import UNREADABLE, Relation, UnusableOperand

_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "list": (list,),
    "object": (dict,),
}


_FALSY_TYPES = (type(None), bool, int, float, str)


def _build_type(right: Any) -> Relation:
    """An integer is a number too; 1.0 is no integer."""
    if type(right) is not str or right not in _TYPES:
        raise UnusableOperand(f"must be one of {', '.join(_TYPES)}")
    types = _TYPES[right]
    return lambda left: type(left) in types


def _build_truthy(_right: Any) -> Relation:
    """As in JavaScript: everything but false, null, 0, NaN and empty text. An empty list is true."""
    return _is_truthy


def _build_logic_truthy(_right: Any) -> Relation:
    """As in JSON Logic: an empty list is false too."""
    return lambda left: _is_truthy(left) and left != []


def _is_truthy(left: Any) -> bool:
    if type(left) is float and isnan(left):
        return False
    return bool(left) or type(left) not in _FALSY_TYPES


def _build_modulo(right: Any) -> Relation:
    """As Python divides: with a positive divisor, no remainder is negative."""
    is_pair = type(right) is list and len(right) == 2 and {*map(type, right)} == {int}
    if not is_pair or right[0] == 0:
        raise UnusableOperand("must be a list of two integers, divisor and remainder; the divisor is not 0")
    divisor, remainder = right
    return lambda left: left % divisor == remainder if type(left) is int else UNREADABLE


def _build_remainder(right: Any) -> Relation:
    """As `modulo`, of any numbers."""
    is_pair = type(right) is list and len(right) == 2 and {*map(type, right)} <= {int, float}
    if not is_pair or right[0] == 0:
        raise UnusableOperand("must be a list of two numbers, divisor and remainder; the divisor is not 0")
    divisor, remainder = right

    def holds(left: Any) -> Any:
        if type(left) not in (int, float):
            return UNREADABLE
        try:
            return bool(left % divisor == remainder)
        except OverflowError:  # an integer beyond doubles
            return UNREADABLE

    return holds


VALUE_RELATIONS: Mapping[str, Callable[[Any], Relation]] = {
    "type": _build_type,
    "truthy": _build_truthy,
    "logic-truthy": _build_logic_truthy,
    "modulo": _build_modulo,
    "remainder": _build_remainder,
}
