"""Random documents of the general form, and questions to them, from pools so small that tests often match.

Documents are valid: their operand values can be read, ranges are in order and inside of the scheme's numbers,
arms do not overlap. Definitions and segments refer to one another, at times in a circle or to nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from hypothesis import strategies as st

from tests.support.general_pools import (
    ADDRESSES,
    COMMON_ADDRESSES,
    COMMON_EPOCHS,
    COMMON_INSTANTS,
    COMMON_NUMBER_TEXTS,
    COMMON_VERSIONS,
    DATES,
    INSTANTS,
    JSON,
    JSON_LISTS,
    NO_ADDRESSES,
    NO_INSTANTS,
    NO_VERSIONS,
    NOW,
    NUMBER_TEXTS,
    OPERANDS_OF_WRITTEN,
    READABLE,
    READERS,
    VERSION_NUMBERS,
    VERSION_TEXTS,
    VERSIONS_OF_NUMBERS,
    WRITTEN,
    prefer,
)
from tests.support.general_values import Json

Question = tuple[Json, str, str | None, Json, float]
"""What `interpret` takes: document, key, user, context, now."""

DEFINITIONS = ["checkout", "search", "banner"]
SEGMENTS = ["staff", "germans", "beta"]
UNKNOWN = "unknown-key"
VARIANTS = ["on", "off", "blue"]

USERS = st.sampled_from(["ada", "bob", None, "u-3", "u-4", "7", None, "ü", "", "\ud800", "a" * 33, "ada\n"])
TIMES = st.sampled_from([NOW, NOW + 0.5, 0, -1, NOW + 86_400])

# Attributes, each with the values that it usually has, and the readers that usually read it.

TYPICAL_VALUES: dict[str, st.SearchStrategy[Json]] = {
    "country": READABLE["text"],
    "age": READABLE["number"],
    "version": prefer(
        COMMON_VERSIONS, [*VERSION_TEXTS, *VERSION_NUMBERS, *NO_VERSIONS, *VERSIONS_OF_NUMBERS]
    ),
    "seen": prefer(COMMON_INSTANTS, [*INSTANTS, *NO_INSTANTS, *DATES, *COMMON_EPOCHS]),
    "beta": st.sampled_from([True, False, 1, 0, "true", None]),
    "tags": st.lists(st.sampled_from(["DE", "de", "ada", 1, True, None, "2.0.0", ["DE"]]), max_size=3)
    | st.sampled_from(JSON_LISTS),
    "score": prefer(COMMON_NUMBER_TEXTS, [*NUMBER_TEXTS, *COMMON_EPOCHS, 2.5, True]),
    "address": prefer(COMMON_ADDRESSES, [*ADDRESSES, *NO_ADDRESSES]),
}
TYPICAL_READERS: dict[str, list[str | None]] = {
    "country": [
        *(None, "text", "fold", "lower", "lower-if-text", "nonempty", "unit", "text-int", "canonical"),
        *("canonical-lower", "canonical-fold", "json-text", "js-text", "js-text-lower", "js-unit"),
        *("json-text-nonempty", "typed-text"),
    ],
    "age": [
        None,
        "number",
        "integer",
        "number-finite",
        "number-or-text",
        "js-number",
        "canonical",
        "js-text",
        "typed",
        "typed-text",
    ],
    "version": [
        *("semver", None, "semver", "semver-strict", "semver-trim", "semver-partial"),
        *("dotted-numbers", "triple", "padded"),
    ],
    "seen": ["instant", None, "instant-utc", "instant-or-epoch", "instant-ms", "epoch-auto"],
    "beta": [None, "canonical", "js-unit", "boolean"],
    "tags": [None, "text", "fold", "json-list", "lower-if-text", "canonical"],
    "score": [
        *(None, "number-or-text", "number-comma", "integer-text", "minute", "day", "js-number", "padded"),
        *("epoch-auto", "instant-or-epoch", "js-text", "canonical", "typed", "typed"),
    ],
    "address": [None, "text", "nonempty"],
}
PREFIXES = [f"version-prefix-{order}" for order in ("eq", "lt", "le", "gt", "ge")]
CASTS = [f"cast-{order}" for order in ("eq", "ne", "lt", "le", "gt", "ge")]
ORDER = ["ge", "lt", "eq", "gt", "le", "ne", "between", "in"]
TYPICAL_RELATIONS = {
    "country": [
        *("eq", "in", "ne", "starts", "ends", "contains", "lt", "exists", "match", "match-start", "type"),
        *("digest-in", "digest-starts", "digest-ends", "truthy", "re2", "readable"),
    ],
    "age": [*ORDER, "exists", "modulo", "remainder", "type", "truthy", "readable", *CASTS],
    "version": [*ORDER, "caret", "tilde", "version-range", "version-range", *PREFIXES],
    "seen": ["ge", "lt", "between", "eq", "gt", "le"],
    "beta": ["eq", "ne", "exists", "in", "truthy", "type"],
    "tags": [
        *("eq", "in", "contains", "starts", "ne", "exists", "meets", "superset", "subset", "equals", "meets"),
        *("logic-truthy", "truthy", "digest-list", "subset", "equals"),
    ],
    "score": [*ORDER, *CASTS, "modulo", "remainder", "truthy", "js-eq", "js-lt", "js-le", "js-gt", "js-ge"],
    "address": ["cidr", "cidr", "eq", "digest-in"],
}
RELATIONS = [
    *("eq", "ne", "lt", "le", "gt", "ge", "between", "in", "starts", "ends", "contains", "exists"),
    *("readable", "truthy", "logic-truthy", "meets", "superset", "subset", "equals", *WRITTEN),
]
SETS = ("meets", "superset", "subset", "equals")
WITHOUT_VALUE = ("exists", "readable", "truthy", "logic-truthy")
WRITTEN_ONLY = (
    *("match", "match-start", "re2"),
    *("digest-in", "digest-list", "digest-starts", "digest-ends"),
)
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


OPERAND_KINDS = [*["attr"] * 6, "user", "context", "now", "const", "const", "then"]
NESTED_OPERAND_KINDS = ["flag", "item", "first", "first", "fn", "fn"]
OFFSETS = [0, 3_600, -604_800, 0.5, -0.25, -NOW, 10**11]


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
            part = choose(draw, ["value", "variant", "id", "enabled"])
            operand = {"flag": draw_definition_key(draw, place), "get": part}
            if is_rare(draw, 3):
                operand["path"] = choose(draw, [["a"], [], ["a", "b"]])
        case "item":
            operand = {"item": choose(draw, [[], ["age"], ["a"]])}
        case "then":
            return draw_time(draw)
        case "fn":
            operand = draw_function(draw, place, depth)
        case _:
            count = draw(st.integers(0, 3))
            operand = {"first": [draw_operand(draw, place, depth - 1) for _ in range(count)]}
    return _with_reader(operand, choose(draw, [None, None, None, *READERS]))


def draw_time(draw: st.DrawFn) -> dict[str, Json]:
    readers = ["instant", "instant", "instant-utc", "epoch-auto", "minute", "day", "number", None]
    return _with_reader({"now": choose(draw, OFFSETS)}, choose(draw, readers))


def draw_function(draw: st.DrawFn, place: Place, depth: int) -> dict[str, Json]:
    name = choose(draw, ["cat", "join", "list", "length", "lower"])
    count = 1 if name in ("length", "lower") else draw(st.integers(0, 3))
    return {"fn": name, "args": [draw_operand(draw, place, depth - 1) for _ in range(count)]}


def values(relation: str, reader: str | None, pool: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """What may stand on the right: of the pool, or whatever the reader can read."""
    if relation in WRITTEN:
        return WRITTEN[relation]
    readable = pool if reader is None or (reader == "json-list" and relation in SETS) else READABLE[reader]
    if relation == "in" or relation in SETS:
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
    if name == "seen" and reader and relation != "between" and is_rare(draw, 4):
        test["with"] = draw_time(draw)
    elif relation not in WITHOUT_VALUE:
        test["value"] = draw(values(relation, reader, TYPICAL_OPERANDS[name]))
    if name == "tags" and relation not in SETS and not is_rare(draw, 4):
        test["list"] = "any"
    return test


def draw_test_of_anything(draw: st.DrawFn, place: Place) -> dict[str, Json]:
    relation = choose(draw, RELATIONS)
    operand = draw_operand(draw, place)
    test: dict[str, Json] = {"test": relation, "of": operand}
    if relation not in (*WITHOUT_VALUE, *WRITTEN_ONLY) and draw(st.booleans()):
        test["with"] = draw_operand(draw, place)
        if relation in WRITTEN and draw(st.booleans()):
            test["with"] = {"const": draw(OPERANDS_OF_WRITTEN)}
        if draw(st.booleans()):
            test["missing"] = "pass"
    elif relation not in WITHOUT_VALUE:
        reader = operand.get("as") if isinstance(operand, dict) else None
        test["value"] = draw(values(relation, reader, JSON))
    if relation != "readable" and is_rare(draw, 3):
        test["list"] = "any"
    return test


def draw_test_of_flag(draw: st.DrawFn, place: Place) -> dict[str, Json]:
    part = choose(draw, ["variant", "id", "value", "enabled"])
    pool = {
        "variant": st.sampled_from(VARIANTS),
        "id": st.sampled_from(VARIANTS),
        "value": FLAG_VALUES,
        "enabled": st.booleans(),
    }[part]
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


TEXT_PARAMETERS = {
    "realtime-1": ["prefix"],
    "murmur32-mod": ["prefix"],
    "murmur32-scaled": ["prefix", "suffix"],
    "murmur32-abs-percent": ["prefix"],
    "cbor-murmur32-scaled": [],
    "md5-mod": ["prefix", "suffix"],
    "md5-32-mod": ["prefix", "suffix"],
    "md5-percent": ["prefix"],
    "sha1-mod": ["prefix", "suffix"],
    "sha1-unit": ["prefix", "suffix"],
    "sha256-mod": ["prefix", "suffix"],
    "java31-mod": [],
    "fnv1a16-1": ["suffix"],
    "fnv1a16-2": ["prefix"],
}
ENDS = {
    "realtime-1": 100_000,
    "murmur32-abs-percent": 100,
    "md5-percent": 100,
    "sha1-unit": 1.0,
    "fnv1a16-1": 1.0,
    "fnv1a16-2": 1.0,
}
"""Of the numbers of a scheme; that of the others is their parameter `of`."""


def draw_scheme(draw: st.DrawFn) -> tuple[dict[str, Json], list[float]]:
    """A scheme with its parameters, and bounds of ranges, from 0 to the end of its numbers."""
    name = choose(draw, ["murmur32-mod", "realtime-1", *TEXT_PARAMETERS])
    texts = [*["checkout:", "", "ü/"] * 8, "\ud800"]
    scheme: dict[str, Json] = {"scheme": name}
    for parameter in TEXT_PARAMETERS[name]:
        if name == "realtime-1" or draw(st.booleans()):
            scheme[parameter] = choose(draw, texts)
    if name in ("murmur32-mod", "murmur32-scaled", "java31-mod") and draw(st.booleans()):
        scheme["seed"] = choose(draw, [0, 1, 86_028_157, 2**32 - 1])
    if name == "realtime-1":
        scheme["half"] = choose(draw, ["first", "second"])
    if name == "cbor-murmur32-scaled":
        scheme["as"] = "cbor"
    if name in ENDS:
        end = ENDS[name]
        return scheme, [end * part / 4 if isinstance(end, float) else end * part // 4 for part in range(5)]
    end = scheme["of"] = choose(draw, [2, 3, 2, 3, 1, 10, 100, 10_000, 2**32])
    return scheme, sorted({end * part // 4 for part in range(5)})


def draw_shard(draw: st.DrawFn, place: Place) -> tuple[dict[str, Json], list[float]]:
    """A shard, and bounds of ranges to choose from."""
    shard, bounds = draw_scheme(draw)
    if is_rare(draw, 4):
        shard["unit"] = draw_operand(draw, place)
    if is_rare(draw, 8) and "as" not in shard:
        shard["as"] = choose(draw, [reader for reader in READERS if reader])
    if draw(st.booleans()):
        buckets = bounds[:-1] if "of" in shard or shard["scheme"] == "realtime-1" else bounds
        words = [*["out"] * 6, *["unknown"] * 6, "error"]
        shard["missing"] = {"bucket": choose(draw, buckets)} if draw(st.booleans()) else choose(draw, words)
    return shard, bounds


def draw_shard_condition(draw: st.DrawFn, place: Place) -> dict[str, Json]:
    shard, bounds = draw_shard(draw, place)
    if is_rare(draw, 4):
        first, second = choose(draw, bounds), choose(draw, bounds)
        start, end = choose(
            draw, [(NOW - 10, NOW + 10), (NOW, NOW + 1), (NOW - 2, NOW), (-1, NOW + 86_400.5)]
        )
        return {"shard": shard, "below": {"from": [start, first], "to": [end, second]}}
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
