"""Flagsmith's segments, as conditions here.

Traits that look like numbers are numbers: that is what `typed` reads. The value of a condition is text, and
read as what the trait is: so do the operators `cast-eq` and the others.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain.general_form.readers import READERS, UNREADABLE
from chalicelib.domain.general_form.readers.texts import read_typed
from realtime.migration.model import Json, Refused, all_of, any_of, attribute, negate
from realtime.migration.rule_parts import read_objects, require, unit_of

Fields = Mapping[str, Any]
_SEMVER = ":semver"
_COMPARISONS = {
    "EQUAL": "eq",
    "NOT_EQUAL": "ne",
    "GREATER_THAN": "gt",
    "GREATER_THAN_INCLUSIVE": "ge",
    "LESS_THAN": "lt",
    "LESS_THAN_INCLUSIVE": "le",
}
_WRITTEN = {"eq": "eq", "ne": "neq", "gt": "gt", "ge": "gte", "lt": "lt", "le": "lte"}
_TRUE_BOOLEANS = {"eq": [True], "ne": [False], "gt": [], "ge": [True], "lt": [False], "le": [True, False]}
"""Which booleans compare so with a text that is true."""


_CONTEXT = ("$.identity.identifier", "$.identity.key", "$.environment.name", "$.environment.key")
"""Paths to texts, which stay texts also where they look like numbers."""


def make_identity_key(environment: Fields) -> Json:
    """As `unit` names it: the key that the caller sends, else that of the environment and the user."""
    key = str(environment.get("key") or "")
    return [attribute("$identity.key"), {"join": [{"const": f"{key}_"}, {"user": "id"}]}]


def make_unit(environment: Fields) -> Json:
    return {"of": make_identity_key(environment), "missing": "exclude"}


class SegmentConditions:
    def __init__(self, environment: Fields) -> None:
        self._environment = environment
        self._hashes_identity = False

    def translate(self, segment: Fields, path: str) -> dict[str, Json]:
        """The fields of a segment. One without rules holds for nobody."""
        rules = segment.get("rules") or ()
        key = str(segment["key"])
        self._hashes_identity = False
        parts = [
            self._translate_rule(rule, key, f"{path}.rules[{index}]") for index, rule in enumerate(rules)
        ]
        unit = {"unit": make_unit(self._environment)} if self._hashes_identity else {}
        return {**unit, "when": all_of(parts) if rules else False}

    def _translate_rule(self, rule: Fields, segment: str, path: str) -> Json:
        """Conditions and nested rules are combined each for itself, and both must hold."""
        conditions = [
            self._translate_condition(condition, segment, where)
            for where, condition in read_objects(rule, "conditions", path)
        ]
        nested = [
            self._translate_rule(each, segment, where) for where, each in read_objects(rule, "rules", path)
        ]
        return all_of([_combine(rule.get("type"), parts, path) for parts in (conditions, nested) if parts])

    def _translate_condition(self, condition: Fields, segment: str, path: str) -> Json:
        operator = require(condition.get("operator"), str, f"{path}.operator")
        value, name = (
            condition.get("value"),
            require(condition.get("property") or "", str, f"{path}.property"),
        )
        if operator == "PERCENTAGE_SPLIT":
            return self._translate_percentage(name, segment, value)
        subject = self._find(name)
        if name in _CONTEXT:
            return _test_text(subject, operator, value, path)
        if operator in ("IS_SET", "IS_NOT_SET"):
            return {"if": subject, "exists": operator == "IS_SET"}
        if operator == "IN":
            return _is_in(subject, value)
        if operator in _COMPARISONS:
            return _compare(subject, _COMPARISONS[operator], _write_text(value))
        if operator in ("CONTAINS", "NOT_CONTAINS"):
            word = "contains" if operator == "CONTAINS" else "not_contains"
            is_text = {"if": subject, "type": "string", "as": "typed"}
            return [is_text, {"if": subject, word: _write_text(value), "list": "whole"}]
        if operator == "REGEX":
            return _match_start(subject, _write_text(value), path)
        if operator == "MODULO":
            return _divide(subject, value)
        raise Refused(f"{path}.operator", f"{operator} is not known")

    def _find(self, name: str) -> Json:
        """As `if` names it. A path into the context is looked up if there is no trait of that name."""
        trait = unit_of(name)
        match name:
            case "":
                return {"const": None}
            case "$.identity.identifier":
                return {"first": [trait, {"user": "id"}]}
            case "$.identity.key":
                return {"first": [trait, *make_identity_key(self._environment)]}
            case "$.environment.name" | "$.environment.key":
                value = self._environment.get(name.rpartition(".")[2])
                return {"first": [trait, {"const": value}]}
        return trait

    def _translate_percentage(self, name: str, segment: str, value: Json) -> Json:
        try:
            percentage = float(value)
        except (TypeError, ValueError):
            return False
        if percentage < 0:
            return False
        shard: dict[str, Json] = {"scheme": "md5-percent", "prefix": f"{segment},"}
        if name in ("", "$.identity.key"):
            self._hashes_identity = True
        else:
            reader = "text-int" if name in _CONTEXT else "typed-text"
            shard |= {"unit": self._find(name), "as": reader, "missing": "exclude"}
        below = int(percentage) if percentage.is_integer() else percentage
        return shard | {"below": min(below, 100), "closed": True}


def _test_text(subject: Json, operator: str, value: Json, path: str) -> Json:
    text, test = _write_text(value), {"if": subject}
    match operator:
        case "IS_SET" | "IS_NOT_SET":
            return {**test, "exists": operator == "IS_SET"}
        case "IN":
            texts = _read_list(value)
            return {**test, "in": texts, "as": "text-int", "list": "whole"} if texts else False
        case "CONTAINS" | "NOT_CONTAINS":
            return {**test, "contains" if operator == "CONTAINS" else "not_contains": text, "list": "whole"}
        case "REGEX":
            return _match_start(subject, text, path)
        case "MODULO":
            return False
    if operator not in _COMPARISONS:
        raise Refused(f"{path}.operator", f"{operator} is not known")
    relation = _COMPARISONS[operator]
    if text.endswith(_SEMVER):
        return _compare(subject, relation, text)
    return {**test, _WRITTEN[relation]: text, "as": "text", "list": "whole"}


def _combine(kind: Json, parts: Sequence[Json], path: str) -> Json:
    match kind:
        case "ALL":
            return all_of(parts)
        case "ANY":
            return any_of(parts)
        case "NONE":
            return negate(any_of(parts))
    raise Refused(f"{path}.type", f"{kind} is not known")


def _write_text(value: Json) -> str:
    return "" if value is None else str(value)


def _compare(subject: Json, relation: str, text: str) -> Json:
    """With a version only texts compare, and booleans, for which it is true."""
    if not text.endswith(_SEMVER):
        return {"if": subject, f"cast-{relation}": text}
    booleans = _TRUE_BOOLEANS[relation]
    tests: list[Json] = [{"if": subject, "in": booleans, "list": "whole"}] if booleans else []
    version = text.removesuffix(_SEMVER)
    if READERS["semver-strict"](version) is not UNREADABLE:
        test = {"if": subject, _WRITTEN[relation]: version, "as": "semver-strict", "list": "whole"}
        tests.insert(0, test)
    return any_of(tests)


def _is_in(subject: Json, value: Json) -> Json:
    """Texts and integers are among them; decimals and booleans never."""
    values = _read_list(value)
    texts = [text for text in values if type(read_typed(text)) is str or text == str(read_typed(text))]
    texts = [text for text in texts if type(read_typed(text)) is not float]
    if not texts:
        return False
    found: Json = {"if": subject, "in": texts, "as": "typed-text", "list": "whole"}
    if {"True", "False"} & {*texts}:
        return [{"not": {"if": subject, "type": "boolean"}}, found]
    return found


def _read_list(value: Json) -> list[str]:
    """A list, its JSON text, or a text with commas."""
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except ValueError:
            parsed = None
        value = parsed if isinstance(parsed, list) else value.split(",")
    return [str(each) for each in value] if isinstance(value, list) else []


def _match_start(subject: Json, pattern: str, path: str) -> Json:
    try:
        re.compile(pattern)
    except re.error:
        raise Refused(f"{path}.value", f"{pattern!r} is no regular expression") from None
    return {"if": subject, "match-start": pattern, "as": "typed-text", "list": "whole"}


def _divide(subject: Json, value: Json) -> Json:
    try:
        divisor, remainder = map(float, require(value, str, "value").split("|"))
    except (ValueError, Refused):
        return False
    if not divisor:
        return False
    pair = [int(each) if each.is_integer() else each for each in (divisor, remainder)]
    return {"if": subject, "remainder": pair, "as": "typed", "list": "whole"}
