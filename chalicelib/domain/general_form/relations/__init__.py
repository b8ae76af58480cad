"""The closed registry of relations between two values, each as its reader has read it."""

import operator
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.domain.general_form.relations.casts import CAST_RELATIONS
from chalicelib.domain.general_form.relations.digests import DIGEST_RELATIONS
from chalicelib.domain.general_form.relations.javascript import JS_RELATIONS
from chalicelib.domain.general_form.relations.networks import NETWORK_RELATIONS
from chalicelib.domain.general_form.relations.patterns import PATTERN_RELATIONS
from chalicelib.domain.general_form.relations.sets import SET_RELATIONS
from chalicelib.domain.general_form.relations.single_values import VALUE_RELATIONS
from chalicelib.domain.general_form.relations.version_prefixes import PREFIX_RELATIONS
from chalicelib.domain.general_form.relations.version_ranges import RANGE_RELATIONS
from chalicelib.domain.general_form.relations.weekly import WEEKLY_RELATIONS
from chalicelib.domain.general_form.values import (
    UNREADABLE,
    NumberList,
    Relation,
    SemanticVersion,
    UnusableOperand,
)
from chalicelib.domain.targeting.equality import Choices, compile_equality_v2, make_key_v2

_KINDS: tuple[tuple[type, ...], ...] = ((int, float), (str,), (SemanticVersion,), (NumberList,))
"""Values are ordered within a kind."""


def _build_eq(right: Any) -> Relation:
    if type(right) is str:  # a text equals texts only
        return lambda left: left == right
    return compile_equality_v2(right)


def _build_ne(right: Any) -> Relation:
    is_equal = _build_eq(right)
    return lambda left: not is_equal(left)


def _build_in(right: Any) -> Relation:
    if type(right) is not list:
        raise UnusableOperand("must be a list")
    if {*map(type, right)} == {str}:
        texts = frozenset(right)
        return lambda left: type(left) is str and left in texts
    return Choices(right, make_key_v2).contain


def _build_order(compare: Callable[[Any, Any], bool]) -> Callable[[Any], Relation]:
    def build(right: Any) -> Relation:
        kind = _find_kind(right)
        return lambda left: compare(left, right) if type(left) in kind else UNREADABLE

    return build


def _build_between(right: Any) -> Relation:
    if type(right) is not list or len(right) != 2:
        raise UnusableOperand("must be a list of the lowest and the highest value")
    low, high = right
    kind = _find_kind(low)
    if type(high) not in kind:
        raise UnusableOperand("must have two values of one kind")
    return lambda left: low <= left <= high if type(left) in kind else UNREADABLE


def _build_text_relation(holds: Callable[[str, str], bool]) -> Callable[[Any], Relation]:
    def build(right: Any) -> Relation:
        if type(right) is not str:
            raise UnusableOperand("must be text")
        return lambda left: holds(left, right) if type(left) is str else UNREADABLE

    return build


def _find_kind(value: Any) -> tuple[type, ...]:
    for kind in _KINDS:
        if type(value) in kind:
            return kind
    raise UnusableOperand("must be a number, a text or a version: nothing else has an order")


RELATIONS: Mapping[str, Callable[[Any], Relation]] = {
    "eq": _build_eq,
    "ne": _build_ne,
    "lt": _build_order(operator.lt),
    "le": _build_order(operator.le),
    "gt": _build_order(operator.gt),
    "ge": _build_order(operator.ge),
    "between": _build_between,
    "in": _build_in,
    "starts": _build_text_relation(str.startswith),
    "ends": _build_text_relation(str.endswith),
    "contains": _build_text_relation(operator.contains),
    **VALUE_RELATIONS,
    **SET_RELATIONS,
    **RANGE_RELATIONS,
    **NETWORK_RELATIONS,
    **PATTERN_RELATIONS,
    **DIGEST_RELATIONS,
    **JS_RELATIONS,
    **CAST_RELATIONS,
    **PREFIX_RELATIONS,
    **WEEKLY_RELATIONS,
}
SETS = frozenset(SET_RELATIONS)
"""Relations whose left side is a list, each element of which is read by itself."""
LISTS = frozenset({"between", "in", *SETS})
"""Relations whose right side is a list, each element of which is read by itself."""
AS_WRITTEN = frozenset(
    {
        *(*VALUE_RELATIONS, *JS_RELATIONS, *RANGE_RELATIONS, *PREFIX_RELATIONS, *WEEKLY_RELATIONS),
        *(*NETWORK_RELATIONS, *PATTERN_RELATIONS, *DIGEST_RELATIONS, *CAST_RELATIONS),
    }
)
"""Relations whose right side is not read by the reader of the left."""
WRITTEN_ONLY = frozenset({*PATTERN_RELATIONS, *DIGEST_RELATIONS})
"""Relations whose right side is costly to prepare: it stands in the definition, never in an operand."""
WITHOUT_VALUE = frozenset({"truthy", "logic-truthy"})
"""Relations that have no right side."""
