"""Readers answer as the plain interpreter's do, for every JSON value, and what their descriptions say."""

from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.general_form.readers import KEEPS_TEXT, READERS, UNREADABLE
from chalicelib.domain.general_form.readers.times import CLOCK_READERS, TIME_READERS
from chalicelib.domain.general_form.values import NumberList, SemanticVersion
from tests.support import general_readers
from tests.support.general_pools import JSON, READABLE, nest
from tests.support.general_values import Numbers, Special, Version

HUGE = st.integers(4_300, 5_000).map(lambda digits: -(10**digits))
NO_DOUBLES = HUGE | st.sampled_from([nan, inf, -inf, 10**400, 2**64, 2**53 + 1, "9" * 5_000, "1." * 400])
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=6)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NO_DOUBLES | ANY_TEXT | JSON,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)
NUMBER_LIKE = st.text("0123456789+-.,eExXoObB _\n٢", max_size=8)
VERSION_LIKE = st.text("0123.-+vVxab \n", max_size=12)
DATE, CLOCK, OFFSET = "20[0-9]{2}-[01][0-9]-[0-3][0-9]", "[0-2][0-9]:[0-6][0-9]", "(Z|[+-][0-2][0-9]:00)?"
TIME_LIKE = st.text("0123456789T:-+.Zz ", max_size=26) | st.from_regex(
    rf"{DATE}([Tt ]{CLOCK}(:[0-6][0-9](\.[0-9]{{1,9}})?)?)?{OFFSET}", fullmatch=True
)


def test_the_plain_interpreter_knows_every_reader() -> None:
    assert READERS.keys() - {"identity-1.0"} == general_readers.READERS.keys()


@given(
    st.one_of(*READABLE.values()).filter(lambda value: value is not None)
    | ANY_JSON.filter(lambda value: value is not None)
    | NUMBER_LIKE
    | VERSION_LIKE
    | TIME_LIKE
)
def test_readers_answer_as_those_of_the_plain_interpreter(value: Any) -> None:
    for name in general_readers.READERS:
        assert (name, show(READERS[name](value))) == (name, show_expected(general_readers.read(name, value)))


@given(ANY_TEXT.filter(bool))
def test_some_readers_keep_every_text_that_is_not_empty(text: str) -> None:
    """Tests of equality and units skip them."""
    assert all(read(text) is text for read in KEEPS_TEXT)


def show(value: Any) -> str:
    if value is UNREADABLE:
        return "unreadable"
    if type(value) is SemanticVersion:
        _, labels = value.label if value.label != (1,) else (0, ())
        return show_version(value[:3], [text or str(number) for _, number, text in labels])
    return f"numbers {(*value,)}" if type(value) is NumberList else show_json(value)


def show_expected(value: Any) -> str:
    if value is Special.UNREADABLE:
        return "unreadable"
    if isinstance(value, Version):
        return show_version(value.numbers, value.prerelease)
    return f"numbers {value.numbers}" if isinstance(value, Numbers) else show_json(value)


def show_version(numbers: tuple[int, ...], labels: Any) -> str:
    return f"version {numbers} {[*labels]}"


def show_json(value: Any) -> str:
    """Numbers by value: 1 is 1.0; types apart."""
    if type(value) is float and value.is_integer():
        value = int(value)
    try:
        return repr(value)
    except ValueError:  # over 4,300 digits
        return hex(value) if type(value) is int else "has huge integers"


@pytest.mark.parametrize("name", READERS)
def test_what_is_unreadable_is_so_for_every_other_reader(name: str) -> None:
    assert READERS[name](UNREADABLE) is UNREADABLE


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "value", [[0] * 200_000, nest(30), "[" * 100_000, "1" * 100_000, "-" * 100_000, "\ud800" * 400]
)
def test_a_reader_takes_large_values(name: str, value: Any) -> None:
    READERS[name](value)
    READERS[name]({"user_id": value})


def nest_deeply(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("name", READERS)
def test_a_reader_takes_lists_deeper_than_calls_may_be(name: str) -> None:
    READERS[name](nest_deeply(20_000))
    READERS[name]({"a": nest_deeply(20_000)})


U = UNREADABLE
EXAMPLES: dict[str, list[tuple[Any, Any]]] = {
    "nonempty": [("a", "a"), (" ", " "), ("", U), (1, U)],
    "lower": [("STRAßE", "straße"), (1, U)],
    "lower-if-text": [("Ä", "ä"), (1, 1), (True, True)],
    "text-int": [("", ""), (12, "12"), (1.0, U), (True, U), (10**4_300, U)],
    "unit": [("", U), (0, "0"), (1.0, U)],
    "canonical": [
        *[(True, "true"), (False, "false"), (1.0, "1"), (-0.0, "0"), (2.5, "2.5"), (1e-7, "0.0000001")],
        *[(1e22, "1" + "0" * 22), ("True", "True"), ([], U), ({}, U), (inf, U), (nan, U)],
    ],
    "canonical-fold": [("STRAßE", "strasse"), (True, "true")],
    "canonical-lower": [("STRAßE", "straße"), (1.0, "1")],
    "json-text": [
        *[("a", "a"), (["a", "ü"], '["a","ü"]'), (1.0, "1"), (True, "true"), ({"a": [None]}, '{"a":[null]}')],
        *[([inf], U), (nan, U)],
    ],
    "js-text": [
        *[(18, "18"), (1.0, "1"), (1e21, "1e+21"), (123456789012345680000.0, "123456789012345680000")],
        *[(1e-7, "1e-7"), (1.5e-7, "1.5e-7"), (0.000001, "0.000001"), (-0.0, "0"), (5e-324, "5e-324")],
        *[
            (9_007_199_254_740_993, "9007199254740992"),
            (10**400, "Infinity"),
            (-inf, "-Infinity"),
            (nan, "NaN"),
        ],
        *[([1, None, [2.5, "a"]], "1,,2.5,a"), ({}, "[object Object]"), ([], ""), (True, "true")],
    ],
    "js-text-lower": [(True, "true"), ("Ä", "ä")],
    "js-unit": [
        (0, U),
        (0.0, U),
        ("", U),
        (False, U),
        (nan, U),
        ("0", "0"),
        (7, "7"),
        ([], ""),
        (True, "true"),
    ],
    "number-finite": [(2**53, 2**53), (2**53 + 1, U), (-(2.0**53), -(2.0**53)), (inf, U), (True, U)],
    "number-or-text": [
        *[("12", 12), ("12.0", 12.0), ("1e3", 1e3), ("+5", 5), (".5", 0.5), ("5.", 5.0), (7, 7)],
        *[
            (" 12", U),
            ("12\n", U),
            ("", U),
            ("1_0", U),
            ("٢", U),
            ("nan", U),
            ("inf", U),
            ("1e999", U),
            (True, U),
        ],
        *[("9007199254740993", 9_007_199_254_740_993), ("9" * 5_000, U)],
    ],
    "number-comma": [(" 2,5 ", 2.5), ("1680307199.9", 1680307199.9), ("1,000.5", U), (3, 3), ("1 2", U)],
    "integer-text": [
        (" 5", U),
        ("5", 5),
        ("-5", -5),
        ("+5", 5),
        ("5.0", U),
        (5.0, U),
        (5, 5),
        ("5" * 4_301, U),
    ],
    "minute": [(119, 60), ("119", 60), (-1, -60), (1.5, U)],
    "day": [(86_401, 86_400), ("-1", -86_400), (True, U)],
    "js-number": [
        *[("", 0), (" \n", 0), ("18", 18), ("0x1F", 31), ("0b11", 3), ("0o17", 15), ("-0x1", U), ("0x", U)],
        *[("Infinity", inf), ("-Infinity", -inf), ("infinity", U), ("1e999", inf), (10**400, inf), (True, 1)],
        *[([], 0), ([5], 5), ([1, 2], U), ({}, U), (nan, U), ("1_0", U), ("5.", 5), ("\ufeff5", 5), ("a", U)],
    ],
    "semver-strict": [("1.2", U), ("v1.2.3", U), (1, U), ("1.2.3-01", U), ("01.2.3", U)],
    "semver-trim": [("1.2 ", U)],
    "semver-partial": [("v1", U), (1, U), ("1.", U)],
    "dotted-numbers": [
        *[("1.2.0", NumberList((1, 2))), ("1.10.3.4", NumberList((1, 10, 3, 4))), ("0.0", NumberList(()))],
        *[
            ("1.2-beta.7", NumberList((1, 2))),
            ("1..2", U),
            ("", U),
            ("v1", U),
            ("1.x", U),
            ("1+5", U),
            (1, NumberList((1,))),
            (2.10, NumberList((2, 1))),
            (-1, U),
            (True, U),
        ],
    ],
    "triple": [
        *[
            ("v1.2.3-rc.1", NumberList((1, 2, 3))),
            (" V1+5 ", NumberList((1,))),
            ("1.2.3.4", NumberList((1, 2, 3))),
        ],
        *[("1.x", U), ("", U), ("vvv1", U), (1, U)],
    ],
    "padded": [
        *[
            ("1.2.3", "    1-    2-    3-~"),
            ("v1.2.3-rc.1+b", "    1-    2-    3-rc-    1"),
            (1.2, "    1-    2"),
        ],
        *[("", "    0"), ([], "    0"), (True, "    0"), ("123456", "123456")],
    ],
    "instant": [("1970-01-01T00:00:01Z", 1_000_000)],
    "instant-utc": [
        *[
            ("1970-01-02", 86_400_000_000),
            ("1970-01-01 00:01", 60_000_000),
            ("1970-01-01T00:00:01", 1_000_000),
        ],
        *[("1970-01-01T01:00+01:00", 0), ("1970-01-01T00:00:00.5Z", 500_000)],
        *[
            ("1970-01-01T00:00.5", U),
            ("1970-01-01Z", U),
            ("1970-02-30", U),
            ("1970-01-01T", U),
            ("-7d", U),
            (0, U),
        ],
    ],
    "instant-or-epoch": [
        *[(1, 1_000_000), (99_999_999_999, 99_999_999_999_000_000), (10**11, 10**14), (-1.5, -1_500_000)],
        *[("1970-01-01T00:00:01Z", 1_000_000), ("1", U), (inf, U), (10**17, U), (True, U)],
    ],
    "instant-ms": [(1, 1_000), (0.5, 500), ("1970-01-01T00:00:01Z", 1_000_000), ("1970-01-01", U), (nan, U)],
    "epoch-auto": [
        *[(9_999_999_999, 9_999_999_999_000_000), ("9999999999", 9_999_999_999_000_000), (10**10, 10**13)],
        *[("10000000000", 10**13), ("1700000000.5", 1_700_000_000_500_000), ("2024-01-01", U), (True, U)],
    ],
    "boolean": [(False, False), (True, True), (1, U), (0, U), ("true", U)],
    "json-list": [
        *[
            ([1], [1]),
            ("[1]", [1]),
            (' ["a", null] ', ["a", None]),
            ("{}", U),
            ("x", U),
            ("[NaN]", U),
            (1, U),
        ],
        *[("[" + "9" * 5_000 + "]", U)],
    ],
    "cbor": [("a", "\x61a"), ("\ud800", U), (2**64, U), ([-(2**64)], "\x81\x3b" + "\xff" * 8)],
}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [(name, *example) for name, examples in EXAMPLES.items() for example in examples],
    ids=lambda part: repr(part)[:40] if not isinstance(part, int) else "",
)
def test_readers(name: str, value: Any, expected: Any) -> None:
    result = READERS[name](value)
    assert result == expected
    assert (result is UNREADABLE) == (expected is UNREADABLE)
    assert type(result) is not bool or type(expected) is bool


VERSIONS_IN_ORDER = ["1.2.3-rc.2", "1.2.3-rc.10", "1.2.3", "1.10.0", "2.0.0"]


@pytest.mark.parametrize(
    "name", ["semver", "semver-strict", "semver-trim", "semver-partial", "padded", "dotted-numbers", "triple"]
)
def test_readers_of_versions_keep_their_order(name: str) -> None:
    versions = VERSIONS_IN_ORDER if name.startswith("semver") else VERSIONS_IN_ORDER[2:]
    read = [READERS[name](version) for version in versions]
    assert UNREADABLE not in read
    assert read == sorted(read)


CBOR = [
    # Examples of RFC 8949, appendix A
    *[(0, "00"), (23, "17"), (24, "1818"), (100, "1864"), (1_000, "1903e8"), (1_000_000, "1a000f4240")],
    *[(18446744073709551615, "1bffffffffffffffff"), (-1, "20"), (-1_000, "3903e7")],
    *[(-18446744073709551616, "3bffffffffffffffff"), (1.1, "fb3ff199999999999a"), (1.5, "f93e00")],
    *[(5.960464477539063e-8, "f90001"), (1.0e300, "fb7e37e43c8800759c"), (inf, "f97c00"), (nan, "f97e00")],
    *[(False, "f4"), (True, "f5"), (None, "f6"), ("", "60"), ("IETF", "6449455446"), ("ü", "62c3bc")],
    *[("𐅑", "64f0908591"), ([], "80"), ([1, [2, 3], [4, 5]], "8301820203820405"), ({}, "a0")],
    *[({"a": 1, "b": [2, 3]}, "a26161016162820203"), (3.4028234663852886e38, "fa7f7fffff")],
    # Whole floats are integers, where they fit; members are in the order of their encoded names
    *[(100_000.0, "1a000186a0"), (-4.0, "23"), (0.0, "00"), ({"aa": 1, "b": 2}, "a261620262616101")],
    (list(range(25)), "9819" + "".join(f"{n:02x}" for n in range(24)) + "1818"),
]


@pytest.mark.parametrize(("value", "encoded"), CBOR)
def test_cbor(value: Any, encoded: str) -> None:
    from chalicelib.domain.general_form.readers.cbor import encode_cbor

    assert encode_cbor(value).hex() == encoded


@pytest.mark.parametrize("name", TIME_READERS)
def test_every_reader_of_times_reads_now_as_microseconds(name: str) -> None:
    assert CLOCK_READERS[name](1_714_557_600.000001) == 1_714_557_600_000_001
