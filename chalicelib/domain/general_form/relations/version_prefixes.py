"""Comparisons of a version with the beginning of one: ``2.0.1`` equals ``2``, so this is no order."""

import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from chalicelib.domain.general_form.values import (
    CACHED_TEXTS,
    MAX_TEXT,
    UNREADABLE,
    Relation,
    UnusableOperand,
)


class _Version(NamedTuple):
    """``parts``: up to three numbers, then what follows the ``mark``, a ``-`` or ``+``, as one text."""

    parts: tuple[str, ...]
    mark: str


_VERSION = re.compile(r"(\d+(?:\.\d+){0,2})(?:([-+])(\S*))?", re.ASCII)


def _build(compare: Callable[[int, int], bool]) -> Callable[[Any], Relation]:
    def build(right: Any) -> Relation:
        if type(right) is not str or len(right) > MAX_TEXT or _parse_version(right) is None:
            raise UnusableOperand("must be a version of up to three numbers, like 2 or 2.1.0-beta")

        def holds(left: Any) -> Any:
            if type(left) is not str or len(left) > MAX_TEXT:
                return UNREADABLE
            order = _find_order(left, right)
            return UNREADABLE if order is None else compare(order, 0)

        return holds

    return build


@lru_cache(CACHED_TEXTS)
def _find_order(left: str, right: str) -> int | None:
    """Of two texts; None if the left one is no version, or where a number meets a text."""
    version, wanted = _parse_version(left), _parse_version(right)
    return None if version is None or wanted is None else _compare_as_far(version, wanted)


def _parse_version(text: str) -> _Version | None:
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    numbers = tuple(match[1].split("."))
    return _Version((*numbers, match[3]) if match[2] else numbers, match[2] or "")


def _compare_as_far(version: _Version, wanted: _Version) -> int | None:
    """As far as ``wanted`` goes: negative, 0 or positive; None where a number meets a text."""
    is_prerelease, wants_prerelease = version.mark == "-", wanted.mark == "-"
    for index, wanted_part in enumerate(wanted.parts):
        if index >= len(version.parts):
            return 1 if wanted.mark else -1
        part = version.parts[index]
        if _is_number(part):
            if not _is_number(wanted_part):
                return None
            if int(part) != int(wanted_part):
                return 1 if int(part) > int(wanted_part) else -1
        elif part < wanted_part:
            return 1 if wants_prerelease and not is_prerelease else -1
        elif part > wanted_part:
            return -1 if is_prerelease and not wants_prerelease else 1
    return -1 if is_prerelease and not wants_prerelease else 0


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


PREFIX_RELATIONS: Mapping[str, Callable[[Any], Relation]] = {
    "version-prefix-eq": _build(operator.eq),
    "version-prefix-lt": _build(operator.lt),
    "version-prefix-le": _build(operator.le),
    "version-prefix-gt": _build(operator.gt),
    "version-prefix-ge": _build(operator.ge),
}
