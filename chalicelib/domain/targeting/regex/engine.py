"""Regular expressions with the answers of the backend's language, Python, that cannot stall a worker.

Three steps, each with a proven bound on its work:

1. ``re`` itself, on texts so short that it cannot take more than STEPS (regex_cost bounds it).
2. RE2 on longer texts, if regex_linear can say the same thing in RE2's language: linear time.
3. Otherwise the condition is false, as the corpus recommends for a pattern over the limit.
"""

import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from re import _compiler, _parser  # type: ignore[attr-defined] # the grammar of the reference, from the reference itself
from threading import Lock
from typing import Any, NamedTuple

from chalicelib.domain.targeting.document import Unusable
from chalicelib.domain.targeting.regex.cost import longest_text
from chalicelib.domain.targeting.regex.linear import Letters, Linear, NotLinear

STEPS = 200_000
"""Backtracking steps allowed to ``re``: 2 ms at the 9 ns that its slowest kind of step takes."""
RE2_STEPS = 500_000
"""Characters × instructions allowed to RE2: 7 ms at the 15 ns that each takes if its automaton explodes."""

COMMON_LENGTH = 256
"""Attributes that patterns are written for (addresses, URLs, names) are seldom longer."""

MAX_KNOWN = 4_096
"""Characters whose letters a pattern remembers, unless one text has more."""

Search = Callable[[str], bool]


class Pattern(NamedTuple):
    """``tree``: the reference's own. ``longest``: the text up to which ``re`` itself may search."""

    tree: Any
    longest: int
    search: Search


def searcher(pattern: Any) -> Search:
    """Whether the pattern occurs in a text. Raises Unusable for what is no pattern everywhere."""
    return read(pattern).search


def read(pattern: Any) -> Pattern:
    if not isinstance(pattern, str):
        raise Unusable("must be text")
    return _read(pattern)


def require_linear(pattern: Any) -> None:
    """Version 2.0 has no patterns that only a backtracking engine understands."""
    try:
        Linear(read(pattern).tree)
    except NotLinear as reason:
        raise Unusable(f"{reason}: version 2.0 takes only patterns that run in linear time") from None


def limit(pattern: str) -> int | None:
    """The length beyond which nothing matches any more, if texts of that length are common."""
    tree, longest, _search = read(pattern)
    try:
        Linear(tree)
    except NotLinear:
        return longest if longest < COMMON_LENGTH else None
    return None


@lru_cache(maxsize=1_024)
def _read(pattern: str) -> Pattern:
    """Remembered, as a document is checked first and compiled later. Compiles the tree: only that checks
    look-behind."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # what a later runtime will read differently
            tree = _parser.parse(pattern)
            longest = longest_text(tree, STEPS)  # refuses what varies by runtime, and what is slow to compile
            quick = _compiler.compile(tree).search
    except (re.error, OverflowError, RecursionError, FutureWarning, ValueError) as error:
        raise Unusable(f"is not a usable pattern: {error}") from None
    slow: list[Search] = []

    def search(text: str) -> bool:
        if len(text) <= longest:
            return quick(text) is not None
        if not slow:
            slow.append(_linear_search(tree))
        return slow[0](text)

    return Pattern(tree, longest, search)


def _linear_search(tree: Any) -> Search:
    try:
        return LinearSearch(Linear(tree))
    except NotLinear:
        return _no_match


class LinearSearch:
    """RE2 over the letters of a text. Compiled again when a text has a kind of character not met before."""

    def __init__(self, linear: Linear) -> None:
        self._linear, self._lock = linear, Lock()
        self._start()

    def _start(self) -> None:
        """The longest text is one for all: it must not depend on the texts that came before."""
        self._letters = Letters(self._linear)
        self._compile()
        self._longest = RE2_STEPS // self._compiled.programsize if self._compiled else -1

    def _compile(self) -> None:
        self._compiled, self._kinds = _re2(self._letters.pattern()), len(self._letters.kinds)

    def __call__(self, text: str) -> bool:
        if len(text) > self._longest:
            return False
        with self._lock:
            try:
                letters = self._read(text)
            except NotLinear:
                return False
            if len(self._letters.kinds) > self._kinds:
                self._compile()
            return self._compiled is not None and self._compiled.search(letters.encode()) is not None

    def _read(self, text: str) -> str:
        """Whether there are too many kinds of letters must depend on this text alone, too."""
        if len(self._letters.known) <= MAX_KNOWN:
            with suppress(NotLinear):
                return self._letters.read(text)
        self._start()
        return self._letters.read(text)


def _re2(pattern: str) -> Any:
    """None if it is too large. Imported only now: most patterns meet nothing but short texts."""
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
