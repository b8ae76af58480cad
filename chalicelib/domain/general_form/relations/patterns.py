"""Relations between a text and a regular expression, searched in time linear in the text."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.domain.general_form.values import UNREADABLE, Relation, UnusableOperand
from chalicelib.domain.targeting.document import MAX_PATTERN, InvalidOperand

_LEADING_FLAGS = re.compile(r"(?:\(\?[a-zA-Z]+\))*")


def _build_match(right: Any) -> Relation:
    """Anywhere in the text."""
    _require_pattern(right)
    return _compile_search(right)


def _build_match_start(right: Any) -> Relation:
    _require_pattern(right)  # what is no pattern may become one within a group
    _compile_search(right)
    return _compile_search(_anchor(right))


def _anchor(pattern: str) -> str:
    """Flags stay in front. With the flag x, the last line of the pattern may be a comment."""
    flags = _LEADING_FLAGS.match(pattern)[0]  # type: ignore[index] # it matches every text
    last_line = "\n" if "x" in flags else ""
    return f"{flags}\\A(?:{pattern[len(flags) :]}{last_line})"


def _require_pattern(right: Any) -> None:
    if type(right) is not str or len(right) > MAX_PATTERN:
        raise UnusableOperand(f"must be a regular expression of at most {MAX_PATTERN} characters")


def _compile_search(pattern: str) -> Relation:
    from chalicelib.domain.targeting.regex import engine  # few definitions have patterns

    try:
        search = engine.compile_search(pattern)
    except InvalidOperand as error:
        raise UnusableOperand(str(error)) from None
    try:
        engine.require_linear(pattern)
    except InvalidOperand:
        raise UnusableOperand(
            "must be a pattern that is found in linear time, without look-around or references back"
        ) from None
    return lambda left: search(left) if type(left) is str else UNREADABLE


def _build_re2(right: Any) -> Relation:
    """RE2's own dialect: ASCII classes, flags anywhere, POSIX classes; no look-around or references back."""
    _require_pattern(right)
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        search = re2.compile(right, options).search
    except (re2.error, UnicodeEncodeError):
        raise UnusableOperand("is no pattern that RE2 takes") from None

    def holds(left: Any) -> Any:
        if type(left) is not str:
            return UNREADABLE
        try:
            return search(left) is not None
        except UnicodeEncodeError:  # a lone surrogate
            return UNREADABLE

    return holds


PATTERN_RELATIONS: Mapping[str, Callable[[Any], Relation]] = {
    "match": _build_match,
    "match-start": _build_match_start,
    "re2": _build_re2,
}
