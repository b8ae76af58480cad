"""Values for random documents of the general form, by what they look like.

Each pool has a few common values, so that two draws often meet.
"""

from hashlib import sha256

from hypothesis import strategies as st

from tests.support.general_values import Json

NOW = 1_714_557_600


def prefer(common: list[Json], others: list[Json]) -> st.SearchStrategy[Json]:
    """A common value two times of three."""
    return st.sampled_from([*common * (2 * len(others) // len(common)), *others])


COMMON_TEXTS = ["DE", "de", "D", "straße", "STRASSE"]
COMMON_NUMBERS = [1, 1.0, 18, 2]
COMMON_VERSIONS = ["1.2.3", "v1.2", "1.2.3-rc.2", "1.2.3-rc.10", 2]
COMMON_NUMBER_TEXTS = ["18", 18, "1.0", 1, "1"]
COMMON_ADDRESSES = ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1", "10.0.1.1", "2001:DB8:0::1"]
COMMON_EPOCHS = [NOW, str(NOW), NOW * 1_000, NOW + 59, float(NOW)]
COMMON_INSTANTS = [
    *("2024-05-01T10:00:00Z", "2024-05-01T12:00:00.000001+02:00", "2024-05-01T10:00:00.0000019Z"),
    "2024-05-01T08:00:00-02:00",
]
TEXTS = ["DE", "FR", "de", "", "D", "straße", "STRASSE", "İ", "\ud800", "true", "1", "ada", "on"]
INTEGERS = [1, 0, 2, 18, -5, NOW, 9_007_199_254_740_993, 10**400]
FLOATS = [1.0, 0.0, -0.0, 2.5, 1e308, 9_007_199_254_740_992.0, float(NOW), 1e22]
VERSION_TEXTS = [
    *("2.0.0", "1.2.3", "v1.2.3", "V2", "1.2", "2", "1.2.3-rc.1", "1.2.3-rc.2", "1.2.3-rc.10", "1.2.3-rc"),
    *("1.2.3-1", "1.2.3-rc.1+build.5", "10.0.0", "2-beta", f"{10**90}.0.0"),
]
VERSION_NUMBERS = [2, 1, 1.2, 2.0]
NO_VERSIONS = [
    *("01.2.3", "1.2.3.4", "vv1", " 1.2.3", "1.2.3-", "1.2.3-01", "", "v", "٢", "2.0.0\n"),
    *(-1, 1e22, True),
]
INSTANTS = [
    *("2024-05-01T10:00:00Z", "2024-05-01T12:00:00+02:00", "2024-05-01t10:00:00z", "2024-05-01T10:00:00.5Z"),
    *("2024-05-01T10:00:00.0000019Z", "2024-05-01T09:59:59.999999Z", "1970-01-01T00:00:00Z"),
    *("1969-12-31T23:59:59.9Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"),
    *("2024-02-29T00:00:00-00:00",),
]
NO_INSTANTS = [
    *("2024-05-01", "2024-05-01T10:00:00", "2024-05-01 10:00:00Z", "2023-02-29T00:00:00Z", NOW, ""),
    *("2024-05-01T24:00:00Z", "2024-05-01T23:59:60Z", "2024-05-01T10:00Z", "0000-01-01T00:00:00Z"),
    *("2024-05-01T10:00:00+24:00", "2024-05-01T10:00:00Z\n", "٢024-05-01T10:00:00Z"),
]
NUMBER_TEXTS = [
    *("+18", "-5", "18.0", "1e3", ".5", "5.", " 18 ", "2,5", " 2.5", "", "0", "-0", "٢", "1_000", "x", "NaN"),
    *("Infinity", "-Infinity", "nan", "inf", "1e999", "-1e999", "0x1F", "0b11", "0o7", "1e-7", "\ufeff7\n"),
    *("9007199254740993", "9" * 299, "9" * 5_000),
]
ODD_FLOATS = [1e-7, 1.5e-7, 0.000001, 1e21, 123456789012345680000.0, 1e-310, 0.1, 65504.5, 1.5, -2.5, 3.4e38]
ADDRESSES = [
    *("10.0.0.255", "192.168.1.1", "::1", "::", "0.0.0.1", "::ffff:a00:1", "255.255.255.255"),
    *("2001:db8:1::1", "fe80::1"),
]
NO_ADDRESSES = ["10.0.0", "10.0.0.01", "10.0.0.256", "::1%lo", "1::2::3", "10.0.0.1 ", "\ud800", "x" * 46, 7]
NETWORKS = [
    *("10.0.0.0/8", "10.0.0.0/24", "10.0.0.1", "10.0.0.77/31", "0.0.0.0/0", "::/0", "2001:db8::/32"),
    *("2001:db8::1/128", "::ffff:10.0.0.0/104", "::ffff:10.0.0.1", "fe80::/10"),
]
NO_NETWORKS = ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/255.0.0.0", "::ffff:10.0.0.0/90", "", 8]
DATES = [
    "2024-05-01",
    "2024-05-01T10:00",
    "2024-05-01 10:00:00",
    "2024-05-01T10:00+02:00",
    "2024-05-01T10:00.5Z",
]
JSON_LISTS = ['["DE"]', '["DE", 1]', "[]", "[NaN]", "{}", "[", '["\\ud800"]', "[[1], true]", "[" * 5_000]
VERSIONS_OF_NUMBERS = [
    "1.2.3",
    "1.2",
    "1.2.3.4",
    "1.2.0-rc.1",
    "v1.2.3",
    " 1.2.3+5 ",
    "1.2.x",
    "1.2.3.0",
    "1..2",
    "0",
]
COLLECTIONS: list[Json] = [
    *([], [1], [True], [1.0, None], [[1], {"a": None}]),
    *({}, {"a": 1}, {"a": True}, {"a": 1.0}),
]


def nest(depth: int) -> Json:
    return {"a": [nest(depth - 1)]} if depth else 1


SCALARS = st.sampled_from([None, True, False, *TEXTS, *INTEGERS, *FLOATS, *ODD_FLOATS, *NUMBER_TEXTS])
JSON = (
    SCALARS
    | st.sampled_from([*COLLECTIONS, nest(25)])
    | st.text(st.characters(exclude_categories=()), max_size=3)  # lone surrogates included
    | st.sampled_from([*VERSION_TEXTS, *NO_VERSIONS, *INSTANTS, *NO_INSTANTS, *DATES])
    | st.sampled_from([*ADDRESSES, *NO_ADDRESSES, *JSON_LISTS, *VERSIONS_OF_NUMBERS, *COMMON_EPOCHS])
)

_ANY_TEXT = [*TEXTS, "7", "İ\ud800"]
_CANONICAL = [True, False, "DE", "de", "1", 1, 1.0, "true", 0.5, *FLOATS, *ODD_FLOATS, -5]
_STRICT_VERSIONS = ["1.2.3", "1.2.3-rc.2", "1.2.3-rc.10", "2.0.0", "1.2.3-1", "1.2.3-rc.1+build.5", "10.0.0"]
_EPOCHS = [
    *COMMON_EPOCHS[:1],
    *COMMON_EPOCHS[2:],
    0,
    -1,
    NOW + 0.5,
    1e11,
    99_999_999_999,
    -(10**11),
    0.1,
    10**16,
]

_TYPED = ["-12.50", "007", "1.", "+1", "1e3", "-0.0", "True", "9" * 301, "1\n", "٣"]

READABLE: dict[str | None, st.SearchStrategy[Json]] = {
    None: JSON,
    "text": prefer(COMMON_TEXTS, TEXTS),
    "fold": prefer(COMMON_TEXTS, TEXTS),
    "lower": prefer(COMMON_TEXTS, TEXTS),
    "lower-if-text": prefer(COMMON_TEXTS, [*TEXTS, *INTEGERS, True, False, [], ["DE"]]),
    "nonempty": prefer(COMMON_TEXTS, [text for text in TEXTS if text]),
    "unit": prefer(COMMON_TEXTS, [7, "7", "ada", -5, "\ud800"]),
    "text-int": prefer(COMMON_TEXTS, [*_ANY_TEXT, *INTEGERS]),
    "canonical": prefer(COMMON_TEXTS, _CANONICAL),
    "canonical-lower": prefer(COMMON_TEXTS, _CANONICAL),
    "canonical-fold": prefer(COMMON_TEXTS, _CANONICAL),
    "json-text": prefer(COMMON_TEXTS, [*_CANONICAL, *COLLECTIONS, "[1]", '{"a":1}', ["ü\ud800"]]),
    "js-text": prefer(COMMON_TEXTS, [*_CANONICAL, *COLLECTIONS, "1,", "[object Object]", 10**400]),
    "js-text-lower": prefer(COMMON_TEXTS, [*_CANONICAL, *COLLECTIONS]),
    "js-unit": prefer(COMMON_TEXTS, [1, 1.0, "1", True, "true", [], [1], {}, 1e21]),
    "integer": st.sampled_from(INTEGERS),
    "number": prefer(COMMON_NUMBERS, [*INTEGERS, *FLOATS]),
    "number-finite": prefer(COMMON_NUMBERS, [2**53, -(2**53), 2.5, 0, -0.0]),
    "number-or-text": prefer(
        COMMON_NUMBER_TEXTS, [*INTEGERS, *FLOATS, "+18", ".5", "5.", "1e3", "18.0", "9" * 299]
    ),
    "number-comma": prefer(COMMON_NUMBER_TEXTS, [*FLOATS, " 18 ", "2,5", "2.5", "1e3"]),
    "integer-text": prefer(COMMON_NUMBER_TEXTS[:2], [*INTEGERS, "+18", "-5", "1"]),
    "minute": st.sampled_from([NOW, NOW + 59, str(NOW), NOW + 60, -1, 0]),
    "day": st.sampled_from([NOW, NOW + 59, str(NOW), NOW + 86_400, -1, 0]),
    "js-number": prefer(
        COMMON_NUMBER_TEXTS, [True, "", [], [18], "0x12", "Infinity", 10**400, " 1\n", "1e999", 0]
    ),
    "semver": prefer(COMMON_VERSIONS, [*VERSION_TEXTS, *VERSION_NUMBERS]),
    "semver-strict": st.sampled_from(_STRICT_VERSIONS),
    "semver-trim": st.sampled_from([*_STRICT_VERSIONS, " 1.2.3\n", "\u00a02.0.0"]),
    "semver-partial": st.sampled_from([*_STRICT_VERSIONS, "1", "1.2", "2-beta", "1.2-rc.2+b"]),
    "dotted-numbers": st.sampled_from(
        ["1.2.3", "1.2", "1.2.0-rc.1", "1.2.3.4", "1.2.3.0", "01.2", "0", "2-"]
    ),
    "triple": st.sampled_from(["1.2.3", "1.2", "v1.2.3-rc", " V1.2.3+5 ", "1.2.3.x", "vV2", "0"]),
    "padded": prefer(
        COMMON_VERSIONS, [*VERSION_TEXTS, *NUMBER_TEXTS[:12], 1.2, True, [], "", "1+a\nb", "vv1.2.3"]
    ),
    "instant": prefer(COMMON_INSTANTS, INSTANTS),
    "instant-utc": prefer(COMMON_INSTANTS, [*INSTANTS, *DATES[:4]]),
    "instant-or-epoch": prefer(COMMON_INSTANTS, [*INSTANTS, *_EPOCHS]),
    "instant-ms": prefer(COMMON_INSTANTS, [*INSTANTS, *_EPOCHS]),
    "epoch-auto": prefer(COMMON_EPOCHS, [*_EPOCHS, "9999999999", "10000000000", "0.5"]),
    "json-list": st.sampled_from([["DE"], '["DE"]', [], "[]", [["DE"], 1]]),
    "boolean": st.booleans(),
    "json-text-nonempty": prefer(COMMON_TEXTS, [*_CANONICAL, *COLLECTIONS]),
    "typed": prefer(COMMON_NUMBER_TEXTS, [*_ANY_TEXT, *INTEGERS, *FLOATS, *_TYPED, True]),
    "typed-text": prefer(COMMON_NUMBER_TEXTS, [*_ANY_TEXT, *INTEGERS, *FLOATS, *_TYPED, True]),
    "cbor": JSON.filter(lambda value: value is not None and is_short(value)),
}
READERS = list(READABLE)


def is_short(value: Json) -> bool:
    """Whether it has no integer beyond 64 bits, nor a lone surrogate: those have no encoding."""
    try:
        str(value).encode()
    except (UnicodeEncodeError, ValueError):
        return False
    return len(str(value)) < 25


# What may stand on the right of relations that read it as it is written

_DIGEST_TEXTS = ["DE", "de", "D", "straße", "stra", "ße", "E", "ada"]


def _hash(text: str, secret: Json) -> str:
    return sha256((text + secret["salt"] + secret["suffix"]).encode()).hexdigest()


@st.composite
def digests(draw: st.DrawFn, has_length: bool) -> Json:
    secret = {"algorithm": "sha256", "salt": draw(st.sampled_from(["", "s"])), "suffix": "checkout"}
    written = []
    for text in draw(st.lists(st.sampled_from(_DIGEST_TEXTS), max_size=3)):
        length = len(text.encode()) if draw(st.booleans()) else draw(st.integers(0, 8))
        digest = _hash(text, secret)
        digest = digest.upper() if draw(st.booleans()) else digest
        written.append(f"{length}_{digest}" if has_length else digest)
    return secret | {"digests": written}


RANGES = [
    *(
        "1.2.3",
        "1.2",
        "1",
        "*",
        "1.x",
        "v1.2.3",
        "1.2.3-rc.2",
        "0.0.3",
        "0.0",
        "0",
        "0.2.3",
        "1.2.3-rc.1+build.5",
    ),
    *(">=1.2.0 <2.0.0", ">=1.2.0,<2", "> 1.2", "<1.2", "<=1.2", "<=1.2.3", ">1.2.3-rc.1", "=1.2.3", "=1.2"),
    *("^1.2", "~1.2.3", "^0.0.3", "~1", "^1.2.3-rc.2", "<1.0.0 || 2.x", ">=1.2 >=1.3.0-alpha", "* 0.0.0-a"),
    *("<*", ">=*", "^1 || *", "1.2.3-rc.1 - 1.2.4", ">1.2.3-rc.1 <1.2.3", "1.x.3"),
]
NO_RANGES = ["", "||", ">", "1.2.3 =", ", 1", "x.y", "01.2", ">=1.2.0 ||", "1.2-rc", "latest", 1, None]
PATTERNS = ["D", "^d", "E$", "(?i)de", "a|E", "(?i)e|D", "(?x) d # all", "[A-Z]+", "", "1.0"]
RE2_PATTERNS = ["D", "^d", "E$", "(?i)de", "a|E", "[A-Z]+", "", r"^\w+$", r"\d", r"\s"]
WRITTEN: dict[str, st.SearchStrategy[Json]] = {
    "cidr": st.sampled_from(NETWORKS) | st.lists(st.sampled_from(NETWORKS), max_size=3),
    "modulo": st.tuples(st.sampled_from([1, 2, 3, -3, 10**30]), st.sampled_from([0, 1, 2, -1])).map(list),
    "remainder": st.tuples(st.sampled_from([1, 2.5, 3, -0.5, 1e308]), st.sampled_from([0, 1, 0.5, -0.5])).map(
        list
    ),
    "type": st.sampled_from(["string", "number", "integer", "boolean", "list", "object"]),
    "match": st.sampled_from(PATTERNS),
    "match-start": st.sampled_from(PATTERNS),
    "re2": st.sampled_from(RE2_PATTERNS),
    **dict.fromkeys(
        [f"cast-{order}" for order in ("eq", "ne", "lt", "le", "gt", "ge")],
        st.sampled_from([*TEXTS, *NUMBER_TEXTS, "18", "1.0", "false", "False", "True", " 18 ", "1_8"]),
    ),
    "caret": st.sampled_from(RANGES[:12]),
    "tilde": st.sampled_from(RANGES[:12]),
    "version-range": st.sampled_from(RANGES),
    **dict.fromkeys(
        [f"version-prefix-{order}" for order in ("eq", "lt", "le", "gt", "ge")],
        st.sampled_from(["1", "1.2", "1.2.3", "1.2.3-rc.2", "1.2.3+build.5", "2-beta", "1.2.3-1", "1.2-"]),
    ),
    **dict.fromkeys(["js-eq", "js-lt", "js-le", "js-gt", "js-ge"], JSON),
    "digest-in": digests(has_length=False),
    "digest-list": digests(has_length=False),
    "digest-starts": digests(has_length=True),
    "digest-ends": digests(has_length=True),
}
OPERANDS_OF_WRITTEN = st.sampled_from(
    [*NETWORKS, *NO_NETWORKS, [2, 0], [0, 0], [2], [2, True], [0.5, 0], "number", "null", *RANGES, *NO_RANGES]
)
"""What an operand may give to a relation that reads it as it is, usable or not."""
