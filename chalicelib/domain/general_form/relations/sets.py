"""Relations between two lists as sets of JSON values: neither order nor repetition counts."""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.domain.general_form.values import UNREADABLE, Relation, UnusableOperand
from chalicelib.domain.targeting.equality import make_key_v2


def _build_set_relation(
    holds: Callable[[frozenset[Any], frozenset[Any]], bool],
) -> Callable[[Any], Relation]:
    def build(right: Any) -> Relation:
        if type(right) is not list:
            raise UnusableOperand("must be a list")
        keys = _make_keys(right)
        return lambda left: holds(_make_keys(left), keys) if type(left) is list else UNREADABLE

    return build


def _make_keys(values: list[Any]) -> frozenset[Any]:
    """An element that its reader cannot read is UNREADABLE here, which is equal to no value of a document."""
    return frozenset([value if type(value) is str else make_key_v2(value) for value in values])


def _meets(left: frozenset[Any], right: frozenset[Any]) -> bool:
    return not left.isdisjoint(right)


SET_RELATIONS: Mapping[str, Callable[[Any], Relation]] = {
    "meets": _build_set_relation(_meets),
    "superset": _build_set_relation(frozenset.issuperset),
    "subset": _build_set_relation(frozenset.issubset),
    "equals": _build_set_relation(frozenset.__eq__),
}
