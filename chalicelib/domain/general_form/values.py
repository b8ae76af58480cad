"""What readers and relations take and answer."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple


class Unreadable:
    """The one value that says that a reader cannot read something."""


UNREADABLE: Final = Unreadable()
Reader = Callable[[Any], Any]
"""JSON value (never null) -> a value that relations compare, or UNREADABLE. UNREADABLE itself stays so."""
Relation = Callable[[Any], Any]
"""Left value -> True, False or UNREADABLE."""

CACHED_TEXTS = 10_000
MAX_TEXT = 300
"""Characters of a number, a version or a time; a longer text is none."""


class UnusableOperand(ValueError):
    """The right side cannot be used with the relation; the message says what it must be."""


class SemanticVersion(NamedTuple):
    """Orders as semver 2.0 does. ``label`` is ``(1,)`` for a release, which sorts after every pre-release."""

    major: int
    minor: int
    patch: int
    label: tuple[Any, ...]


class NumberList(tuple[int, ...]):
    """A version that is nothing but numbers, without zeros at its end: missing ones are 0."""

    __slots__ = ()


RELEASE = (1,)
