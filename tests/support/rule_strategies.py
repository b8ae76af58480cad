"""Random written serves and rules, and the definitions that hold them. All are valid."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from chalicelib.domain.bucketing import BUCKETS
from tests.support.condition_strategies import (
    DEPTH,
    FLAGS,
    PERCENTAGES,
    choose,
    conditions,
    draw_shard,
    draw_unit,
    gates,
    is_rare,
)

Json = Any

EXPERIMENTS = ["checkout-test"]
VARIANTS = ["on", "off", "blue"]


@st.composite
def serves(draw: st.DrawFn, depth: int = DEPTH, *, has_shares: bool = True) -> Json:
    simple = ["variant", "variant", "word", "weights", "object", "flag", "experiment"]
    match choose(draw, [*simple, *(["arms", "rules"] if depth > 1 else [])]):
        case "variant":
            return choose(draw, VARIANTS)
        case "word":
            return choose(draw, ["next", "default", "none", "error", *(["split"] if has_shares else [])])
        case "weights":
            weights: list[Json] = [
                {"on": 1, "off": 1},
                {"on": "20%", "blue": "80%"},
                {"blue": 0.5},
                {"on": 0, "off": "2.5"},
            ]
            return {"split": choose(draw, weights)}
        case "object":
            return {"variant": choose(draw, VARIANTS)} | choose(
                draw, [{}, {"enabled": False}, {"enabled": True}]
            )
        case "flag":
            return {"flag": choose(draw, FLAGS)}
        case "experiment":
            return {"experiment": choose(draw, EXPERIMENTS)}
        case "arms":
            return draw_split(draw, depth - 1, has_shares)
    return {"rules": draw(rule_lists(depth - 1, has_shares=has_shares))}


def draw_split(draw: st.DrawFn, depth: int, has_shares: bool) -> dict[str, Json]:
    """Parts that end at bounds, ranges between bounds, or no part at all."""
    shard, bounds = draw_shard(draw)
    split: dict[str, Json] = {"of": shard}
    if draw(st.booleans()):
        split, bounds = {}, [0, BUCKETS // 2, BUCKETS]
    if draw(st.booleans()):
        places: list[dict[str, Json]] = [{"to": bound} for bound in bounds[1:-1]] + [{"rest": True}]
    else:
        places = [{"ranges": [list(pair)]} for pair in pairwise(bounds)]
    arms = [{**place, "serve": draw(serves(depth, has_shares=has_shares))} for place in places]
    return {"split": arms[: draw(st.integers(0, len(arms)))], **split}


@st.composite
def rule_lists(draw: st.DrawFn, depth: int = DEPTH, *, has_shares: bool = True) -> list[Json]:
    drawn = draw(st.lists(rules(depth, has_shares=has_shares), max_size=3))
    return [rule | ({"id": f"rule-{index}"} if is_rare(draw, 3) else {}) for index, rule in enumerate(drawn)]


@st.composite
def rules(draw: st.DrawFn, depth: int = DEPTH, *, has_shares: bool = True) -> dict[str, Json]:
    rule: dict[str, Json] = {}
    if is_rare(draw, 4):
        rule["description"] = "For those who asked."
    if not is_rare(draw, 4):
        rule["when"] = draw(conditions(depth))
    if draw(st.booleans()):
        rule["gates"] = draw(st.lists(gates(depth - 1), max_size=2))
    if is_rare(draw, 6):
        rule["unit"] = draw_unit(draw)
    rule["serve"] = draw(serves(depth, has_shares=has_shares))
    is_undecided = isinstance(rule["serve"], dict) and rule["serve"].keys() & {"split", "rules", "experiment"}
    if (rule.get("gates") or is_undecided) and draw(st.booleans()):
        rule["else"] = draw(serves(depth - 1, has_shares=has_shares))
    return rule


# Definitions


def _list_variants(has_shares: bool) -> Iterator[Json]:
    shares: Json = {"on": {"weight": 1}, "off": {"weight": 2.5}, "blue": {"weight": 0}} if has_shares else {}
    yield {name: {"value": name, **shares.get(name, {})} for name in VARIANTS}
    yield [{"key": name, "value": name, **shares.get(name, {})} for name in VARIANTS]
    if not has_shares:
        yield {name: name for name in VARIANTS}


@st.composite
def flags(draw: st.DrawFn, key: str = "written", depth: int = DEPTH) -> dict[str, Json]:
    has_shares = draw(st.booleans())
    document: dict[str, Json] = {
        "key": key,
        "variants": choose(draw, list(_list_variants(has_shares))),
        "rules": draw(rule_lists(depth, has_shares=has_shares)),
    }
    if is_rare(draw, 3):
        document["type"] = choose(draw, ["string", "any"])
    if not is_rare(draw, 3):
        document["default"] = choose(draw, [*VARIANTS, "none", {"variant": "off"}])
    elif draw(st.booleans()):
        document["default_variant"] = choose(draw, VARIANTS)
    if is_rare(draw, 4):
        document["unit"] = draw_unit(draw)
    return document


@st.composite
def segments(draw: st.DrawFn, key: str = "written", depth: int = DEPTH) -> dict[str, Json]:
    document: dict[str, Json] = {"key": key, "when": draw(conditions(depth))}
    if is_rare(draw, 3):
        document["share"] = choose(draw, PERCENTAGES)
    if is_rare(draw, 3):
        document["include"] = ["ada"]
    if is_rare(draw, 3):
        document["exclude"] = ["bob", "ada"]
    if is_rare(draw, 4):
        document["unit"] = draw_unit(draw)
    return document


@st.composite
def experiments(draw: st.DrawFn, key: str = "written", depth: int = DEPTH) -> dict[str, Json]:
    variants: list[Json] = [
        {"control": 1, "treatment": 1},
        {"control": {"weight": 2, "payload": {"colour": "grey"}}, "treatment": 1},
        [{"key": "control", "allocation": "50%"}, {"key": "treatment", "allocation": 0.5}],
    ]
    document: dict[str, Json] = {"key": key, "status": "active", "variants": choose(draw, variants)}
    if draw(st.booleans()):
        document["when"] = draw(conditions(depth))
    if draw(st.booleans()):
        document["gates"] = draw(st.lists(gates(depth), max_size=2))
    if is_rare(draw, 4):
        document["unit"] = draw_unit(draw)
    return document
