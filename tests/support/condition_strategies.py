"""Random written conditions, gates and shards. All are valid.

They follow the registries of operators, readers and schemes: what a registry gets is drawn from then on.
`tests.support.general_strategies.CONTEXTS` has contexts for the attributes.
"""

from functools import cache
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from chalicelib.domain.bucketing import BUCKETS
from chalicelib.domain.definitions.rules.attribute_tests import OPERATORS, YES_OR_NO, translate_test
from chalicelib.domain.definitions.rules.conditions import CONDITION_WORDS
from chalicelib.domain.definitions.rules.operands import OPERANDS, VALUE_READERS, read_operand
from chalicelib.domain.definitions.rules.shards import list_unit_readers
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.general_form.relations import RELATIONS
from chalicelib.domain.general_form.relations.weekly import DAYS
from chalicelib.domain.general_form.schemes import PARAMETERS, SCHEMES

Json = Any

SEGMENTS = ["staff", "germans", "beta"]
FLAGS = ["search", "banner"]
DEPTH = 3
ATTRIBUTES: list[Json] = [
    "country",
    "age",
    "version",
    "seen",
    "beta",
    "tags",
    "profile.country",
    ["profile", "age"],
]
LISTS = ["orders", "tags"]
FIRST_TIME, LAST_TIME = "2024-05-01T10:00:00Z", "2024-05-08T12:00:00.5+02:00"
TIMES = [FIRST_TIME, LAST_TIME]
PERCENTAGES: list[Json] = ["20%", "0%", "100%", "0.5%", 50, 99.999, 0, 100]
VALUES: list[Json] = [
    *("DE", "de", "D", "", "ada", True, False, None, 1, 18, 2.5, -5, {"a": 1}),
    *("1.2.3", "v1.2", "2.0.0-rc.1", *TIMES, "now", "now - 7d", "now + 36 h", "^D", "10.0.0.0/8"),
    *(["DE", "FR"], [1, 2.0], [18, 65], [2, 1], [], [None], ["1.2.3", "2.0.0"], TIMES, ["10.0.0.0/8", "::1"]),
    *({"attribute": "age"}, {"attribute": "profile.country"}, {"attribute": {"lower": "country"}}),
    *({"digests": ["a" * 64]}, {"digests": [f"2_{'0' * 64}"]}),
]
VALUES[-2:] = [{"algorithm": "sha256", "salt": "s", "suffix": "x", **digests} for digests in VALUES[-2:]]
"""Of tests. Which of them an operator takes, it is asked itself."""


@cache
def list_values(operator: str, reader: str | None, made_reader: str | None = None) -> list[Json]:
    """Those that the operator takes if the attribute is read so; none if it takes no reader.

    ``made_reader`` is the one of the made value, below that of the test.
    """
    option = {} if reader is None else {"as": reader}
    subject = "country" if made_reader is None else {"user": "id", "as": made_reader}
    return [value for value in VALUES if _is_valid({"if": subject, operator: value, **option})]


def _is_valid(test: Json) -> bool:
    try:
        translate_test(test, "")
    except InvalidForm:
        return False
    return True


OPERATOR_NAMES = [
    name for name, operator in OPERATORS.items() if operator.relation in (*RELATIONS, *YES_OR_NO)
]


def choose(draw: st.DrawFn, options: list[Json]) -> Json:
    """Shrinks to the first."""
    return options[draw(st.integers(0, len(options) - 1))]


def is_rare(draw: st.DrawFn, one_in: int) -> bool:
    return bool(draw(st.integers(0, one_in - 1)) == one_in - 1)


# Units and shards


def draw_unit(draw: st.DrawFn) -> Json:
    units: list[Json] = ["user_id", "country", "profile.country", ["age", "user_id"], [["profile", "age"]]]
    units += [{"cat": ["country", "age"]}, [{"first": ["age", {"user": "id"}], "as": "text"}, "user_id"]]
    unit = choose(draw, units)
    if is_rare(draw, 3):
        return {"of": unit} | ({"missing": draw_missing_unit(draw, 0)} if draw(st.booleans()) else {})
    return unit


def draw_missing_unit(draw: st.DrawFn, end: float) -> Json:
    """``end`` of the scheme; 0 for a unit of shards of all schemes."""
    return choose(draw, ["exclude", "error", "unknown", {"bucket": 0}, {"bucket": end / 2}])


def draw_unit_fields(draw: st.DrawFn, end: float = BUCKETS) -> dict[str, Json]:
    fields: dict[str, Json] = {}
    if is_rare(draw, 4):
        fields["unit"] = choose(draw, ["country", ["age", "user_id"]])
    if is_rare(draw, 4):
        fields["missing"] = draw_missing_unit(draw, end)
    return fields


PARAMETER_VALUES: dict[str, list[Json]] = {
    name: [value for value in ("checkout:", "", "first", "second", 3, 100, True) if is_valid(value)]
    for name, (is_valid, _) in PARAMETERS.items()
}


def draw_shard(draw: st.DrawFn) -> tuple[dict[str, Json], list[float]]:
    """A shard, and bounds from 0 to the end of its scheme's numbers."""
    name = choose(draw, list(SCHEMES))
    entry = SCHEMES[name]
    optional = [parameter for parameter in sorted(entry.optional) if draw(st.booleans())]
    if "as" in entry.required or is_rare(draw, 6):
        optional.append("as")
    values = PARAMETER_VALUES | {"as": list(list_unit_readers(name))}
    parameters = {
        parameter: choose(draw, values[parameter]) for parameter in sorted({*entry.required, *optional})
    }
    end = entry.build(parameters).end
    quarters = {end * part // 4 if isinstance(end, int) else end * part / 4 for part in range(5)}
    return {"scheme": name, **parameters, **draw_unit_fields(draw, end)}, sorted(quarters)


# Conditions


CONDITION_KINDS = ["test", "constant", "test", "test", "user", "segment", "flag", "clock", "share", "scheme"]
NESTED_KINDS = ["all", "any", "not", "list", "some"]


@st.composite
def conditions(draw: st.DrawFn, depth: int = DEPTH, *, has_element: bool = False) -> Json:
    kind = choose(draw, [*CONDITION_KINDS, *(NESTED_KINDS if depth > 1 else [])])
    inner = conditions(depth - 1, has_element=has_element)
    match kind:
        case "constant":
            return choose(draw, [False, True, False, True, *CONDITION_WORDS])
        case "test":
            return draw(attribute_tests(has_element=has_element))
        case "user":
            return {"user": choose(draw, ["ada", ["ada", "bob"], ["u-3"]])}
        case "segment":
            return {"segment": choose(draw, SEGMENTS)}
        case "flag":
            return {"flag": choose(draw, FLAGS), **choose(draw, FLAG_ANSWERS)}
        case "clock":
            return {"clock": draw(clocks())}
        case "share":
            share = {"share": choose(draw, PERCENTAGES), "salt": choose(draw, ["beta", "gamma"])}
            return share | draw_unit_fields(draw)
        case "scheme":
            return draw_scheme_condition(draw)
        case "not":
            return {"not": draw(inner)}
        case "some":
            elements = choose(draw, [*LISTS, *([""] if has_element else [])])
            return {"some": elements, "where": draw(conditions(depth - 1, has_element=True))}
        case "list":
            return draw(st.lists(inner, min_size=1, max_size=3))
    return {kind: draw(st.lists(inner, min_size=1, max_size=3))}


FLAG_ANSWERS: list[Json] = [
    *({"variant": "on"}, {"variants": ["on", "off"]}, {"value": True}, {"value": "on"}),
    *({"enabled": True}, {"enabled": False}),
]


@st.composite
def attribute_tests(draw: st.DrawFn, *, has_element: bool) -> dict[str, Json]:
    operator = choose(draw, OPERATOR_NAMES)
    subject, read_as = {"if": choose(draw, ATTRIBUTES)}, None
    if is_rare(draw, 4):
        made = draw_made_value(draw, has_element)
        form = read_operand(made, "")
        made_reader = form.get("as") if isinstance(form, dict) else None
        if operator in YES_OR_NO or list_values(operator, None, made_reader):
            subject, read_as = {"if": made}, made_reader
    if has_element and not is_rare(draw, 4):
        subject, read_as = {"item": choose(draw, ["", "age", "country", "tags", ["version"]])}, None
    if operator in YES_OR_NO:
        options: dict[str, list[Json]] = {
            "as": list(VALUE_READERS),
            "missing": [True, "unknown"],
            "unreadable": [True, "unknown"],
        }
        chosen = {name: choose(draw, options[name]) for name in YES_OR_NO[operator] if is_rare(draw, 3)}
        return {**subject, operator: draw(st.booleans()), **chosen}
    test = {**subject, operator: choose(draw, list_values(operator, None, read_as))}
    if is_rare(draw, 3):
        reader = choose(draw, list(VALUE_READERS))
        values = list_values(operator, reader, read_as)
        test |= {operator: choose(draw, values), "as": reader} if values else {}
    if is_rare(draw, 3):
        test["missing"] = choose(draw, [True, False, "unknown", "pass"])
    if is_rare(draw, 3):
        test["unreadable"] = choose(draw, [True, False, "unknown"])
    if is_rare(draw, 3):
        test["list"] = choose(draw, ["whole", *([] if OPERATORS[operator].is_of_list else ["any"])])
    return test


def draw_made_value(draw: st.DrawFn, has_element: bool, depth: int = 2) -> Json:
    """An operand that says how the value is made."""
    kinds = [kind for kind in OPERANDS if kind != "item" or has_element]
    kind = choose(draw, kinds)

    def draw_part() -> Json:
        is_made = depth > 1 and is_rare(draw, 3)
        return draw_made_value(draw, has_element, depth - 1) if is_made else choose(draw, ATTRIBUTES)

    made: dict[str, Json]
    match kind:
        case "user" | "clock":
            made = {"user": "id"} if kind == "user" else {"clock": "now"}
        case "first" | "cat" | "join" | "list":
            made = {kind: [draw_part() for _ in range(draw(st.integers(1, 3)))]}
        case "const":
            made = {"const": choose(draw, ["DE", 18, True, ["DE"], {"a": 1}])}
        case "item":
            made = {"item": choose(draw, ["", "age", ["version"]])}
        case "flag":
            made = {"flag": choose(draw, FLAGS)} | choose(
                draw, [{}, {"get": "variant"}, {"get": "enabled"}, {"path": ["a"]}, {"path": ["a", "b"]}]
            )
        case _:
            made = {kind: draw_part()}
    return made | ({"as": choose(draw, list(VALUE_READERS))} if is_rare(draw, 4) else {})


@st.composite
def clocks(draw: st.DrawFn) -> dict[str, Json]:
    window = {"days": ["mon", "fri"], "from": "22:00", "until": "06:00", "timezone": "Europe/Berlin"}
    names = draw(st.sets(st.sampled_from(["after", "before", *window]), min_size=1))
    clock = {name: value for name, value in window.items() if name in names}
    if "days" in names:
        clock["days"] = draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=3))
    return clock | {name: choose(draw, TIMES) for name in ("after", "before") if name in names}


def draw_scheme_condition(draw: st.DrawFn) -> dict[str, Json]:
    shard, bounds = draw_shard(draw)
    condition: dict[str, Json] = dict(shard)
    if draw(st.booleans()):
        condition["below"] = choose(draw, bounds)
    else:
        ranges = st.lists(st.sampled_from(list(pairwise(bounds))).map(list), max_size=2)
        condition["ranges"] = draw(ranges)
    if is_rare(draw, 3):
        condition["closed"] = draw(st.booleans())
    return condition


# Gates


@st.composite
def gates(draw: st.DrawFn, depth: int = DEPTH) -> Json:
    match choose(draw, ["traffic", "ramp", "layer", "holdout", "condition"]):
        case "traffic":
            return {"traffic": choose(draw, PERCENTAGES), **draw_unit_fields(draw)}
        case "ramp":
            percentages = {name: choose(draw, PERCENTAGES) for name in ("from", "to")}
            ramp = percentages | {"start": FIRST_TIME, "end": LAST_TIME}
            return {"traffic": ramp, **draw_unit_fields(draw)}
        case "layer":
            ranges = choose(draw, [[["0%", "50%"]], [[0, 25], ["50%", "75.5%"]], []])
            return {"layer": "l", "ranges": ranges, **draw_unit_fields(draw)}
        case "holdout":
            return {"holdout": "h", "share": choose(draw, PERCENTAGES), **draw_unit_fields(draw)}
    return draw(conditions(depth))
