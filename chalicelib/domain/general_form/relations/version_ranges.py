"""Ranges of versions, as npm writes them: ``^1.2.3``, ``~1.2``, ``>=1.2.0 <2.0.0 || 3.x``.

Every range becomes alternatives, each a list of bounds that must all hold. A pre-release lies in a range only
if one of the bounds is a pre-release of the same three numbers: ``>1.2.3-a`` takes ``1.2.3-b`` but not
``1.3.0-b``. Of a list of numbers the first three count.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from chalicelib.domain.general_form.readers.versions import LABEL, parse_label
from chalicelib.domain.general_form.values import (
    CACHED_TEXTS,
    MAX_TEXT,
    RELEASE,
    UNREADABLE,
    NumberList,
    Relation,
    SemanticVersion,
    UnusableOperand,
)

_LOWEST = (0, ((0, 0, ""),))
"""The label of ``-0``, the first pre-release of all."""
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class _Bound(NamedTuple):
    sign: str
    version: SemanticVersion


class _Partial(NamedTuple):
    """The parts that are written, up to three, and the label of a pre-release."""

    numbers: tuple[int, ...]
    label: tuple[Any, ...]

    def fill(self) -> SemanticVersion:
        major, minor, patch = (*self.numbers, 0, 0, 0)[:3]
        return SemanticVersion(major, minor, patch, self.label)

    def step(self, index: int, label: tuple[Any, ...]) -> SemanticVersion:
        """The version at which the part of this index is one higher."""
        major, minor, patch = (*self.numbers[:index], self.numbers[index] + 1, 0, 0)[:3]
        return SemanticVersion(major, minor, patch, label)


_Alternatives = tuple[tuple[_Bound, ...], ...]
_PART = r"(?:0|[1-9]\d*|[xX*])"
_PARTIAL = re.compile(rf"v?({_PART})(?:\.({_PART}))?(?:\.({_PART}){LABEL})?", re.ASCII)
_COMPARATOR = re.compile(r"(<=|>=|<|>|=|\^|~|)[ ]*([^ ,<>=^~]+)[ ,]*")
_FORM = "must be a version, or a part of one, like 1.2.3 or 1.2"
_RANGE_FORM = "must be a range of versions like >=1.2.0 <2.0.0 || 3.x"


def _build_version_range(right: Any) -> Relation:
    return _relate(_parse_range(_require_text(right, _RANGE_FORM)))


def _build_caret(right: Any) -> Relation:
    """From this version on, up to where its first part that is not 0 changes."""
    return _relate((_find_bounds("^", _require_text(right, _FORM)),))


def _build_tilde(right: Any) -> Relation:
    """From this version on, up to where its minor part changes; the major one, if there is no minor."""
    return _relate((_find_bounds("~", _require_text(right, _FORM)),))


def _require_text(right: Any, rule: str) -> str:
    if type(right) is not str or len(right) > MAX_TEXT:
        raise UnusableOperand(rule)
    return right


@lru_cache(CACHED_TEXTS)
def _parse_range(text: str) -> _Alternatives:
    return tuple(tuple(_parse_alternative(alternative.strip(" "))) for alternative in text.split("||"))


def _parse_alternative(text: str) -> Iterator[_Bound]:
    position = 0
    while position < len(text) or not text:
        match = _COMPARATOR.match(text, position)
        if match is None:
            raise UnusableOperand(_RANGE_FORM)
        yield from _find_bounds(match[1], match[2])
        position = match.end()


@lru_cache(CACHED_TEXTS)
def _find_bounds(sign: str, text: str) -> tuple[_Bound, ...]:
    partial = _parse_partial(text)
    count = len(partial.numbers)
    if count == 0:  # any version; below any, there is none
        return (_Bound("<", partial.fill()._replace(label=_LOWEST)),) if sign in ("<", ">") else ()
    if sign in ("^", "~"):
        index = _find_caret_part(partial.numbers) if sign == "^" else min(count, 2) - 1
        return (_Bound(">=", partial.fill()), _Bound("<", partial.step(index, _LOWEST)))
    if count == 3:
        signs = (">=", "<=") if sign in ("", "=") else (sign,)
        return tuple(_Bound(each, partial.fill()) for each in signs)
    after, first = partial.step(count - 1, RELEASE), partial.fill()
    return {
        "": (_Bound(">=", first), _Bound("<", after._replace(label=_LOWEST))),
        "=": (_Bound(">=", first), _Bound("<", after._replace(label=_LOWEST))),
        ">=": (_Bound(">=", first),),
        ">": (_Bound(">=", after),),
        "<": (_Bound("<", first._replace(label=_LOWEST)),),
        "<=": (_Bound("<", after._replace(label=_LOWEST)),),
    }[sign]


def _find_caret_part(numbers: tuple[int, ...]) -> int:
    return next((index for index, number in enumerate(numbers) if number), len(numbers) - 1)


def _parse_partial(text: str) -> _Partial:
    match = _PARTIAL.fullmatch(text)
    if match is None:
        raise UnusableOperand(_RANGE_FORM)
    numbers: list[int] = []
    for part in match.groups()[:3]:
        if part is None or part in "xX*":
            break
        numbers.append(int(part))
    return _Partial(tuple(numbers), parse_label(match[4]) if len(numbers) == 3 else RELEASE)


def _relate(alternatives: _Alternatives) -> Relation:
    def holds(left: Any) -> Any:
        if type(left) is NumberList:
            major, minor, patch = (*left, 0, 0, 0)[:3]
            left = SemanticVersion(major, minor, patch, RELEASE)
        if type(left) is not SemanticVersion:
            return UNREADABLE
        for bounds in alternatives:  # noqa: SIM110 - any() of a generator takes twice as long
            if _is_within(left, bounds):
                return True
        return False

    return holds


def _is_within(version: SemanticVersion, bounds: tuple[_Bound, ...]) -> bool:
    for sign, end in bounds:
        if not _COMPARE[sign](version, end):
            return False
    if version.label == RELEASE:
        return True
    return any(bound.version.label != RELEASE and bound.version[:3] == version[:3] for bound in bounds)


RANGE_RELATIONS: Mapping[str, Callable[[Any], Relation]] = {
    "caret": _build_caret,
    "tilde": _build_tilde,
    "version-range": _build_version_range,
}
