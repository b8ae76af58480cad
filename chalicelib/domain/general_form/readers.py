"""The closed registry of readers: what a JSON value is to a test, or that it cannot be read.

A reader is total: it answers for every JSON value, lone surrogates and huge integers included.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import isfinite
from typing import Any, Final

from chalicelib.domain.targeting.rollout import identify_v1
from chalicelib.domain.targeting.values import ERRORS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unreadable:
    """The one value that says that a reader cannot read something."""


UNREADABLE: Final = Unreadable()
Reader = Callable[[Any], Any]
"""JSON value (never null) -> a value that relations compare, or UNREADABLE."""

CACHED_TEXTS = 10_000
MAX_TEXT = 300
"""Characters of a version or a timestamp; a longer text is none."""


def read_text(value: Any) -> Any:
    return value if type(value) is str else UNREADABLE


def read_folded(value: Any) -> Any:
    return value.lower().casefold() if type(value) is str else UNREADABLE


def read_number(value: Any) -> Any:
    if type(value) is int:
        return value
    return value if type(value) is float and isfinite(value) else UNREADABLE


def read_integer(value: Any) -> Any:
    return value if type(value) is int else UNREADABLE


def read_semver(value: Any) -> Any:
    """Lenient: a ``v``, missing parts (which are 0) and plain numbers are taken."""
    if type(value) in (int, float):
        value = str(value) if -_MAX_INTEGER < value < _MAX_INTEGER else ""
    if type(value) is not str or len(value) > MAX_TEXT:
        return UNREADABLE
    return _parse_semver(value)


def read_instant(value: Any) -> Any:
    """RFC 3339 with an offset, as microseconds since 1970."""
    if type(value) is not str or len(value) > MAX_TEXT:
        return UNREADABLE
    return _parse_instant(value)


def read_unit(value: Any) -> Any:
    """What native definitions hash: text that is not empty, and integers in decimal."""
    if type(value) is str:
        return value or UNREADABLE
    if type(value) is not int:
        return UNREADABLE
    try:
        return str(value)
    except ValueError:  # over 4,300 digits
        return UNREADABLE


def read_identity_v1(context: Any) -> Any:
    """Of a context: its first identifier that is not empty, else a digest of the whole."""
    try:
        return identify_v1(context)
    except ERRORS:
        return UNREADABLE


READERS: Mapping[str, Reader] = {
    "text": read_text,
    "fold": read_folded,
    "number": read_number,
    "integer": read_integer,
    "semver": read_semver,
    "instant": read_instant,
    "unit": read_unit,
    "identity-1.0": read_identity_v1,
}

_MAX_INTEGER = 10**MAX_TEXT
_NUMBER = r"(?:0|[1-9]\d*)"
_IDENTIFIER = rf"(?:{_NUMBER}|\d*[A-Za-z-][0-9A-Za-z-]*)"
_SEMVER = re.compile(
    rf"[vV]?({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
_RELEASE = (1,)
"""Sorts after every pre-release."""


@lru_cache(CACHED_TEXTS)
def _parse_semver(text: str) -> Any:
    """A tuple that orders as semver 2.0 does."""
    match = _SEMVER.fullmatch(text)
    if match is None:
        return UNREADABLE
    major, minor, patch, prerelease = match.groups()
    numbers = int(major), int(minor or 0), int(patch or 0)
    if prerelease is None:
        return (*numbers, _RELEASE)
    identifiers = []
    for identifier in prerelease.split("."):
        if not identifier.isdigit():
            identifiers.append((1, 0, identifier))
        else:
            identifiers.append((0, int(identifier), ""))
    return (*numbers, (0, tuple(identifiers)))


_RFC_3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@lru_cache(CACHED_TEXTS)
def _parse_instant(text: str) -> Any:
    match = _RFC_3339.fullmatch(text)
    if match is None:
        return UNREADABLE
    day, time, fraction, offset = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{time}{'+00:00' if offset in 'Zz' else offset}")
    except ValueError:
        return UNREADABLE
    microseconds = int((fraction or "0").ljust(6, "0")[:6])
    return (moment - EPOCH) // timedelta(microseconds=1) + microseconds
