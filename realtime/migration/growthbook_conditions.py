"""GrowthBook's conditions, which are MongoDB's with JavaScript's conversions, as conditions here.

Lists are compared as a whole, except by `$in` and its kind. A missing attribute is null: where the test of
null holds, the condition says `missing: true`.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chalicelib.domain.general_form.readers.texts import read_js_text
from chalicelib.domain.general_form.readers.versions import read_padded
from chalicelib.domain.general_form.relations import RELATIONS
from realtime.migration.model import Json, Refused, all_of, any_of, attribute, negate
from realtime.migration.rule_parts import require

Fields = Mapping[str, Any]
Subject = dict[str, Json]
"""The beginning of a test: ``{if: attribute}`` or ``{item: field}``."""
_ORDERS = {"$lt": "js-lt", "$lte": "js-le", "$gt": "js-gt", "$gte": "js-ge"}
_VERSIONS = {"$veq": "eq", "$vlt": "lt", "$vlte": "lte", "$vgt": "gt", "$vgte": "gte"}
_TYPES = {"string": "string", "number": "number", "boolean": "boolean", "array": "list", "object": "object"}
_NULL: Subject = {"if": {"const": None}}


class Scope(ABC):
    """Where a condition finds its values."""

    @abstractmethod
    def find(self, path: str) -> Subject: ...


class AttributeScope(Scope):
    def find(self, path: str) -> Subject:
        if path == "id":  # callers may name the user only
            return {"if": {"first": ["id", {"user": "id"}]}}
        steps = path.split(".")
        if not all(steps):
            return _NULL
        return {"if": steps if len(steps) > 1 else attribute(path)}


class ItemScope(Scope):
    """An element of a list."""

    def find(self, path: str) -> Subject:
        steps = path.split(".")
        if not all(steps):
            return _NULL
        return {"item": steps if len(steps) > 1 else attribute(path)}


class ParentScope(Scope):
    """The value of another feature, as the attribute `value`. ``key``: None for an unknown one."""

    def __init__(self, key: str | None) -> None:
        self._key = key

    def find(self, path: str) -> Subject:
        name, *steps = path.split(".")
        if name != "value" or self._key is None:
            return _NULL
        return {"if": {"flag": self._key, "get": "value", **({"path": steps} if steps else {})}}


FindGroup = Callable[[str, Subject], Json]
"""Group and subject -> whether it is in the group."""


class Conditions:
    def __init__(self, find_group: FindGroup) -> None:
        self._find_group = find_group

    def translate(self, condition: Json, scope: Scope, path: str) -> Json:
        """Everything of it must hold."""
        parts = []
        for name, value in require(condition, dict, path).items():
            where = f"{path}.{name}"
            match name:
                case "$or":
                    parts.append(self._join_any(value, scope, where))
                case "$nor":
                    parts.append(negate(self._join_any(value, scope, where)))
                case "$and":
                    conditions = require(value, list, where)
                    parts.append(all_of([self.translate(each, scope, where) for each in conditions]))
                case "$not":
                    parts.append(negate(self.translate(value, scope, where)))
                case _:
                    parts.append(self._translate_value(value, scope.find(name), where))
        return all_of(parts)

    def _join_any(self, conditions: Json, scope: Scope, path: str) -> Json:
        if not require(conditions, list, path):
            return True
        return any_of([self.translate(each, scope, path) for each in conditions])

    def _translate_value(
        self, value: Json, subject: Subject, path: str, *, ignores_case: bool = False
    ) -> Json:
        if isinstance(value, str):
            if ignores_case:
                return _equals(subject, value.lower(), "js-text-lower", is_of_null=value.lower() == "null")
            return _equals(subject, value, "js-text", is_of_null=value == "null")
        if isinstance(value, bool):
            return [{**subject, "exists": True}, {**subject, "truthy": value}]
        if isinstance(value, (int, float)):
            return _equals(subject, value, "js-number", is_of_null=value == 0)
        if value is None:
            return {**subject, "exists": False}
        if isinstance(value, dict) and value and all(name.startswith("$") for name in value):
            operators = [
                self._translate_operator(name, operand, subject, f"{path}.{name}")
                for name, operand in value.items()
            ]
            return all_of(operators)
        return _equals_as_json(subject, value)

    def _translate_operator(self, operator: str, operand: Json, subject: Subject, path: str) -> Json:
        simple = _translate_simple(operator, operand, subject, path)
        if simple is not None:
            return simple
        match operator:
            case "$in" | "$ini" | "$nin" | "$nini":
                if not isinstance(operand, list):
                    return False
                found = is_in(subject, operand, ignores_case=operator.endswith("ini"))
                return negate(found) if operator.startswith("$n") else found
            case "$inGroup" | "$notInGroup":
                found = self._find_group(str(operand), subject)
                return negate(found) if operator == "$notInGroup" else found
            case "$not":
                return negate(self._translate_value(operand, subject, path))
            case "$size":
                length = {"if": {"length": _make_operand(subject)}}
                return all_of([{**subject, "type": "list"}, self._translate_value(operand, length, path)])
            case "$elemMatch":
                return self._some(subject, self._match_element(operand, path), is_truthy=True)
            case "$all" | "$alli":
                return self._match_all(operand, subject, path, ignores_case=operator == "$alli")
        return False

    def _match_element(self, operand: Json, path: str) -> Json:
        is_of_operators = isinstance(operand, dict) and operand and all(n.startswith("$") for n in operand)
        if is_of_operators:
            return self._translate_value(operand, {"item": ""}, path)
        return self.translate(operand, ItemScope(), path)

    def _match_all(self, operand: Json, subject: Subject, path: str, *, ignores_case: bool) -> Json:
        """For every operand there is an element."""
        if not isinstance(operand, list):
            return False
        item: Subject = {"item": ""}
        found = [
            self._some(subject, self._translate_value(each, item, path, ignores_case=ignores_case))
            for each in operand
        ]
        return all_of(found) if found else {**subject, "type": "list"}

    def _some(self, subject: Subject, where: Json, *, is_truthy: bool = False) -> Json:
        """`$elemMatch` passes over elements that are false in JavaScript."""
        if is_truthy:
            where = all_of([{"item": "", "truthy": True}, where])
        return False if where is False else {"some": _make_operand(subject), "where": where}


def _make_operand(subject: Subject) -> Json:
    return subject["if"] if "if" in subject else {"item": subject["item"]}


def _whole(subject: Subject) -> dict[str, Json]:
    """Of a length there are no elements."""
    is_length = isinstance(subject.get("if"), dict) and "length" in subject["if"]
    return {} if is_length else {"list": "whole"}


def _equals(subject: Subject, value: Json, reader: str, *, is_of_null: bool) -> Json:
    missing = {"missing": True} if is_of_null else {}
    return {**subject, "eq": value, "as": reader, **_whole(subject), **missing}


def _equals_as_json(subject: Subject, value: Json) -> Json:
    """The order of keys counts, too."""
    if not _has_order(value):
        return {**subject, "eq": value, **_whole(subject)}
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    kind = "list" if isinstance(value, list) else "object"
    return [{**subject, "type": kind}, {**subject, "eq": text, "as": "json-text", **_whole(subject)}]


def _has_order(value: Json) -> bool:
    if isinstance(value, dict):
        return len(value) > 1 or any(map(_has_order, value.values()))
    return isinstance(value, list) and any(map(_has_order, value))


def _translate_simple(operator: str, operand: Json, subject: Subject, path: str) -> Json | None:
    """Of one operand, without a condition inside; None for another operator."""
    match operator:
        case "$eq":
            return _equals_strictly(subject, operand)
        case "$ne":
            return negate(_equals_strictly(subject, operand))
        case "$exists":
            return {**subject, "exists": bool(operand) or operand in ([], {})}
        case "$type":
            if operand == "null":
                return {**subject, "exists": False}
            kind = _TYPES.get(operand) if isinstance(operand, str) else None
            return False if kind is None else {**subject, "type": kind}
        case "$regex" | "$regexi":
            return _search(subject, operand, path, ignores_case=operator == "$regexi")
        case "$vne":
            return negate(_compare_versions(subject, "eq", operand, path))
    if operator in _ORDERS:
        return _compare(subject, _ORDERS[operator], operand)
    if operator in _VERSIONS:
        return _compare_versions(subject, _VERSIONS[operator], operand, path)
    return None


def _equals_strictly(subject: Subject, value: Json) -> Json:
    if value is None:
        return {**subject, "exists": False}
    return False if isinstance(value, (list, dict)) else {**subject, "eq": value, **_whole(subject)}


def _compare(subject: Subject, relation: str, value: Json) -> Json:
    missing = {"missing": True} if RELATIONS[relation](value)(None) is True else {}
    return {**subject, relation: value, **_whole(subject), **missing}


def _compare_versions(subject: Subject, relation: str, value: Json, path: str) -> Json:
    """What is no text and no number counts as version 0."""
    written = value if isinstance(value, (str, int, float)) and not isinstance(value, bool) else "0"
    padded = read_padded(written)
    if not isinstance(padded, str):
        raise Refused(path, "is too long for a version")
    names = {"eq": "eq", "lt": "lt", "lte": "le", "gt": "gt", "gte": "ge"}
    is_of_null = RELATIONS[names[relation]](padded)(read_padded("0")) is True
    missing = {"missing": True} if is_of_null else {}
    return {**subject, relation: written, "as": "padded", **_whole(subject), **missing}


def _search(subject: Subject, value: Json, path: str, *, ignores_case: bool) -> Json:
    """An invalid pattern matches nothing. Digits and letters are ASCII, as in JavaScript and RE2."""
    text = "null" if value is None else read_js_text(value)
    if not isinstance(text, str):
        raise Refused(path, "is no regular expression")
    pattern = f"(?i){text}" if ignores_case else text
    try:
        holds_for_null = RELATIONS["re2"](pattern)("null") is True
    except ValueError:
        try:
            re.compile(pattern)
        except re.error:
            return False
        raise Refused(path, "has look-around or a reference back, which takes exponential time") from None
    missing = {"missing": True} if holds_for_null else {}
    return {**subject, "re2": pattern, "as": "js-text", **_whole(subject), **missing}


def is_in(subject: Subject, values: Sequence[Json], *, ignores_case: bool = False) -> Json:
    """Strictly equal to one of them, or an element of the attribute is. Lists and objects never are."""
    reader = {"as": "lower-if-text"} if ignores_case else {}
    wanted = [value for value in values if value is not None and not isinstance(value, (list, dict))]
    tests: list[Json] = [{**subject, "in": wanted, **reader}] if wanted else []
    if None in values:
        tests.append({**subject, "in": [None], "missing": "pass"})
    return any_of(tests)
