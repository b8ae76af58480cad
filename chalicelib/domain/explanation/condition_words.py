"""A condition in words, without a user."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib.domain.explanation.words import name_operand, say_relation, shorten, show_value
from chalicelib.domain.general_form.shards import find_ramp_limit, parse_ramp, parse_shard
from chalicelib.domain.timestamps import format_timestamp

Json = Any
WIDTH = 100
"""Characters of a condition that stands on one line."""
MAX_PARTS = 20
"""Of one condition that are shown."""
_OPERATORS: Mapping[str, str] = {
    "eq": "is",
    "neq": "is not",
    "in": "is one of",
    "not_in": "is none of",
    "contains": "contains",
    "not_contains": "does not contain",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "match_regex": "matches",
    "gt": ">",
    "gte": "≥",
    "lt": "<",
    "lte": "≤",
    "between": "is between",
    "before": "is before",
    "after": "is after",
    "contains_all": "contains all of",
    "contains_any": "contains one of",
    "semantic_version": "has a version that meets",
    "geo_distance": "is near",
    "time_window": "is in the time window",
    "array_length": "has a length that meets",
    "json_path": "has at its path",
    "percentage_bucket": "is in the bucket",
}
"""Of targeting rules."""


class Line(NamedTuple):
    """``level`` is how far it is indented."""

    level: int
    text: str


def list_conditions(condition: Json, now: float, level: int = 0) -> Iterator[Line]:
    """On one line if it is short; else its parts below it."""
    text = say_condition(condition, now)
    parts = _list_parts(condition)
    if len(text) <= WIDTH or not parts:
        yield Line(level, text)
        return
    joint = "all of these hold" if "all" in condition else "one of these holds"
    yield Line(level, f"{joint}:")
    for part in parts[:MAX_PARTS]:
        yield from list_conditions(part, now, level + 2)
    if len(parts) > MAX_PARTS:
        yield Line(level + 2, f"and {len(parts) - MAX_PARTS} more")


def say_condition(condition: Json, now: float) -> str:
    match condition:
        case {"all": [*parts]}:
            return " and ".join(_say_part(part, "any", now) for part in parts) or "everybody"
        case {"any": [*parts]}:
            said = [_say_part(part, "all", now) for part in parts if part is not False]
            return " or ".join(said) or "nobody"
        case {"not": {"segment": key}}:
            return f"not in segment {key}"
        case {"not": {"test": str(_), "of": _} as test}:
            return _say_test(test, holds=False)
        case {"not": part}:
            return f"not ({say_condition(part, now)})"
        case {"segment": key}:
            return f"in segment {key}"
        case {"shard": _}:
            return _say_shard(condition, now)
        case {"some": operand, "where": where}:
            return f"an element of {name_operand(operand)} has: {say_condition(where, now)}"
        case {"test": str(name)} if "/" in name:
            return _say_targeting(condition)
        case {"test": _}:
            return _say_test(condition, holds=True)
        case True:
            return "everybody"
    return "nobody" if condition is False else shorten(condition)


def _say_part(part: Json, other: str, now: float) -> str:
    is_compound = isinstance(part, dict) and len(part.get(other, ())) > 1
    return f"({say_condition(part, now)})" if is_compound else say_condition(part, now)


def _say_shard(condition: Json, now: float) -> str:
    scheme = parse_shard(condition["shard"], "").scheme
    by = name_unit(condition["shard"])
    if "below" in condition:
        ramp = parse_ramp(condition["below"], scheme, "")
        until = format_timestamp(ramp.end, "seconds")
        share = format_share(find_ramp_limit(ramp, now), scheme.end)
        return f"{share} by {by} now, {format_share(ramp.high, scheme.end)} at {until}"
    return f"{format_share(add_up(condition['ranges']), scheme.end)} by {by}"


def _list_parts(condition: Json) -> Sequence[Json]:
    if not isinstance(condition, dict):
        return ()
    parts = condition.get("all") or condition.get("any") or ()
    return parts if len(parts) > 1 else ()


def _say_test(test: Json, *, holds: bool) -> str:
    name = name_operand(test["of"])
    if test["of"] == "user" and test["test"] in ("eq", "in"):
        listed = test["value"] if isinstance(test["value"], list) else [test["value"]]
        users = "the named user" if len(listed) == 1 else f"one of {len(listed)} named users"
        return f"the user is {'' if holds else 'not '}{users}"
    if test["test"] == "exists":
        return f"{name} is {'there' if holds else 'absent'}"
    right = ""
    if "with" in test:
        right = f" {name_operand(test['with'])}"
    elif "value" in test:
        right = f" {_say_value(test['of'], test['value'], ' and ' if test['test'] == 'between' else ', ')}"
    relation = _say_relation(test["test"], holds)
    if test["test"] == "in":
        relation = "is one of" if holds else "is none of"
    return f"{name} {relation}{right}"


def _say_value(operand: Json, value: Json, joint: str = ", ") -> str:
    """A list without its brackets."""
    if not isinstance(value, list):
        return show_value(operand, value)
    shown = [show_value(operand, each) for each in value[:MAX_PARTS]]
    more = f" and {len(value) - MAX_PARTS} more" if len(value) > MAX_PARTS else ""
    return joint.join(shown) + more


def _say_relation(relation: str, holds: bool) -> str:
    """As a reader says it: ``contains`` in place of ``does contain``, ``>`` in place of ``is >``."""
    words = say_relation(relation, holds)
    verb, _, rest = words.partition(" ")
    if not holds:
        return words
    if verb == "is":
        return "is" if rest == "equal to" else rest if rest[0] in "<=>" else words
    first, _, others = rest.partition(" ")
    third = {"have": "has", "match": "matches"}.get(first, f"{first}s")
    return f"{third} {others}".rstrip() if verb == "does" else words


def _say_targeting(condition: Json) -> str:
    operator = condition["test"].partition("/")[2]
    values = [condition["value"], condition.get("additional_value")]
    shown = " and ".join(_say_value({}, value) for value in values if value is not None)
    return f"{condition['attribute']} {_OPERATORS.get(operator, operator)} {shown}".rstrip()


def name_unit(shard: Json) -> str:
    name = name_operand(shard.get("unit", "user"))
    return "user" if name == "the user's id" else name


def add_up(ranges: Json) -> float:
    return float(sum(high - low for low, high in ranges))


def format_share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.4g} %"
