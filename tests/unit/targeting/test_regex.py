"""No pattern stalls a worker, and every one within the bounds answers as the backend's language does."""

import contextlib
import re
import warnings

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.domain.targeting import regex
from chalicelib.domain.targeting.document import MAX_PATTERN, Unusable
from chalicelib.domain.targeting.regex_cost import longest_text
from chalicelib.domain.targeting.regex_linear import NotLinear, to_re2
from tests.support.timing import fastest

KILLERS = [
    "(a+)+$",
    "(a|aa)+$",
    "(a|a)*$",
    "(a*)*b",
    "^(a+)*b$",
    "(.*a){20}$",
    "(x+x+)+y",
    r"^(\w+\s?)*$",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "(?:a?){100}a{100}$",
    ".*.*.*=.*",
    "[ab]*a[ab]{200}c",
    "((((a*)*)*)*)*b",
    # what no linear engine can take
    r"(a+)\1+$",
    "(?=(a+)+$)b",
    "(?<!b)(a+)+$",
    r"((a+)+)\2b",
    "(?!.*x.*y.*z)(a*)*b",
    "(a+)+$a",
]
TEXTS = ["a" * 10_000 + "!", "a" * 10_000, "x" * 10_000, "ab" * 5_000 + "!", "é" * 10_000, "a" * 32_000]


@pytest.mark.parametrize("pattern", KILLERS)
def test_a_classic_killer_takes_less_than_5_ms(pattern: str) -> None:
    search = regex.searcher(pattern)
    for text in TEXTS:
        assert fastest(lambda text=text: search(text), 0.005) < 0.005  # type: ignore[misc] # bound on purpose


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
        re.purge()
        with contextlib.suppress(Unusable):
            regex.searcher(pattern)

    assert len(pattern) <= MAX_PATTERN
    assert fastest(build, 0.1) < 0.1


def test_the_bound_holds_at_the_longest_text_each_killer_may_see() -> None:
    for pattern in KILLERS:
        longest = longest_text(regex.parse(pattern), regex.STEPS)
        for text in ("a" * longest, "a" * max(0, longest - 1) + "!", "x" * longest):
            assert fastest(lambda text=text, pattern=pattern: re.search(pattern, text), 0.005) < 0.005  # type: ignore[misc]


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
    assert regex.searcher(pattern)(text) == expected


def test_what_is_too_large_for_the_linear_engine_is_no_match_on_long_texts() -> None:
    search = regex.searcher("^(?:ab|cd){1500}$")
    assert not search("ab" * 1_500)


def test_beyond_the_bound_what_needs_backtracking_is_no_match() -> None:
    search = regex.searcher(r"^(a+)\1$")
    assert search("aaaa")
    assert not search("a" * 10_000)


@pytest.mark.parametrize(
    "pattern", ["(", "*a", r"\p{L}", "(?<n>a)", "(?<=a+)b", "a++", "(?>a)", "a(?i)b", "[[:alpha:]]", 5, None]
)
def test_what_is_no_pattern_in_every_runtime_is_unusable(pattern: object) -> None:
    with pytest.raises(Unusable):
        regex.searcher(pattern)


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
    import re2

    pattern = flags + body + end
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            translated, _only_ascii = to_re2(regex.parse(pattern))
        except (Unusable, NotLinear):
            assume(False)
    for text in texts:
        if text:  # \B differs on the empty text, which is never too long for the reference
            assert (re2.search(translated, text) is not None) == (re.search(pattern, text) is not None), (
                translated
            )
