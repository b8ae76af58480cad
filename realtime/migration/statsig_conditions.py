"""Statsig's conditions, as conditions here. An empty text is as good as a missing one."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.domain.general_form.readers import READERS, UNREADABLE
from chalicelib.domain.general_form.readers.texts import read_canonical
from realtime.migration.model import Json, Names, Refused, any_of, attribute, negate
from realtime.migration.rule_parts import USER, require

Fields = Mapping[str, Any]
_KNOWN = {name.lower(): name for name in ("email", "country", "locale", "appVersion", "ip", "userAgent")}
_BUCKETS = 1_000
_TEXTS = {
    "str_starts_with_any": "starts_with",
    "str_ends_with_any": "ends_with",
    "str_contains_any": "contains",
    "str_contains_none": "contains",
}
_NUMBERS = {"gt": "gt", "gte": "gte", "lt": "lt", "lte": "lte"}
_VERSIONS = {f"version_{name}": name for name in ("gt", "gte", "lt", "lte", "eq", "neq")}
_LISTS = {
    "array_contains_any": "contains_any",
    "array_contains_none": "contains_any",
    "array_contains_all": "contains_all",
    "not_array_contains_all": "contains_all",
}
_BUCKET_TESTS: Mapping[str, Callable[[int, Any], bool]] = {
    "lt": lambda bucket, value: bucket < value,
    "lte": lambda bucket, value: bucket <= value,
    "gt": lambda bucket, value: bucket > value,
    "gte": lambda bucket, value: bucket >= value,
    "eq": lambda bucket, value: bucket == value,
    "neq": lambda bucket, value: bucket != value,
    "any": lambda bucket, values: str(bucket) in map(read_canonical, values),
    "none": lambda bucket, values: str(bucket) not in map(read_canonical, values),
}


def make_unit(id_type: Json) -> Json:
    """As `unit` names it: the user, or an attribute of `customIDs`."""
    name = str(id_type or "userID")
    if name.lower() == "userid":
        return "user_id"
    return [["customIDs", each] for each in dict.fromkeys((name, name.lower()))]


class Conditions:
    def __init__(
        self,
        specs: Mapping[str, Fields],
        names: Names,
        conditions: Mapping[str, Fields],
        make_bucket_shard: Callable[[str, Json], dict[str, Json]],
    ) -> None:
        self._specs, self._names, self._conditions = specs, names, conditions
        self._make_bucket_shard = make_bucket_shard

    def translate(self, condition: Json, path: str) -> Json:
        """``condition``: itself, or its key in the document's `condition_map`."""
        if isinstance(condition, str):
            path = f"condition_map.{condition}"
            if condition not in self._conditions:
                raise Refused(path, "is not in the document")
            condition = self._conditions[condition]
        condition = require(condition, dict, path)
        kind, value = condition.get("type"), condition.get("targetValue")
        match kind:
            case "public":
                return True
            case "pass_gate" | "fail_gate":
                return self._ask_gate(value, has_passed=kind == "pass_gate")
            case "multi_pass_gate" | "multi_fail_gate":
                return any_of([self._ask_gate(each, has_passed=kind == "multi_pass_gate") for each in value])
            case "user_field" | "ip_based" | "ua_based":
                return translate_operator(
                    find_field(require(condition.get("field"), str, f"{path}.field")), condition, path
                )
            case "unit_id":
                return translate_operator(_find_unit(condition.get("idType")), condition, path)
            case "user_bucket":
                return self._translate_bucket(condition, path)
            case "current_time" if condition.get("operator") in ("before", "after"):
                return translate_operator({"clock": "now"}, condition, path)
            case "environment_field":
                raise Refused(path, "asks for the environment of the SDK, which no caller sends here")
            case "in_segment_list" | "not_in_segment_list":
                raise Refused(path, "asks for a list of ids that is not in the document")
        raise Refused(path, f"has the type {kind}, which is not known")

    def _ask_gate(self, name: str, *, has_passed: bool) -> Json:
        if f"gate:{name}" not in self._specs:
            return not has_passed
        return {"flag": self._names[f"gate:{name}"], "value": has_passed}

    def _translate_bucket(self, condition: Fields, path: str) -> Json:
        test = _BUCKET_TESTS.get(condition.get("operator") or "")
        if test is None:
            raise Refused(path, f"compares a bucket by {condition.get('operator')}, which is not known")
        salt = str((condition.get("additionalValues") or {}).get("salt") or "")
        inside = [bucket for bucket in range(_BUCKETS) if test(bucket, condition["targetValue"])]
        if len(inside) in (0, _BUCKETS):
            return bool(inside)
        ranges = _make_ranges(inside)
        place = {"below": ranges[0][1]} if len(ranges) == 1 and not ranges[0][0] else {"ranges": ranges}
        return {**self._make_bucket_shard(salt, condition.get("idType")), **place}


def _make_ranges(numbers: Sequence[int]) -> list[list[int]]:
    """Half-open ranges of ascending numbers."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number:
            ranges[-1][1] += 1
        else:
            ranges.append([number, number + 1])
    return ranges


def find_field(name: str) -> Json:
    """As `if` names it."""
    plain = name.lower().replace("_", "")
    if plain == "userid":
        return USER
    if plain in _KNOWN:
        return _KNOWN[plain]
    candidates = [attribute(each) for each in dict.fromkeys((name, name.lower()))]
    return candidates[0] if len(candidates) == 1 else {"first": candidates}


def _find_unit(id_type: Json) -> Json:
    unit = make_unit(id_type)
    if unit == "user_id":
        return USER
    return unit[0] if len(unit) == 1 else {"first": unit}


def translate_operator(subject: Json, condition: Fields, path: str) -> Json:
    operator, value = condition.get("operator") or "", condition.get("targetValue")
    test: dict[str, Json] = {"if": subject}
    if operator in ("any", "none", "any_case_sensitive", "none_case_sensitive"):
        found = _is_one_of(subject, value, ignores_case=not operator.endswith("sensitive"))
        return negate(found) if operator.startswith("none") else found
    if operator in _TEXTS:
        found = any_of([_has_part(subject, _TEXTS[operator], text) for text in _list_texts(value)])
        return negate(found) if operator == "str_contains_none" else found
    if operator == "str_matches":
        return {**test, "matches": value, "as": "canonical", "list": "whole"} if _is_pattern(value) else False
    if operator in _NUMBERS:
        return _compare(test, _NUMBERS[operator], value, "number-or-text")
    if operator in _VERSIONS:
        return _compare(test, _VERSIONS[operator], value, "dotted-numbers")
    if operator in ("before", "after"):
        return _compare(test, operator, value, "epoch-auto")
    if operator in ("eq", "neq"):
        is_never = value is None or value == ""
        found = False if is_never else {**test, "eq": value, "list": "whole"}
        return negate(found) if operator == "neq" else found
    if operator in _LISTS and isinstance(value, list):
        found = {**test, _LISTS[operator]: value}
        is_negated = operator in ("array_contains_none", "not_array_contains_all")
        return [{**test, "type": "list"}, negate(found)] if is_negated else found
    raise Refused(path, f"has the operator {operator or 'null'}, which is not known with this value")


def _compare(test: Fields, operator: str, value: Json, reader: str) -> Json:
    """Nothing compares with what cannot be read."""
    if value is None or READERS[reader](value) is UNREADABLE:
        return False
    return {**test, operator: value, "as": reader, "list": "whole"}


def _list_texts(value: Json) -> list[str]:
    """Of what is no text, the text."""
    values = value if isinstance(value, list) else [value]
    texts = [read_canonical(each) for each in values]
    return [text for text in texts if isinstance(text, str)]


def _is_one_of(subject: Json, value: Json, *, ignores_case: bool) -> Json:
    texts = [text for text in _list_texts(value) if text]
    reader = "canonical-lower" if ignores_case else "canonical"
    return {"if": subject, "in": texts, "as": reader, "list": "whole"} if texts else False


def _has_part(subject: Json, operator: str, text: str) -> Json:
    if not text:
        return [{"if": subject, "exists": True}, {"not": {"if": subject, "eq": ""}}]
    return {"if": subject, operator: text, "as": "canonical-lower", "list": "whole"}


def _is_pattern(value: Json) -> bool:
    """What is no regular expression matches nothing."""
    if not isinstance(value, str):
        return False
    try:
        re.compile(value)
    except re.error:
        return False
    return True
