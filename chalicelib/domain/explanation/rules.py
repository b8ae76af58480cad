"""The rules of a definition in words, without a user: who gets what, in the order in which it is decided."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib.domain.explanation.words import name_operand, say_relation, shorten
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


def describe_rules(form: Json, now: float) -> Sequence[Line]:
    """``form`` is a definition in the general form; ``now`` says where a ramp stands, in epoch seconds."""
    return list(_Words(form, now).describe())


def describe_condition(condition: Json, now: float) -> Sequence[Line]:
    """Of a segment, for example."""
    return list(_Words({"variants": {}, "rules": []}, now).list_conditions(condition, 0))


class _Words:
    def __init__(self, form: Json, now: float) -> None:
        self._form = form
        self._now = now

    def describe(self) -> Iterator[Line]:
        rules, default = self._form["rules"], self._form.get("default", "none")
        yield from self._describe_rules(rules, 0)
        if default != "none" and not any(map(_ends, rules)):
            yield from self._describe_served(default, 0, "Otherwise: ")

    def _describe_rules(self, rules: Json, level: int) -> Iterator[Line]:
        for number, rule in enumerate(rules, 1):
            name, when = rule.get("id") or f"rule {number}", rule.get("when", True)
            if when is True:
                yield Line(level, f"{number}. {name}: for everybody")
            else:
                first, *more = self.list_conditions(when, level)
                yield Line(level, f"{number}. {name}: if {first.text}")
                yield from more
            for gate in rule.get("gates", ()):
                first, *more = self.list_conditions(gate, level + 1)
                yield Line(level + 1, f"only {first.text}")
                yield from more
            otherwise = rule.get("else", "next")
            yield from self._describe_served(rule["serve"], level + 1, "serve ", otherwise)
            if otherwise != "next":
                yield from self._describe_served(otherwise, level + 1, "all others of them: ")
            if _ends(rule):
                return

    def _describe_served(
        self, serve: Json, level: int, prefix: str, otherwise: Json = "next"
    ) -> Iterator[Line]:
        """``otherwise`` is for those whom a split leaves out."""
        if isinstance(serve, dict) and "rules" in serve:
            yield Line(level, f"{prefix}what these rules decide:")
            yield from self._describe_rules(serve["rules"], level + 1)
        elif isinstance(serve, dict) and "split" in serve:
            end = parse_shard(serve["split"], "").scheme.end
            arms = [
                f"{_format_share(_add_up(arm['ranges']), end)} {self._name(arm['serve'], has_value=False)}"
                for arm in serve["arms"]
            ]
            rest = end - sum(_add_up(arm["ranges"]) for arm in serve["arms"])
            if rest > end * 1e-9:
                arms.append(f"{_format_share(rest, end)} {self._name(otherwise, has_value=False)}")
            by = _name_unit(serve["split"])
            yield Line(level, f"{prefix}by {by}: {', '.join(arms)}")
            for arm in serve["arms"]:
                if isinstance(arm["serve"], dict) and ("rules" in arm["serve"] or "split" in arm["serve"]):
                    yield from self._describe_served(arm["serve"], level + 1, "of which ")
        else:
            yield Line(level, f"{prefix}{self._name(serve)}")

    def _name(self, serve: Json, *, has_value: bool = True) -> str:
        if isinstance(serve, str):
            words = {
                "next": "the next rule",
                "none": "no value",
                "error": "an error",
                "default": "the default",
            }
            return words.get(serve, serve)
        if "variant" in serve:
            variant = self._form["variants"][serve["variant"]]
            name, value = variant.get("name", serve["variant"]), variant.get("value")
            if name is None:
                return "nothing"
            says_more = has_value and value is not None and shorten(value) not in (name, f'"{name}"')
            return f"{name} ({shorten(value)})" if says_more else str(name)
        if "def" in serve:
            return f"what flag {serve['def']} answers"
        if "experiment" in serve:
            return f"what experiment {serve['experiment']} assigns"
        return "what more rules decide"

    def list_conditions(self, condition: Json, level: int) -> Iterator[Line]:
        """On one line if it is short; else its parts below it."""
        text = self._say(condition)
        parts = _list_parts(condition)
        if len(text) <= WIDTH or not parts:
            yield Line(level, text)
            return
        joint = "all of these hold" if "all" in condition else "one of these holds"
        yield Line(level, f"{joint}:")
        for part in parts[:MAX_PARTS]:
            yield from self.list_conditions(part, level + 2)
        if len(parts) > MAX_PARTS:
            yield Line(level + 2, f"and {len(parts) - MAX_PARTS} more")

    def _say(self, condition: Json) -> str:
        match condition:
            case {"all": [*parts]}:
                return " and ".join(self._say_part(part, "any") for part in parts) or "everybody"
            case {"any": [*parts]}:
                said = [self._say_part(part, "all") for part in parts if part is not False]
                return " or ".join(said) or "nobody"
            case {"not": {"segment": key}}:
                return f"not in segment {key}"
            case {"not": {"test": str(_), "of": _} as test}:
                return _say_test(test, holds=False)
            case {"not": part}:
                return f"not ({self._say(part)})"
            case {"segment": key}:
                return f"in segment {key}"
            case {"shard": _}:
                return self._say_shard(condition)
            case {"some": operand, "where": where}:
                return f"an element of {name_operand(operand)} has: {self._say(where)}"
            case {"test": str(name)} if "/" in name:
                return _say_targeting(condition)
            case {"test": _}:
                return _say_test(condition, holds=True)
            case True:
                return "everybody"
        return "nobody" if condition is False else shorten(condition)

    def _say_part(self, part: Json, other: str) -> str:
        is_compound = isinstance(part, dict) and len(part.get(other, ())) > 1
        return f"({self._say(part)})" if is_compound else self._say(part)

    def _say_shard(self, condition: Json) -> str:
        scheme = parse_shard(condition["shard"], "").scheme
        by = _name_unit(condition["shard"])
        if "below" in condition:
            ramp = parse_ramp(condition["below"], scheme, "")
            until = format_timestamp(ramp.end, "seconds")
            share = _format_share(find_ramp_limit(ramp, self._now), scheme.end)
            return f"{share} by {by} now, {_format_share(ramp.high, scheme.end)} at {until}"
        return f"{_format_share(_add_up(condition['ranges']), scheme.end)} by {by}"


def _ends(rule: Json) -> bool:
    """Whether nobody gets to the next rule."""
    is_for_all = rule.get("when", True) is True
    is_left = rule.get("gates") and rule.get("else", "next") == "next"
    serve = rule["serve"]
    if not is_for_all or is_left or serve == "next":
        return False
    if isinstance(serve, dict) and "split" in serve:
        return rule.get("else", "next") != "next" and all(arm["serve"] != "next" for arm in serve["arms"])
    return isinstance(serve, str) or "variant" in serve or "def" in serve


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
        right = f" {_show(test['of'], test['value'])}"
    return f"{name} {_say_relation(test['test'], holds)}{right}"


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
    subject = ": ".join(filter(None, (condition.get("path"), condition["attribute"])))
    values = [condition["value"], condition.get("additional_value")]
    shown = " and ".join(shorten(value) for value in values if value is not None)
    return f"{subject} {_OPERATORS.get(operator, operator)} {shown}".rstrip()


def _show(operand: Json, value: Json) -> str:
    if operand != "now" or type(value) not in (int, float):
        return shorten(value)
    try:
        return format_timestamp(value, "seconds")
    except (OverflowError, ValueError, OSError):  # no year from 1 to 9999
        return shorten(value)


def _name_unit(shard: Json) -> str:
    name = name_operand(shard.get("unit", "user"))
    return "user" if name == "the user's id" else name


def _add_up(ranges: Json) -> float:
    return float(sum(high - low for low, high in ranges))


def _format_share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.4g} %"
