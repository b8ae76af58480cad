"""Equality and order as JavaScript's ``==`` and ``<`` have them: values are converted to one another."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.domain.general_form.readers.numbers import read_js_number
from chalicelib.domain.general_form.readers.texts import read_js_text
from chalicelib.domain.general_form.values import UNREADABLE, Relation

_Compare = Callable[[Any, Any], bool]


def _build_js_eq(right: Any) -> Relation:
    """1 equals ``"1"`` and true. Null equals null only, and two lists or objects are never one."""
    right_value = _convert(right)

    def holds(left: Any) -> Any:
        if left is None or right is None:
            return left is right
        if type(left) in (list, dict) and type(right) in (list, dict):
            return False
        return _relate(operator.eq, _convert(left), right_value)

    return holds


def _build_js_order(compare: _Compare) -> Callable[[Any], Relation]:
    """Two texts by their UTF-16 code units, all else as numbers; null is 0. No number: false."""

    def build(right: Any) -> Relation:
        right_value = _convert(right)
        return lambda left: _relate(compare, _convert(left), right_value)

    return build


def _convert(value: Any) -> Any:
    """To text or a number; UNREADABLE if it is nested too deeply for either."""
    if value is None:
        return 0
    if type(value) in (list, dict):
        value = read_js_text(value)
    return value


def _relate(compare: _Compare, left: Any, right: Any) -> Any:
    if left is UNREADABLE or right is UNREADABLE:
        return UNREADABLE
    if type(left) is str and type(right) is str:
        if left.isascii() and right.isascii():
            return compare(left, right)
        return compare(_encode(left), _encode(right))
    left_number, right_number = read_js_number(left), read_js_number(right)
    if left_number is UNREADABLE or right_number is UNREADABLE:
        return False
    return compare(left_number, right_number)


def _encode(text: str) -> bytes:
    return text.encode("utf-16-be", "surrogatepass")


JS_RELATIONS: Mapping[str, Callable[[Any], Relation]] = {
    "js-eq": _build_js_eq,
    "js-lt": _build_js_order(operator.lt),
    "js-le": _build_js_order(operator.le),
    "js-gt": _build_js_order(operator.gt),
    "js-ge": _build_js_order(operator.ge),
}
