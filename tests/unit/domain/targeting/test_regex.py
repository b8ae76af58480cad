"""No pattern stalls a worker, and every pattern within the bounds answers as Python's ``re`` does."""

import contextlib
import re
import warnings

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.domain.targeting.document import MAX_PATTERN, InvalidOperand
from chalicelib.domain.targeting.regex import engine
from chalicelib.domain.targeting.regex.cost import find_longest_text
from chalicelib.domain.targeting.regex.linear import LinearPattern, NotLinear
from tests.support.targeting_patterns import CATASTROPHIC_PATTERNS, ORDINARY_PATTERNS
from tests.support.timing import assert_takes_less

TEXTS = ["a" * 10_000 + "!", "a" * 10_000, "x" * 10_000, "ab" * 5_000 + "!", "é" * 10_000, "a" * 32_000]


@pytest.mark.parametrize("pattern", CATASTROPHIC_PATTERNS)
def test_a_classic_killer_takes_less_than_5_ms(pattern: str) -> None:
    search = engine.compile_search(pattern)
    for text in TEXTS:
        assert_takes_less(lambda text=text: search(text), 0.005)  # type: ignore[misc] # bound on purpose


@pytest.mark.parametrize(
    "pattern",
    [
        "(?i)[\\u0000-\\U0010ffff]" * 20,
        "[" + "\\u0100-\\uffff" * 39 + "]",
        "(" * 100 + ")" * 100,
        "a{9999}" * 70,
    ],
)
def test_a_pattern_that_is_slow_to_compile_is_refused_or_quick(pattern: str) -> None:
    def build() -> None:
        with contextlib.suppress(InvalidOperand):
            engine.compile_pattern(pattern)

    assert len(pattern) <= MAX_PATTERN
    assert_takes_less(build, 0.1)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\w+@\w+\.\w+", "jörg.müller@beispiel.de"),
        (r"\w+\s+\w+", "Jürgen Müller-Lüdenscheidt"),
        (r"^(\w+\s)*\w+$", "Österreich und Schweiz"),
        (r"(?i).*(iphone|ipad).*os \d+", "Mozilla/5.0 (IPHONE; schön; CPU iPhone OS 17_4)"),
    ],
)
def test_short_texts_beyond_ascii_match_as_in_the_reference(pattern: str, text: str) -> None:
    assert engine.compile_search(pattern)(text)


def test_the_bound_holds_at_the_longest_text_each_killer_may_see() -> None:
    for pattern in CATASTROPHIC_PATTERNS:
        longest = find_longest_text(engine.read_pattern(pattern).tree, engine.MAX_STEPS)
        for text in ("a" * longest, "a" * max(0, longest - 1) + "!", "x" * longest):
            assert_takes_less(lambda text=text, pattern=pattern: re.search(pattern, text), 0.005)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("(a+)+$", "a" * 10_000, True),
        ("(a+)+$", "a" * 10_000 + "\n", True),
        ("(a+)+$", "a" * 10_000 + "!", False),
        ("(a*)*b", "a" * 10_000, False),
        ("(a*)*b", "é" * 10_000 + "b", True),
        (r"^(\w+\s?)*$", "word " * 2_000, True),
        (r"^(\w+\s?)*$", "word  " * 2_000, False),
        (r"\s+$", "x\x1c " * 5_000, True),
        (r"\s+$", " " * 10_000 + "x", False),
        ("(?i)(A|AA)+$", "a" * 10_000, True),
        (r"^[^@]+@\w+\.com$", "x" * 10_000 + "@y.com", True),
        (r"(?m)^(b|bb)+$", "a" * 9_000 + "\nbbb\n", True),
    ],
)
def test_long_texts_get_the_right_answer_not_only_a_quick_one(
    pattern: str, text: str, expected: bool
) -> None:
    assert engine.compile_search(pattern)(text) == expected


def test_what_is_too_large_for_the_linear_engine_is_no_match_on_long_texts() -> None:
    search = engine.compile_search("^(?:ab|cd){1500}$")
    assert not search("ab" * 1_500)


def test_beyond_the_bound_what_needs_backtracking_is_no_match() -> None:
    search = engine.compile_search(r"^(a+)\1$")
    assert search("aaaa")
    assert not search("a" * 10_000)


@pytest.mark.parametrize(
    "pattern", ["(", "*a", r"\p{L}", "(?<n>a)", "(?<=a+)b", "a++", "(?>a)", "a(?i)b", "[[:alpha:]]", 5, None]
)
def test_what_is_no_pattern_in_every_runtime_is_unusable(pattern: object) -> None:
    with pytest.raises(InvalidOperand):
        engine.compile_search(pattern)


_ATOMS = st.sampled_from(
    ["a", "b", ".", "[ab]", "[^b]", r"\w", r"\W", r"\d", r"\s", r"\S", r"\b", "^", r"\A", r"\Z", "", "\n"]
)
_PATTERNS = st.recursive(
    _ATOMS,
    lambda inner: (
        st.builds("({}{})".format, inner, inner)
        | st.builds("(?:{}|{})".format, inner, inner)
        | st.builds("(?:{}){}".format, inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "*?"]))
    ),
    max_leaves=8,
)
_FLAGS = st.sampled_from(["", "(?i)", "(?s)", "(?m)", "(?im)"])


@given(
    _FLAGS,
    _PATTERNS,
    st.sampled_from(["", "$"]),
    st.lists(st.text("abA1_ \n\t\x1c.", max_size=8), max_size=5),
)
def test_the_linear_engine_answers_as_the_reference_does(
    flags: str, body: str, end: str, texts: list[str]
) -> None:
    pattern = flags + body + end
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            search = compile_linear_search(pattern)
        except (InvalidOperand, NotLinear):
            assume(False)
    for text in texts:
        if text:  # \B differs on the empty text, which is never too long for the reference
            assert search(text) == (re.search(pattern, text) is not None)


def compile_linear_search(pattern: str) -> engine.Search:
    return engine.LinearSearch(LinearPattern(engine.read_pattern(pattern).tree))


_WORDS = st.sampled_from(
    [
        "Jürgen",
        "Müller",
        "beta",
        "ß",
        "ſ",
        "K",
        "İ",
        "ǅ",
        "٣",
        "１２",
        "\u2003",
        "\x1c",
        "\x85",
        "€ 3,50",
        "iPad os 4",
    ]
)
_UNICODE = st.lists(
    st.text(max_size=6) | _WORDS | st.sampled_from(" \n@.-_aZ"), min_size=10, max_size=45
).map("".join)


@pytest.mark.parametrize("pattern", ORDINARY_PATTERNS)
@given(st.lists(_UNICODE, min_size=1, max_size=3))
def test_an_ordinary_pattern_answers_as_the_reference_does(pattern: str, texts: list[str]) -> None:
    search, linear_search = engine.compile_search(pattern), compile_linear_search(pattern)
    for text in texts:
        expected = re.search(pattern, text) is not None
        assert search(text) == expected
        assert linear_search(text) == expected


def test_too_many_kinds_of_letters_are_no_match_whatever_was_searched_before() -> None:
    words = "".join(map(chr, range(0x4E00, 0x4E00 + 80)))
    search = compile_linear_search(rf"\b[b-z]*(?:{'|'.join(words)})\b")
    assert not search(words)
    assert search(f"- {words[0]}")
    assert all(search(f"- {word}") for word in words)
    assert not search(words)
