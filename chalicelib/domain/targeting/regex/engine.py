"""Searches texts for a pattern as Python's ``re`` does (the backend's language), but in bounded time.

There are three ways, each with a proven bound on its work:

1. ``re`` itself, on texts so short that it takes at most MAX_STEPS (cost.py computes the bound).
2. RE2 on longer texts, in linear time, if linear.py can translate the pattern into RE2's syntax.
3. Otherwise there is no match, as the corpus recommends for a pattern over the limit.
"""

import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from re import _compiler, _parser  # type: ignore[attr-defined,unused-ignore] # the same parser as the backend's
from threading import Lock
from typing import Any, NamedTuple

from chalicelib.domain.targeting.document import InvalidOperand
from chalicelib.domain.targeting.regex.cost import find_longest_text
from chalicelib.domain.targeting.regex.linear import Alphabet, LinearPattern, NotLinear, name_atom
from chalicelib.domain.targeting.regex.long_text import ReducedText, read_long_text

MAX_STEPS = 200_000
"""Backtracking steps of ``re``: 2 ms at 9 ns, the time of its slowest kind of step."""
MAX_RE2_STEPS = 500_000
"""Characters × instructions of RE2: 7 ms at 15 ns, the time of each if its automaton grows too large."""

COMMON_LENGTH = 256
"""Attributes that patterns are written for (addresses, URLs, names) are seldom longer."""

MAX_CHARACTERS = 4_096
"""Characters whose letters a pattern keeps, unless one text has more."""

Search = Callable[[str], bool]


class Pattern(NamedTuple):
    """``tree``: Python's parse tree. ``longest``: the length up to which ``re`` itself may search a text."""

    tree: Any
    longest: int
    search: Search


def compile_search(pattern: Any) -> Search:
    """Text -> whether the pattern occurs in it. Raises InvalidOperand unless every Python accepts it."""
    return read_pattern(pattern).search


def read_pattern(pattern: Any) -> Pattern:
    """Cached, as a document is checked first and compiled later."""
    if not isinstance(pattern, str):
        raise InvalidOperand("must be text")
    return _read_cached(pattern)


def require_linear(pattern: Any) -> None:
    """Version 2.0 refuses patterns that only a backtracking engine can search for."""
    try:
        LinearPattern(read_pattern(pattern).tree)
    except NotLinear as reason:
        raise InvalidOperand(f"{reason}: version 2.0 takes only patterns that run in linear time") from None


def find_length_limit(pattern: str) -> int | None:
    """The length beyond which no text matches, if texts of that length are common."""
    tree, longest, _search = read_pattern(pattern)
    try:
        LinearPattern(tree)
    except NotLinear:
        return longest if longest < COMMON_LENGTH else None
    return None


def compile_pattern(pattern: str) -> Pattern:
    """Also compiles with ``re``, as only that checks look-behind."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # a later Python will read it differently
            tree = _parser.parse(pattern)
            longest = find_longest_text(tree, MAX_STEPS)  # refuses what would be slow to compile
            backtracking_search = _compiler.compile(tree).search
    except (re.error, OverflowError, RecursionError, FutureWarning, ValueError) as error:
        raise InvalidOperand(f"is not a usable pattern: {error}") from None
    linear_search: Search | None = None

    def search(text: str) -> bool:
        nonlocal linear_search
        if len(text) <= longest:
            return backtracking_search(text) is not None
        if linear_search is None:
            linear_search = _build_linear_search(tree)
        return linear_search(text)

    return Pattern(tree, longest, search)


_read_cached = lru_cache(maxsize=1_024)(compile_pattern)


def _build_linear_search(tree: Any) -> Search:
    try:
        return LinearSearch(LinearPattern(tree))
    except NotLinear:
        return _no_match


class LinearSearch:
    """Searches with RE2 the letters of a text. Compiles again when a text has a new kind of character."""

    def __init__(self, pattern: LinearPattern) -> None:
        self._pattern, self._lock = pattern, Lock()
        atoms = [*pattern.atoms, pattern.word] if pattern.word else pattern.atoms
        self._atoms = [(name_atom(atom), atom) for atom in atoms]
        self._reset()

    def _reset(self) -> None:
        """The longest text depends on the pattern alone, not on the texts that came before."""
        self._alphabet = Alphabet(self._pattern)
        self._compile()
        self._longest = MAX_RE2_STEPS // self._compiled.programsize if self._compiled else -1

    def _compile(self) -> None:
        self._compiled = _compile_re2(self._alphabet.build_pattern())
        self._compiled_kinds = len(self._alphabet.kinds)

    def __call__(self, text: str) -> bool:
        if len(text) > self._longest:
            return False
        with self._lock:
            try:
                letters = self._encode(text)
            except NotLinear:
                return False
            if len(self._alphabet.kinds) > self._compiled_kinds:
                self._compile()
            return self._compiled is not None and self._compiled.search(letters.encode()) is not None

    def _encode(self, text: str) -> str:
        """Raises NotLinear if this text alone has too many kinds of characters, whatever came before."""
        reduced = ReducedText(text, {}) if text.isascii() else read_long_text(text).reduce(self._atoms)
        if len(self._alphabet.characters) <= MAX_CHARACTERS:
            with suppress(NotLinear):
                return self._alphabet.encode(*reduced)
        self._reset()
        return self._alphabet.encode(*reduced)


def _compile_re2(pattern: str) -> Any:
    """None if the pattern is too large. Imports RE2 only now: most patterns search only short texts."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = 1 << 22
    try:
        return re2.compile(pattern, options)
    except re2.error:
        return None


def _no_match(_text: str) -> bool:
    return False
