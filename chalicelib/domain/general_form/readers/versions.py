"""Readers that make something with an order of a version."""

import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from chalicelib.domain.general_form.readers.texts import read_canonical, write_js_number
from chalicelib.domain.general_form.values import (
    CACHED_TEXTS,
    MAX_TEXT,
    RELEASE,
    UNREADABLE,
    NumberList,
    Reader,
    SemanticVersion,
)

_MAX_INTEGER = 10**MAX_TEXT
_NUMBER = r"(?:0|[1-9]\d*)"
_IDENTIFIER = rf"(?:{_NUMBER}|\d*[A-Za-z-][0-9A-Za-z-]*)"
LABEL = rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
_STRICT = re.compile(rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER}){LABEL}", re.ASCII)
_PARTIAL = re.compile(rf"({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?{LABEL}", re.ASCII)
_LENIENT = re.compile(f"[vV]?{_PARTIAL.pattern}", re.ASCII)


def read_semver(value: Any) -> Any:
    """Lenient: a ``v``, missing parts (which are 0) and plain numbers are taken."""
    if type(value) in (int, float):
        value = str(value) if -_MAX_INTEGER < value < _MAX_INTEGER else ""
    return _parse_lenient(value) if type(value) is str and len(value) <= MAX_TEXT else UNREADABLE


def read_strict(value: Any) -> Any:
    return _parse_strict(value) if type(value) is str and len(value) <= MAX_TEXT else UNREADABLE


def read_trimmed(value: Any) -> Any:
    """Strict, with blanks around it."""
    return read_strict(value.strip()) if type(value) is str else UNREADABLE


def read_partial(value: Any) -> Any:
    """Minor and patch may be missing, and are 0."""
    return _parse_partial(value) if type(value) is str and len(value) <= MAX_TEXT else UNREADABLE


def read_dotted_numbers(value: Any) -> Any:
    """Numbers between dots, however many; what follows a hyphen does not count. A number is such text too."""
    if type(value) in (int, float):
        value = read_canonical(value)
    return _parse_dotted_numbers(value) if type(value) is str and len(value) <= MAX_TEXT else UNREADABLE


def read_triple(value: Any) -> Any:
    """Up to three numbers; blanks, a ``v``, further parts, pre-release and build do not count."""
    return _parse_triple(value) if type(value) is str and len(value) <= MAX_TEXT else UNREADABLE


def _cache_parse(pattern: re.Pattern[str]) -> Callable[[str], Any]:
    return lru_cache(CACHED_TEXTS)(partial(_parse_semver, pattern))


def _parse_semver(pattern: re.Pattern[str], text: str) -> Any:
    match = pattern.fullmatch(text)
    if match is None:
        return UNREADABLE
    major, minor, patch, label = match.groups()
    return SemanticVersion(int(major), int(minor or 0), int(patch or 0), parse_label(label))


def parse_label(label: str | None) -> tuple[Any, ...]:
    """Of a pre-release: its identifiers, numbers before texts. None is a release."""
    if label is None:
        return RELEASE
    identifiers: list[tuple[int, int, str]] = []
    for identifier in label.split("."):
        if not identifier.isdigit():
            identifiers.append((1, 0, identifier))
        else:
            identifiers.append((0, int(identifier), ""))
    return (0, tuple(identifiers))


_parse_lenient, _parse_strict, _parse_partial = map(_cache_parse, (_LENIENT, _STRICT, _PARTIAL))


@lru_cache(CACHED_TEXTS)
def _parse_dotted_numbers(text: str) -> Any:
    return _make_number_list(text.partition("-")[0].split("."))


@lru_cache(CACHED_TEXTS)
def _parse_triple(text: str) -> Any:
    numbers = re.split(r"[-+]", text.strip(), maxsplit=1)[0].removeprefix("v").removeprefix("V")
    return _make_number_list(numbers.split(".")[:3])


_DIGITS = re.compile(r"\d+", re.ASCII)
_AROUND_VERSION = re.compile("^v|\\+[^\n\r\u2028\u2029]*\\Z")
"""A leading v, and build metadata, which is all of one line."""


def _make_number_list(parts: list[str]) -> Any:
    if not all(map(_DIGITS.fullmatch, parts)):
        return UNREADABLE
    numbers = [int(part) for part in parts]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return NumberList(numbers)


def read_padded(value: Any) -> Any:
    """Text that sorts much as versions do: its numbers padded to five digits. What is no version is ``0``."""
    if type(value) in (int, float):
        value = write_js_number(value)
    if type(value) is not str:
        return UNREADABLE if value is UNREADABLE else _pad("0")
    return _pad(value or "0") if len(value) <= MAX_TEXT else UNREADABLE


@lru_cache(CACHED_TEXTS)
def _pad(text: str) -> str:
    without_build = _AROUND_VERSION.sub("", text)
    parts = re.split(r"[-.]", without_build)
    if len(parts) == 3:
        parts.append("~")  # sorts a release after its pre-releases
    return "-".join(part.rjust(5) if _DIGITS.fullmatch(part) else part for part in parts)


VERSION_READERS: dict[str, Reader] = {
    "semver": read_semver,
    "semver-strict": read_strict,
    "semver-trim": read_trimmed,
    "semver-partial": read_partial,
    "dotted-numbers": read_dotted_numbers,
    "triple": read_triple,
    "padded": read_padded,
}
