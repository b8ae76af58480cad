"""What JSON values mean to version 1.0: text, number and date forms, and equality by value.

The backend is written in Python, so ``str``, ``float``, ``int``, ``==`` and ``hash`` *are* its forms:
``True == 1``, integers compare exactly with floats, and a list's text form quotes its elements.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.targeting.document import MAX_NESTING

Test = Callable[[Any, float], bool]
"""(value of the attribute, now in epoch seconds) -> whether the condition holds."""

ERRORS = (TypeError, ValueError, ArithmeticError, LookupError, RecursionError, OSError)
"""What a condition can raise on some JSON value; each of them means that it does not hold."""


def never(_value: Any, _now: float) -> bool:
    """Recognised by identity: lint and the compiler know that the condition cannot hold."""
    return False


def always(_value: Any, _now: float) -> bool:
    """Recognised by identity: the condition holds whenever the attribute is there."""
    return True


class Latest:
    """What was made of the value seen last: many conditions ask about one large value of a context.

    By identity, as nothing changes the values of a context. One slot, so that little outlives its request.
    """

    __slots__ = ("derive", "latest")

    def __init__(self, derive: Callable[[Any], Any]) -> None:
        self.derive = derive
        self.latest: tuple[Any, Any] = (object(), None)

    def __call__(self, value: Any) -> Any:
        known, derived = self.latest
        if known is not value:
            derived = self.derive(value)
            self.latest = value, derived  # one tuple: another thread sees both or neither
        return derived


_list_text = Latest(str)


def text_form(value: Any) -> str:
    """``T`` of the specification."""
    if isinstance(value, str):
        return value
    text: str = _list_text(value) if isinstance(value, (list, dict)) else str(value)
    return text


def frozen(value: Any, leaf: Callable[[Any], Any] | None = None, depth: int = 0) -> Any:
    """A hashable twin: two twins are equal exactly if the values are.

    A value deeper than any in a document equals none of them, so that its twin may be any fresh object.
    """
    if isinstance(value, list):
        if depth > MAX_NESTING:
            return object()
        return (list, tuple([frozen(item, leaf, depth + 1) for item in value]))
    if isinstance(value, dict):
        if depth > MAX_NESTING:
            return object()
        return (dict, frozenset([(key, frozen(item, leaf, depth + 1)) for key, item in value.items()]))
    return leaf(value) if leaf else value


def typed(value: Any) -> Any:
    """The twin by which version 2.0 compares: booleans equal only booleans."""
    return frozen(value, _typed_leaf)


def _typed_leaf(value: Any) -> Any:
    return (bool, value) if isinstance(value, bool) else value


def same_as(wanted: Any) -> Callable[[Any], bool]:
    """Equality of version 2.0. Values that ``==`` tells apart, which are nearly all, get no twin."""
    twin = typed(wanted)
    return lambda value: bool(value == wanted) and bool(typed(value) == twin)


_OWN_TWINS = frozenset({str, int, float, type(None)})


def _elements(twin: Callable[[Any], Any], plain: bool) -> Latest:
    """Of a list, the twins of its elements, or only of those that are plain."""
    skipped = (list, dict) if plain else ()
    return Latest(
        lambda values: {v if type(v) in _OWN_TWINS else twin(v) for v in values if not isinstance(v, skipped)}
    )


_TWINS: dict[Callable[[Any], Any], Latest] = {twin: Latest(twin) for twin in (frozen, typed)}
_ELEMENTS: dict[tuple[Callable[[Any], Any], bool], Latest] = {
    (twin, plain): _elements(twin, plain) for twin in (frozen, typed) for plain in (True, False)
}


class Choices:
    """Membership by value in constant time, for scalars, lists and objects."""

    __slots__ = ("elements", "plain", "twin", "twins")

    def __init__(self, values: Iterable[Any], twin: Callable[[Any], Any] = frozen) -> None:
        self.twin = twin
        self.twins = frozenset(map(twin, values))
        self.plain = not any(isinstance(choice, tuple) for choice in self.twins)
        self.elements = _ELEMENTS[twin, self.plain]

    def has(self, value: Any) -> bool:
        if isinstance(value, (list, dict)):
            return not self.plain and _TWINS[self.twin](value) in self.twins
        return self.twin(value) in self.twins

    def among(self, values: list[Any]) -> int:
        """How many of the choices are elements of ``values``."""
        return len(self.twins & self.elements(values))


def is_number(value: Any) -> bool:
    """Booleans included: to version 1.0 they are 1 and 0."""
    return isinstance(value, (int, float))


def looks_numeric(value: Any) -> bool:
    """``between`` compares numbers only if all three look like one; ``-5`` as text does not."""
    return value.replace(".", "", 1).isdigit() if isinstance(value, str) else is_number(value)


_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?:.(?:[01]\d|2[0-3])(?::\d\d(?::\d\d(?:\.(?:\d{3}|\d{6}))?)?)?"
    r"(?:[+-](?:[01]\d|2[0-3]):\d\d(?::\d\d)?)?)?",
    re.ASCII | re.DOTALL,
)
_LONGEST_DATE_TIME = 48


def date_time(text: str) -> datetime:
    """ISO 8601 as every runtime reads it; naive without an offset. ``fromisoformat`` alone takes more."""
    if len(text) <= _LONGEST_DATE_TIME:
        text = text.replace("Z", "+00:00")
        if _DATE_TIME.fullmatch(text):
            return datetime.fromisoformat(text)
    raise ValueError("not a date-time")


def moment(value: Any) -> datetime:
    """Text as a date-time; a number as seconds since the epoch, naive, on a machine that runs in UTC."""
    if isinstance(value, str):
        return date_time(value)
    if is_number(value):
        return datetime.fromtimestamp(value, UTC).replace(tzinfo=None)
    raise TypeError("neither text nor a number")
