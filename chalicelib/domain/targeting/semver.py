"""Semantic versions (semver.org 2.0.0) as keys that sort by precedence; build metadata is ignored."""

import re
from typing import Any

Key = tuple[int, int, int, tuple[Any, ...]]

_IDENTIFIER = r"(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?",
    re.ASCII,
)
_RELEASE = (1,)

MEMO_SIZE, MEMO_TEXT = 4_096, 64
known: dict[str, Key] = {}
"""Attribute texts seen before: apps send few versions, many times. Bounded in entries and in characters."""


def parse(text: str) -> Key | None:
    """None unless strict: no leading ``v``, no missing part, no leading zero."""
    match = _VERSION.fullmatch(text)
    if match is None:
        return None
    major, minor, patch, pre = match.groups()
    return (
        int(major),
        int(minor),
        int(patch),
        _RELEASE if pre is None else (0, *map(_identifier, pre.split("."))),
    )


def _identifier(text: str) -> tuple[int, int | str]:
    return (0, int(text)) if text.isdigit() else (1, text)


def key(value: object) -> Key | None:
    """Of an attribute: leading ``v`` are dropped, all of them; None if it is no version."""
    if not isinstance(value, str):
        return None
    found = known.get(value)
    if found is None:
        found = parse(value.lstrip("v"))
        if found is not None and len(value) <= MEMO_TEXT:
            if len(known) >= MEMO_SIZE:
                known.clear()
            known[value] = found
    return found
