"""What a scheme is, and how bounds on its raw integers are found."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

Number = int | float
Parameters = Mapping[str, Any]


class Scheme(NamedTuple):
    """``hash_unit`` raises UnicodeEncodeError for a lone surrogate. Raw integers are below ``raw_end``.

    ``identity`` is equal for schemes that hash equally; ``half`` says which part of a shared hash is read.
    """

    hash_unit: Callable[[str], int]
    raw_end: int
    read_number: Callable[[int], Number]
    end: Number  # ranges lie within [0, end]
    identity: tuple[Any, ...]
    half: int | None = None


_BOUNDS: dict[tuple[Any, ...], int] = {}
_MAX_BOUNDS = 10_000


def find_bound(scheme: Scheme, number: Number, *, closed: bool = False) -> int:
    """The smallest raw integer that reads as at least ``number``, or as more than it if ``closed``.

    Schemes of one name and size read their integers alike, whatever they hash.
    """
    key = scheme.identity[0], scheme.raw_end, scheme.end, number, closed
    bound = _BOUNDS.get(key)
    if bound is None:
        if len(_BOUNDS) >= _MAX_BOUNDS:
            _BOUNDS.clear()
        bound = _BOUNDS[key] = _bisect(scheme, number, closed)
    return bound


def _bisect(scheme: Scheme, number: Number, closed: bool) -> int:
    """Exact for doubles too."""
    low, high, read = 0, scheme.raw_end, scheme.read_number
    while low < high:
        middle = (low + high) // 2
        is_reached = read(middle) > number if closed else read(middle) >= number
        if is_reached:
            high = middle
        else:
            low = middle + 1
    return low


class SchemeEntry(NamedTuple):
    """The names of a scheme's parameters."""

    build: Callable[[Parameters], Scheme]
    required: frozenset[str]
    optional: frozenset[str] = frozenset()
