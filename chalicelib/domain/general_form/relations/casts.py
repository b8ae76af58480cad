"""Comparisons with a text that is read as what the attribute is: ``"5"`` is a number beside one, else text.

The attribute is as the reader ``typed`` reads it. Beside a boolean all texts but ``false`` and ``False`` are
true. Beside an integer the text must be one: ``"5.0"`` cannot be read.
"""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.domain.general_form.readers.texts import read_typed
from chalicelib.domain.general_form.values import UNREADABLE, Relation, UnusableOperand

_FALSE = ("false", "False")


def _build(compare: Callable[[Any, Any], bool]) -> Callable[[Any], Relation]:
    def build(right: Any) -> Relation:
        if type(right) is not str:
            raise UnusableOperand("must be text, which is read as what the attribute is")
        by_type: dict[type, Any] = {
            bool: right not in _FALSE,
            int: _cast(int, right),
            float: _cast(float, right),
            str: right,
        }

        def holds(left: Any) -> Any:
            left = read_typed(left)
            wanted = by_type.get(type(left), UNREADABLE)
            return UNREADABLE if wanted is UNREADABLE else compare(left, wanted)

        return holds

    return build


def _cast(kind: type, text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        return UNREADABLE


CAST_RELATIONS: Mapping[str, Callable[[Any], Relation]] = {
    "cast-eq": _build(operator.eq),
    "cast-ne": _build(operator.ne),
    "cast-lt": _build(operator.lt),
    "cast-le": _build(operator.le),
    "cast-gt": _build(operator.gt),
    "cast-ge": _build(operator.ge),
}
