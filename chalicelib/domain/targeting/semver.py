"""``semantic_version``: versions (semver.org 2.0.0) as keys that sort by precedence, and the operator.

Build metadata is ignored.
"""

import re
from typing import Any

from chalicelib.domain.targeting.document import Condition, InvalidOperand
from chalicelib.domain.targeting.values import COMPARISONS, Test

Key = tuple[int, int, int, tuple[Any, ...]]

_IDENTIFIER = r"(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)
_RELEASE = (1,)

CACHE_SIZE, CACHED_LENGTH = 4_096, 64
key_cache: dict[str, Key] = {}
"""Keys of attribute texts: apps send few versions, many times. Bounded in entries and in characters."""


def build_semantic_version(condition: Condition) -> Test:
    """The same in both versions of the rules."""
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
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    major, minor, patch, prerelease = match.groups()
    return (
        int(major),
        int(minor),
        int(patch),
        _RELEASE if prerelease is None else (0, *map(_parse_identifier, prerelease.split("."))),
    )


def _parse_identifier(text: str) -> tuple[int, int | str]:
    return (0, int(text)) if text.isdigit() else (1, text)


def read_key(value: object) -> Key | None:
    """The key of an attribute, without leading ``v``, however many. None if it is not a version."""
    if not isinstance(value, str):
        return None
    key = key_cache.get(value)
    if key is None:
        key = parse_strict(value.lstrip("v"))
        if key is not None and len(value) <= CACHED_LENGTH:
            if len(key_cache) >= CACHE_SIZE:
                key_cache.clear()
            key_cache[value] = key
    return key
