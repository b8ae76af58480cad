"""``semantic_version``: versions (semver.org 2.0.0) as keys that sort by precedence, and the operator.

Build metadata is ignored. Version 2.0 of the rules also reads ``1.3``, ``V1.3.0`` and the number 1.3.
"""

import re
from collections.abc import Callable
from typing import Any

from chalicelib.domain.targeting.document import Condition, InvalidOperand
from chalicelib.domain.targeting.values import COMPARISONS, LastResultCache, Test

Key = tuple[int, int, int, tuple[Any, ...]]

_IDENTIFIER = r"(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_PART = r"(0|[1-9]\d*)"
_LABELS = rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
_VERSION = re.compile(rf"{_PART}\.{_PART}\.{_PART}{_LABELS}", re.ASCII)
_PARTIAL_VERSION = re.compile(rf"{_PART}(?:\.{_PART}(?:\.{_PART})?)?{_LABELS}", re.ASCII)
_RELEASE = (1,)

CACHE_SIZE, CACHED_LENGTH = 4_096, 64
key_cache: dict[str, Key] = {}
key_cache_v2: dict[str, Key] = {}
"""Keys of attribute texts: apps send few versions, many times. Bounded in entries and in characters."""


def build_semantic_version(condition: Condition, read_key: Callable[[Any], Key | None] | None = None) -> Test:
    """As version 1.0 reads versions, unless ``read_key`` is given."""
    read_key = read_key or read_key_v1
    wanted, compare = read_key(condition.value), COMPARISONS.get(condition.additional_value or "eq")
    if wanted is None:
        raise InvalidOperand("must be a semantic version like 2.3.0")
    if compare is None:
        raise InvalidOperand("is compared by an unknown `additional_value`: use eq, gt, gte, lt or lte")

    def test(value: Any, _now: float) -> bool:
        key = read_key(value)
        return key is not None and compare(key, wanted)

    return test


def parse_strict(text: str) -> Key | None:
    """None if there is a leading ``v``, a missing part or a leading zero."""
    return _parse(_VERSION, text)


def _parse(pattern: re.Pattern[str], text: str) -> Key | None:
    match = pattern.fullmatch(text)
    if match is None:
        return None
    major, minor, patch, prerelease = match.groups()
    try:
        return (
            int(major),
            int(minor or 0),
            int(patch or 0),
            _RELEASE if prerelease is None else (0, *map(_parse_identifier, prerelease.split("."))),
        )
    except ValueError:  # more digits than Python converts
        return None


def _parse_identifier(text: str) -> tuple[int, int | str]:
    return (0, int(text)) if text.isdigit() else (1, text)


def read_key_v1(value: object) -> Key | None:
    """The key of an attribute, without leading ``v``, however many. None if it is not a version."""
    if not isinstance(value, str):
        return None
    if len(value) > CACHED_LENGTH:
        long_key: Key | None = _read_long_key_v1(value)
        return long_key
    key = key_cache.get(value)
    if key is None:
        key = parse_strict(value.lstrip("v"))
        _keep(key_cache, value, key)
    return key


def read_key_v2(value: object) -> Key | None:
    """Missing parts are 0. A leading ``V`` counts as ``v``, and a number as its text: 1.3 is 1.3.0."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _parse(_PARTIAL_VERSION, str(value))
    if not isinstance(value, str):
        return None
    if len(value) > CACHED_LENGTH:
        long_key: Key | None = _read_long_key_v2(value)
        return long_key
    key = key_cache_v2.get(value)
    if key is None:
        key = _parse(_PARTIAL_VERSION, value.lstrip("vV"))
        _keep(key_cache_v2, value, key)
    return key


def _keep(cache: dict[str, Key], value: str, key: Key | None) -> None:
    if key is not None:
        if len(cache) >= CACHE_SIZE:
            cache.clear()
        cache[value] = key


_read_long_key_v1 = LastResultCache(lambda value: parse_strict(value.lstrip("v")))
_read_long_key_v2 = LastResultCache(lambda value: _parse(_PARTIAL_VERSION, value.lstrip("vV")))
"""A version of 32 KB takes 20 ms to read."""
