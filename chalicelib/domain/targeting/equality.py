"""Equality by value, and membership in constant time, for scalars, lists and objects.

Lists and objects cannot be members of a Python set, so each value has a hashable key: two keys are equal
exactly if the values are. Version 1.0 compares as Python does (``True == 1``); in 2.0 booleans equal only
booleans.
"""

from collections.abc import Callable, Iterable
from typing import Any

from chalicelib.domain.targeting.document import MAX_NESTING
from chalicelib.domain.targeting.values import LastResultCache

MakeKey = Callable[[Any], Any]


def make_key_v1(value: Any, convert_scalar: MakeKey | None = None, depth: int = 0) -> Any:
    """The hashable key of a value.

    A value that is nested deeper than any document equals none of the document's values, so any new object
    will do as its key.
    """
    if isinstance(value, list):
        if depth > MAX_NESTING:
            return object()
        return (list, tuple([make_key_v1(item, convert_scalar, depth + 1) for item in value]))
    if isinstance(value, dict):
        if depth > MAX_NESTING:
            return object()
        members = [(key, make_key_v1(item, convert_scalar, depth + 1)) for key, item in value.items()]
        return (dict, frozenset(members))
    return convert_scalar(value) if convert_scalar else value


def make_key_v2(value: Any) -> Any:
    return make_key_v1(value, _tag_boolean)


def _tag_boolean(value: Any) -> Any:
    return (bool, value) if isinstance(value, bool) else value


def compile_equality_v2(wanted: Any) -> Callable[[Any], bool]:
    """``==`` tells nearly all values apart, so few of them need a key."""
    wanted_key = make_key_v2(wanted)
    return lambda value: bool(value == wanted) and bool(make_key_v2(value) == wanted_key)


_TYPES_THAT_ARE_KEYS = frozenset({str, int, float, type(None)})


def _cache_element_keys(make_key: MakeKey, only_scalars: bool) -> LastResultCache:
    """List → the set of the keys of its elements, or of its scalar elements only."""
    skipped = (list, dict) if only_scalars else ()
    return LastResultCache(
        lambda values: {
            value if type(value) in _TYPES_THAT_ARE_KEYS else make_key(value)
            for value in values
            if not isinstance(value, skipped)
        }
    )


_KEY_MAKERS: tuple[MakeKey, ...] = (make_key_v1, make_key_v2)
_KEYS = {make_key: LastResultCache(make_key) for make_key in _KEY_MAKERS}
_ELEMENT_KEYS = {
    (make_key, only_scalars): _cache_element_keys(make_key, only_scalars)
    for make_key in _KEY_MAKERS
    for only_scalars in (True, False)
}


class Choices:
    """The values that a condition lists, by their keys."""

    __slots__ = ("has_only_scalars", "keys", "make_element_keys", "make_key")

    def __init__(self, values: Iterable[Any], make_key: MakeKey = make_key_v1) -> None:
        self.make_key = make_key
        self.keys = frozenset(map(make_key, values))
        self.has_only_scalars = not any(isinstance(key, tuple) for key in self.keys)
        self.make_element_keys = _ELEMENT_KEYS[make_key, self.has_only_scalars]

    def contain(self, value: Any) -> bool:
        if isinstance(value, (list, dict)):
            return not self.has_only_scalars and _KEYS[self.make_key](value) in self.keys
        return self.make_key(value) in self.keys

    def count_in(self, values: list[Any]) -> int:
        """How many of the choices are elements of ``values``."""
        return len(self.keys & self.make_element_keys(values))
