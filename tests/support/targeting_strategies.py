"""Random documents and contexts from a vocabulary small enough that conditions often hold."""

from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=()), max_size=6)  # lone surrogates included
BIG = 9007199254740993
"""2^53 + 1, the first integer that a double cannot hold."""
NUMBERS = [0, 1, 1.0, 2, -5, 2.5, 10**400, BIG, BIG - 1, 9007199254740992.0, 1e300]
TEXTS = [
    "",
    "a",
    "abc",
    "abc\n",
    "ABC",
    "é",
    "\ud800",
    "1",
    "-5",
    "2.5",
    "²",
    "1_0",
    " 1 ",
    "True",
    "None",
    "nan",
    "inf",
    "1e400",
    "+5",
    "5.",
    ".5",
    "05",
    "0x1",
    "1,000",
    "\u0661\u0662",
    "\uff15",
    "-0",
    "1e3",
    str(BIG),
]
SCALARS = st.sampled_from([None, True, False, *NUMBERS, *TEXTS])
JSON = st.recursive(
    SCALARS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=4,
)
ATTRIBUTES = ["a", "b", "user", "user.plan", "user.a"]

TIMES = [
    "2024-05-01",
    "2024-05-01T10:00:00Z",
    "2024-05-01T12:00:00+02:00",
    "2024-05-01T10:00:00",
    "2024-05-01Z",
    "2024-05-01t10:00:00z",
    "2024-05-01T10:00:00.5Z",
    "2024-05-01 10:00:00.123456789+00:00",
    "2024-05-01T10:00:00.123456788Z",
    "2024-05-01T10:00:00.1234567899Z",
    "2016-12-31T23:59:60.5Z",
    "2017-01-01T00:59:60+01:00",
]
NO_TIMES = ["2024-05-01T10:00:00.Z", "2024-05-01T10:00.5Z", "2024-05-01T24:00:00Z", "2016-12-31T22:59:60Z"]
INSTANTS = st.sampled_from([*TIMES, 1714557600, 1714557600.5, 1714557600000, -1, 0])
VERSIONS = st.sampled_from(
    [
        *("1.2.3", "v1.2.3", "V1.2.3", "vV1.2", "1.2.3-rc.1", "1.2.3-rc.1+b", "2.0.0", "10.0.0", "1.2", "2"),
        *("1.2-rc.1", "2+b", "01.2.3", "1.2.3.4", "1.", "v", "", 1.2, 2, 2.0, 1e22, -1),
    ]
)
STRICT_VERSIONS = st.sampled_from(["1.2.3", "1.2.3-rc.1", "1.2.3-rc.x", "2.0.0", "10.0.0+b"])
ANY_VERSIONS = [
    STRICT_VERSIONS,
    STRICT_VERSIONS | st.sampled_from(["1.2", "2", "V1.2.3", "v1.2-rc.1", 1.2, 2]),
]
"""Operands of 1.0, and of 2.0."""
LISTED_POINTS: list[Any] = [[52.5, 13.4], [48.9, 2.4], ["52.5", 13.4], [91, 0], [True, 0], [52.5]]
POINTS = st.sampled_from(
    [*LISTED_POINTS, {"lat": 52.5, "lon": 13.4}, {"latitude": 48.9, "lon": 2.4}, {"lat": 1}]
)
PATTERNS = ["^a", "c$", r"\d", r"^\w+$", "(?i)ABC", "a{,2}$", "(a+)+$", r"\bé", "[^a]"]
JSON_TEXT = st.sampled_from(['{"a": {"b": 1}}', '{"a": [true, "x"]}', "[[1]]", "{", "[" * 9_000, "NaN"])
COMPARISONS = st.sampled_from([None, "eq", "gt", "gte", "lt", "lte"])

VALUES = JSON | INSTANTS | st.sampled_from(NO_TIMES) | VERSIONS | POINTS | JSON_TEXT
UNITS = st.sampled_from(["u1", "u2", "ü", "", 7, 7.5, True, None, "\ud800", ["u"]])


@st.composite
def contexts(draw: st.DrawFn) -> dict[str, Any]:
    context = draw(st.dictionaries(st.sampled_from(ATTRIBUTES), VALUES, max_size=4))
    if draw(st.booleans()):
        context["user_id"] = draw(UNITS)
    if draw(st.booleans()):
        context["user"] = draw(st.dictionaries(st.sampled_from(["plan", "a"]), VALUES, max_size=2))
    return context


CONTEXTS = contexts()

_CLOCK = [("09:00", "17:00"), ("22:00", "6:30"), ("12:00:30", "12:00:30")]
_WINDOW_PARTS = {
    "timezone": st.sampled_from(["Europe/Berlin", "America/New_York", "UTC", "Asia/Kolkata"]),
    "days": st.lists(st.integers(0, 6), min_size=1, max_size=4),
}


@st.composite
def windows(draw: st.DrawFn, is_v2: bool) -> dict[str, Any]:
    window: dict[str, Any] = {}
    if not is_v2 or draw(st.booleans()):
        window |= {"start": "2024-01-01T00:00:00Z", "end": 1735689600}
    for name, part in _WINDOW_PARTS.items():
        if draw(st.booleans()):
            window[name] = draw(part)
    if draw(st.booleans()):
        window["start_time"], window["end_time"] = draw(st.sampled_from(_CLOCK))
    if draw(st.booleans()):
        window |= {"start_date": "2024-05-01", "end_date": "2024-5-31"}
    return window if window.keys() - {"timezone"} else window | {"days": [1, 2]}


def _operands(is_v2: bool) -> dict[str, st.SearchStrategy[tuple[Any, Any]]]:
    nothing = st.none()
    lists = st.lists(JSON | SCALARS, max_size=5)
    objects = st.sampled_from(
        [{"lat": 52.5, "lon": 13.4, "radius": r} | options for r in (0, 900, 545) for options in _GEO_OPTIONS]
    )
    numbers = st.sampled_from([0, 1, 2.5, -5, "2.5", "1e3", BIG, str(BIG), *([] if is_v2 else ["1_0"])])
    bounds = st.sampled_from(
        [(0, 2), ("1", 2.5), (-5, "1e3"), (BIG, BIG + 1), ("2024-01-01", "2024-12-31T00:00:00Z")]
    )
    texts = st.sampled_from(["", "a", "b", "c", "é", 1, 2.5])
    lengths = st.tuples(st.integers(0, 3), COMPARISONS).filter((0, "lt").__ne__) | st.just(
        ({"min": 1, "max": 2}, "between")
    )
    senseless = {} if is_v2 else {"loose": st.tuples(VALUES, VALUES)}
    return senseless | {
        **dict.fromkeys(("eq", "neq"), st.tuples(VALUES, nothing)),
        **dict.fromkeys(("in", "not_in", "contains_all", "contains_any"), st.tuples(lists, nothing)),
        **dict.fromkeys(("contains", "not_contains"), st.tuples(texts | JSON, nothing)),
        **dict.fromkeys(("starts_with", "ends_with"), st.tuples(texts, nothing)),
        **dict.fromkeys(("gt", "gte", "lt", "lte"), st.tuples(numbers, nothing)),
        "between": bounds,
        **dict.fromkeys(("before", "after"), st.tuples(INSTANTS, nothing)),
        "match_regex": st.tuples(st.sampled_from(PATTERNS), nothing),
        "semantic_version": st.tuples(ANY_VERSIONS[is_v2], COMPARISONS),
        "geo_distance": st.tuples(st.just([52.5, 13.4]), st.sampled_from([0, 900.5]))
        | (st.tuples(objects, nothing) if is_v2 else st.nothing()),
        "time_window": st.tuples(windows(is_v2), nothing),
        "percentage_bucket": st.tuples(st.sampled_from([0, 12.5, 50, 99, 100]), nothing),
        "json_path": st.tuples(st.sampled_from(["$.a", "$.a.b", "$.a.0", "$.0.0", "$.", "$.²"]), JSON),
        "array_length": lengths,
    }


_GEO_OPTIONS: list[dict[str, Any]] = [
    {},
    {"unit": "miles"},
    {"unit": "m", "comparison": "gt"},
    {"comparison": "eq"},
]
_LOOSE_OPERATORS = [
    "contains",
    "starts_with",
    "gt",
    "between",
    "before",
    "percentage_bucket",
    "array_length",
]
_OPERANDS = {is_v2: _operands(is_v2) for is_v2 in (False, True)}


@st.composite
def conditions(draw: st.DrawFn, is_v2: bool) -> dict[str, Any]:
    """Valid conditions. In version 1.0 also operands that make no sense but that the schema accepts."""
    operator = draw(st.sampled_from(list(_OPERANDS[is_v2])))
    value, additional_value = draw(_OPERANDS[is_v2][operator])
    if operator == "loose":
        operator = draw(st.sampled_from(_LOOSE_OPERATORS))
        additional_value = 1 if additional_value is None else additional_value
    attribute = draw(st.sampled_from(ATTRIBUTES))
    return {
        "attribute": attribute,
        "operator": operator,
        "value": value,
        "additional_value": additional_value,
    }


@st.composite
def groups(draw: st.DrawFn, is_v2: bool, depth: int = 0) -> dict[str, Any]:
    group: dict[str, Any] = {
        "operator": draw(st.sampled_from(["and", "or", "not"])),
        "conditions": draw(st.lists(conditions(is_v2), min_size=int(is_v2), max_size=3)),
    }
    if depth < 2 and draw(st.integers(0, 2)) == 0:
        group["groups"] = draw(st.lists(groups(is_v2, depth + 1), max_size=2))
    return group


@st.composite
def documents(draw: st.DrawFn, is_v2: bool) -> dict[str, Any]:
    rules = st.fixed_dictionaries(
        {"rule": groups(is_v2)},
        optional={
            "rollout_percentage": st.sampled_from([0, 30, 50, 99, 100]),
            "priority": st.integers(-2, 2),
            "variant": st.just("on"),
        },
    )
    default = draw(st.none() | rules)
    return {
        "version": "2.0" if is_v2 else "1.0",
        "rules": [
            {"id": f"rule-{index}"} | rule for index, rule in enumerate(draw(st.lists(rules, max_size=2)))
        ],
        "default_rule": {"id": "default"} | default if default else None,
    }
