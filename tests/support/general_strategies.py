"""Random documents of the general form, and questions to them, from pools so small that tests often match.

Documents are valid: their operand values can be read, ranges are in order and inside of the scheme's numbers,
arms do not overlap. Definitions and segments refer to one another, at times in a circle or to nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

Json = Any
Question = tuple[Json, str, str | None, Json, float]
"""What `interpret` takes: document, key, user, context, now."""

DEFINITIONS = ["checkout", "search", "banner"]
SEGMENTS = ["staff", "germans", "beta"]
UNKNOWN = "unknown-key"
VARIANTS = ["on", "off", "blue"]
NOW = 1_714_557_600

USERS = st.sampled_from(["ada", "bob", None, "u-3", "u-4", "7", None, "ü", "", "\ud800", "a" * 33, "ada\n"])
TIMES = st.sampled_from([NOW, NOW + 0.5, 0, -1, NOW + 86_400])

# Values by what they look like. Each pool has a few common values, so that two draws often meet.


def prefer(common: list[Json], others: list[Json]) -> st.SearchStrategy[Json]:
    """A common value two times of three."""
    return st.sampled_from([*common * (2 * len(others) // len(common)), *others])


COMMON_TEXTS = ["DE", "de", "D", "straße", "STRASSE"]
COMMON_NUMBERS = [1, 1.0, 18, 2]
COMMON_VERSIONS = ["1.2.3", "v1.2", "1.2.3-rc.2", "1.2.3-rc.10", 2]
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
COLLECTIONS: list[Json] = [
    *([], [1], [True], [1.0, None], [[1], {"a": None}]),
    *({}, {"a": 1}, {"a": True}, {"a": 1.0}),
]


def nest(depth: int) -> Json:
    return {"a": [nest(depth - 1)]} if depth else 1


SCALARS = st.sampled_from([None, True, False, *TEXTS, *INTEGERS, *FLOATS])
JSON = (
    SCALARS
    | st.sampled_from([*COLLECTIONS, nest(25)])
    | st.text(st.characters(exclude_categories=()), max_size=3)  # lone surrogates included
    | st.sampled_from([*VERSION_TEXTS, *NO_VERSIONS, *INSTANTS, *NO_INSTANTS])
)

READABLE: dict[str | None, st.SearchStrategy[Json]] = {
    None: JSON,
    "text": prefer(COMMON_TEXTS, TEXTS),
    "fold": prefer(COMMON_TEXTS, TEXTS),
    "integer": st.sampled_from(INTEGERS),
    "number": prefer(COMMON_NUMBERS, [*INTEGERS, *FLOATS]),
    "semver": prefer(COMMON_VERSIONS, [*VERSION_TEXTS, *VERSION_NUMBERS]),
    "instant": prefer(COMMON_INSTANTS, INSTANTS),
}
READERS = list(READABLE)

# Attributes, each with the values that it usually has, and the readers that usually read it.

TYPICAL_VALUES: dict[str, st.SearchStrategy[Json]] = {
    "country": READABLE["text"],
    "age": READABLE["number"],
    "version": prefer(COMMON_VERSIONS, [*VERSION_TEXTS, *VERSION_NUMBERS, *NO_VERSIONS]),
    "seen": prefer(COMMON_INSTANTS, [*INSTANTS, *NO_INSTANTS]),
    "beta": st.sampled_from([True, False, 1, 0, "true", None]),
    "tags": st.lists(st.sampled_from(["DE", "de", "ada", 1, True, None, "2.0.0", ["DE"]]), max_size=3),
}
TYPICAL_READERS: dict[str, list[str | None]] = {
    "country": [None, "text", "fold"],
    "age": [None, "number", "integer"],
    "version": ["semver", None],
    "seen": ["instant", None],
    "beta": [None],
    "tags": [None, "text", "fold"],
}
TYPICAL_RELATIONS = {
    "country": ["eq", "in", "ne", "starts", "ends", "contains", "lt", "exists"],
    "age": ["eq", "ge", "lt", "between", "in", "gt", "le", "ne", "exists"],
    "version": ["ge", "lt", "eq", "between", "in", "gt", "le", "ne"],
    "seen": ["ge", "lt", "between", "eq", "gt", "le"],
    "beta": ["eq", "ne", "exists", "in"],
    "tags": ["eq", "in", "contains", "starts", "ne", "exists"],
}
RELATIONS = ["eq", "ne", "lt", "le", "gt", "ge", "between", "in", "starts", "ends", "contains", "exists"]
ATTRIBUTES = list(TYPICAL_VALUES)
TYPICAL_OPERANDS = TYPICAL_VALUES | {"tags": st.sampled_from(["DE", "de", "ada", "d", 1, True])}
FLAG_VALUES = st.sampled_from([True, False, None, 1, 1.0, "DE", "de", {"a": 1}, [1]])


@dataclass(frozen=True)
class Place:
    """Where a part of the document stands: whom it names, and whether it is in the `where` of a `some`."""

    definitions: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    has_element: bool = False


def is_rare(draw: st.DrawFn, one_in: int) -> bool:
    """True once in so many; shrinks to False."""
    return draw(st.integers(0, one_in - 1)) == one_in - 1


def is_usual(draw: st.DrawFn) -> bool:
    """True three times of four; shrinks to False."""
    return draw(st.integers(0, 3)) > 0


def choose(draw: st.DrawFn, options: Sequence[Json]) -> Json:
    """Shrinks to the first. Builds no strategy, which is most of the cost of `sampled_from`."""
    return options[draw(st.integers(0, len(options) - 1))]


# Questions


def draw_attributes(draw: st.DrawFn) -> dict[str, Json]:
    return {
        name: draw(JSON if is_rare(draw, 8) else pool)
        for name, pool in TYPICAL_VALUES.items()
        if is_usual(draw)
    }


def draw_element(draw: st.DrawFn) -> Json:
    match draw(st.integers(0, 3)):
        case 0:
            return draw(TYPICAL_VALUES[choose(draw, ATTRIBUTES)])
        case 1:
            return draw(JSON)
    return draw_attributes(draw)


@st.composite
def contexts(draw: st.DrawFn) -> dict[str, Json]:
    context = draw_attributes(draw)
    if draw(st.booleans()):
        context["profile"] = draw(JSON) if is_rare(draw, 6) else draw_attributes(draw)
    if is_usual(draw):
        elements = [draw_element(draw) for _ in range(draw(st.integers(0, 3)))]
        context["orders"] = draw(JSON) if is_rare(draw, 6) else elements
    if is_rare(draw, 4):
        context["profile.country"] = draw(TYPICAL_VALUES["country"])
    return context


CONTEXTS = contexts()


# Operands and tests


def _with_reader(operand: dict[str, Json], reader: str | None) -> dict[str, Json]:
    return operand if reader is None else operand | {"as": reader}


def draw_definition_key(draw: st.DrawFn, place: Place) -> Json:
    """Seldom one that leads in a circle or that the document has not."""
    if place.definitions and not is_rare(draw, 16):
        return choose(draw, place.definitions)
    return choose(draw, [*DEFINITIONS, UNKNOWN])


def draw_attribute(draw: st.DrawFn, name: str, place: Place) -> dict[str, Json]:
    """An attribute of the context, of its profile, or of the element."""
    kinds = ["name"] * 5 + ["path"] * 2 + ["odd path"]
    match choose(draw, [*kinds, *["item"] * 16] if place.has_element else kinds):
        case "name":
            return {"attr": name}
        case "path":
            return {"attr": ["profile", name]}
        case "odd path":
            return {"attr": choose(draw, ["profile.country", [name], ["orders", name], [name, "a"], []])}
    return {"item": choose(draw, [[name], []])}


OPERAND_KINDS = [*["attr"] * 6, "user", "context", "now", "const", "const"]
NESTED_OPERAND_KINDS = ["flag", "item", "first", "first"]


def draw_operand(draw: st.DrawFn, place: Place, depth: int = 1) -> Json:
    """Of any kind, with any reader."""
    operand: dict[str, Json]
    match choose(draw, [*OPERAND_KINDS, *NESTED_OPERAND_KINDS] if depth else OPERAND_KINDS):
        case "user" | "context" | "now" as word:
            return word
        case "attr":
            operand = draw_attribute(draw, choose(draw, ATTRIBUTES), place)
        case "const":
            operand = {"const": draw(JSON)}
        case "flag":
            part = choose(draw, ["value", "variant", "enabled"])
            operand = {"flag": draw_definition_key(draw, place), "get": part}
        case "item":
            operand = {"item": choose(draw, [[], ["age"], ["a"]])}
        case _:
            count = draw(st.integers(0, 3))
            operand = {"first": [draw_operand(draw, place, depth - 1) for _ in range(count)]}
    return _with_reader(operand, choose(draw, [None, None, None, *READERS]))


def values(relation: str, reader: str | None, pool: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """What may stand on the right: of the pool, or whatever the reader can read."""
    readable = pool if reader is None else READABLE[reader]
    if relation == "in":
        return st.lists(readable, min_size=1, max_size=4)
    if relation == "between":
        return st.tuples(readable, readable).map(list)
    return readable


def draw_typical_test(draw: st.DrawFn, place: Place) -> dict[str, Json]:
    """An attribute with a reader, a relation and a value that fit."""
    name = choose(draw, ATTRIBUTES)
    reader = choose(draw, TYPICAL_READERS[name])
    relation = choose(draw, TYPICAL_RELATIONS[name])
    operand = _with_reader(draw_attribute(draw, name, place), reader)
    test: dict[str, Json] = {"test": relation, "of": operand}
    if relation != "exists":
        test["value"] = draw(values(relation, reader, TYPICAL_OPERANDS[name]))
    if name == "tags" and not is_rare(draw, 4):
        test["list"] = "any"
    return test


def draw_test_of_anything(draw: st.DrawFn, place: Place) -> dict[str, Json]:
    relation = choose(draw, RELATIONS)
    operand = draw_operand(draw, place)
    test: dict[str, Json] = {"test": relation, "of": operand}
    if relation != "exists" and draw(st.booleans()):
        test["with"] = draw_operand(draw, place)
        if draw(st.booleans()):
            test["missing"] = "pass"
    elif relation != "exists":
        reader = operand.get("as") if isinstance(operand, dict) else None
        test["value"] = draw(values(relation, reader, JSON))
    if is_rare(draw, 3):
        test["list"] = "any"
    return test


def draw_test_of_flag(draw: st.DrawFn, place: Place) -> dict[str, Json]:
    part = choose(draw, ["variant", "value", "enabled"])
    pool = {"variant": st.sampled_from(VARIANTS), "value": FLAG_VALUES, "enabled": st.booleans()}[part]
    relation = choose(draw, ["eq", "ne", "in"])
    operand = {"flag": draw_definition_key(draw, place), "get": part}
    return {"test": relation, "of": operand, "value": draw(values(relation, None, pool))}


@st.composite
def tests(draw: st.DrawFn, place: Place) -> dict[str, Json]:
    kinds = [*["typical"] * 5, *["anything"] * 3, *["flag"] * (2 if place.definitions else 0)]
    match choose(draw, kinds):
        case "typical":
            test = draw_typical_test(draw, place)
        case "anything":
            test = draw_test_of_anything(draw, place)
        case _:
            test = draw_test_of_flag(draw, place)
    if is_rare(draw, 3):
        test["missing"] = choose(draw, [True, "unknown", "pass", False])
    if is_rare(draw, 3):
        test["unreadable"] = choose(draw, [True, "unknown", False])
    return test


# Shards


def draw_scheme(draw: st.DrawFn) -> tuple[dict[str, Json], list[float]]:
    """A scheme with its parameters, and bounds of ranges, from 0 to the end of its numbers."""
    name = choose(draw, ["murmur32-mod", "realtime-1", "sha1-unit", "md5-mod"])
    texts = ["checkout:", "", "ü/", "checkout:", "", "\ud800"]
    scheme: dict[str, Json] = {"scheme": name}
    if name == "realtime-1" or draw(st.booleans()):
        scheme["prefix"] = choose(draw, texts)
    if name in ("sha1-unit", "md5-mod") and draw(st.booleans()):
        scheme["suffix"] = choose(draw, texts)
    if name == "murmur32-mod" and draw(st.booleans()):
        scheme["seed"] = choose(draw, [0, 1, 86_028_157, 2**32 - 1])
    if name == "sha1-unit":
        return scheme, [part / 4 for part in range(5)]
    if name == "realtime-1":
        scheme["half"] = choose(draw, ["first", "second"])
        end = 100_000
    else:
        end = scheme["of"] = choose(draw, [2, 3, 2, 3, 1, 10, 100, 10_000, 2**32])
    return scheme, sorted({end * part // 4 for part in range(5)})


def draw_shard(draw: st.DrawFn, place: Place) -> tuple[dict[str, Json], list[float]]:
    """A shard, and bounds of ranges to choose from."""
    shard, bounds = draw_scheme(draw)
    if is_rare(draw, 4):
        shard["unit"] = draw_operand(draw, place)
    if is_rare(draw, 8):
        shard["as"] = choose(draw, [reader for reader in READERS if reader])
    if draw(st.booleans()):
        buckets = bounds if shard["scheme"] == "sha1-unit" else bounds[:-1]
        words = [*["out"] * 6, *["unknown"] * 6, "error"]
        shard["missing"] = {"bucket": choose(draw, buckets)} if draw(st.booleans()) else choose(draw, words)
    return shard, bounds


def draw_shard_condition(draw: st.DrawFn, place: Place) -> dict[str, Json]:
    shard, bounds = draw_shard(draw, place)
    condition: dict[str, Json] = {"shard": shard, "ranges": [[bounds[0], bounds[-1]]]}
    if draw(st.booleans()):
        count = draw(st.integers(0, 2))
        condition["ranges"] = [sorted([choose(draw, bounds), choose(draw, bounds)]) for _ in range(count)]
        if draw(st.booleans()):
            condition["closed"] = is_usual(draw)
    return condition


def draw_split(draw: st.DrawFn, place: Place, depth: int) -> dict[str, Json]:
    """Each part between two bounds belongs to one arm or to none."""
    shard, bounds = draw_shard(draw, place)
    arm_count = draw(st.integers(1, 3))
    owned: list[list[list[float]]] = [[] for _ in range(arm_count)]
    for start, end in pairwise(bounds):
        owner = draw(st.integers(0, arm_count if is_rare(draw, 2) else arm_count - 1))
        if owner < arm_count:
            owned[owner].append([start, end])
    arms = [{"ranges": ranges, "serve": draw(serves(place, depth))} for ranges in owned]
    return {"split": shard, "arms": arms}


# Conditions

CONDITION_KINDS = ["constant", *["test"] * 10, *["shard"] * 2]
NESTED_CONDITION_KINDS = ["all", "all", "any", "any", "not", "not", "some", "some"]


@st.composite
def conditions(draw: st.DrawFn, place: Place, depth: int = 2) -> Json:
    kinds = [*CONDITION_KINDS, *NESTED_CONDITION_KINDS] if depth else CONDITION_KINDS
    match choose(draw, [*kinds, *["segment"] * 2] if place.segments or is_rare(draw, 16) else kinds):
        case "constant":
            return "error" if is_rare(draw, 16) else choose(draw, [True, False, "unknown"])
        case "test":
            return draw(tests(place))
        case "shard":
            return draw_shard_condition(draw, place)
        case "segment":
            is_odd = not place.segments or is_rare(draw, 16)
            return {"segment": choose(draw, [*SEGMENTS, UNKNOWN] if is_odd else place.segments)}
        case "not":
            return {"not": draw(conditions(place, depth - 1))}
        case "some":
            return draw_condition_of_elements(draw, place, depth)
        case kind:
            fewest = 0 if is_rare(draw, 12) else 1
            return {kind: draw(st.lists(conditions(place, depth - 1), min_size=fewest, max_size=3))}


def draw_condition_of_elements(draw: st.DrawFn, place: Place, depth: int) -> dict[str, Json]:
    lists = [{"attr": "orders"}, {"attr": "orders"}, {"attr": "tags"}, *([{"item": []}] * place.has_element)]
    operand = draw_operand(draw, place) if is_rare(draw, 6) else choose(draw, lists)
    if place.segments and is_rare(draw, 3):
        return {"some": operand, "where": {"segment": choose(draw, place.segments)}}
    return {"some": operand, "where": draw(conditions(replace(place, has_element=True), depth - 1))}


# Definitions

SERVE_KINDS = [*["variant"] * 8, "word", "word", "def"]
NESTED_SERVE_KINDS = [*["split"] * 4, *["rules"] * 2]


@st.composite
def serves(draw: st.DrawFn, place: Place, depth: int = 2) -> Json:
    match choose(draw, [*SERVE_KINDS, *NESTED_SERVE_KINDS] if depth else SERVE_KINDS):
        case "def" if place.definitions or is_rare(draw, 4):
            return {"def": draw_definition_key(draw, place)}
        case "split":
            return draw_split(draw, place, depth - 1)
        case "rules":
            return {"rules": draw(st.lists(rules(place, depth - 1), max_size=3))}
        case "variant":
            served: dict[str, Json] = {"variant": choose(draw, VARIANTS)}
            return served | choose(draw, SERVED_DETAILS)
        case _:
            return "error" if is_rare(draw, 24) else choose(draw, ["next", "default", "none"])


SERVED_DETAILS: list[dict[str, Json]] = [
    *({}, {}, {}, {"reason": "SPLIT"}, {"reason": ""}),
    *({"enabled": False}, {"enabled": True, "reason": "SPLIT"}),
]


@st.composite
def rules(draw: st.DrawFn, place: Place, depth: int = 2) -> dict[str, Json]:
    rule: dict[str, Json] = {}
    if not is_rare(draw, 6):
        rule["when"] = draw(conditions(place, depth))
    if is_rare(draw, 4):
        rule["gates"] = draw(st.lists(conditions(place, min(depth, 1)), max_size=2))
    rule["serve"] = draw(serves(place, depth))
    if is_rare(draw, 3):
        rule["else"] = draw(serves(place, min(depth, 1)))
    if is_rare(draw, 6):
        rule["id"] = choose(draw, ["first", "", "ü"])
    return rule


def draw_variant(draw: st.DrawFn) -> dict[str, Json]:
    variant: dict[str, Json] = {}
    if is_rare(draw, 3):
        variant["value"] = draw(FLAG_VALUES)
    variant |= choose(draw, VARIANT_DETAILS)
    return variant


VARIANT_DETAILS: list[dict[str, Json]] = [
    *({}, {}, {"enabled": False}, {"enabled": True}),
    *({"name": "on"}, {"name": None, "enabled": False}),
]


@st.composite
def definitions(draw: st.DrawFn, place: Place, depth: int) -> dict[str, Json]:
    fewest = 0 if is_rare(draw, 12) else 1
    definition: dict[str, Json] = {
        "variants": {variant_id: draw_variant(draw) for variant_id in VARIANTS},
        "rules": draw(st.lists(rules(place, depth), min_size=fewest, max_size=3)),
    }
    if not is_rare(draw, 4):
        definition["default"] = draw(serves(place, depth=1))
    return definition


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Json]:
    """Parts usually name what comes after them. The last definition and the last segment may be absent."""
    document: dict[str, dict[str, Json]] = {"definitions": {}, "segments": {}}
    for index, name in enumerate(SEGMENTS):
        if name != SEGMENTS[-1] or not is_rare(draw, 12):
            place = Place(segments=tuple(SEGMENTS[index + 1 :]), has_element=is_rare(draw, 4))
            document["segments"][name] = draw(conditions(place, depth=1))
    for index, key in enumerate(DEFINITIONS):
        if key != DEFINITIONS[-1] or not is_rare(draw, 12):
            place = Place(tuple(DEFINITIONS[index + 1 :]), tuple(SEGMENTS))
            document["definitions"][key] = draw(definitions(place, depth=1 if index else 2))
    return document


DOCUMENTS = documents()


@st.composite
def documents_of_conditions(draw: st.DrawFn) -> dict[str, Json]:
    """The only definition, "checkout", answers what a condition is: on true, off false, blue unknown."""
    condition = draw(conditions(Place(segments=("staff",)), depth=1))
    rules = [
        {"when": condition, "serve": {"variant": "on"}},
        {"when": {"not": condition}, "serve": {"variant": "off"}},
    ]
    definition = {"variants": {key: {} for key in VARIANTS}, "rules": rules, "default": {"variant": "blue"}}
    staff = draw(conditions(Place(has_element=draw(st.booleans())), depth=0))
    return {"definitions": {"checkout": definition}, "segments": {"staff": staff}}


DOCUMENTS_OF_CONDITIONS = documents_of_conditions()


@st.composite
def questions(draw: st.DrawFn) -> Question:
    key = choose(draw, [UNKNOWN] if is_rare(draw, 48) else DEFINITIONS)
    return draw(DOCUMENTS), key, draw(USERS), draw(CONTEXTS), draw(TIMES)


QUESTIONS = questions()
