"""LaunchDarkly's segments and clauses, and the shards of its rollouts."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.domain.general_form.readers import READERS, UNREADABLE
from realtime.migration.model import Definition, Json, Names, Refused, all_of, any_of, negate
from realtime.migration.rule_parts import USER, find_objects, read_objects, require, unit_of

Fields = Mapping[str, Any]
ERROR = "error"
_BIG = "is a big segment: its members are not in the document"
_KIND = {"first": ["kind", {"const": ["user"]}]}
"""The kinds of contexts that are present: `user` if the caller names none."""


class Malformed(Exception):
    """LaunchDarkly answers the caller's default as soon as it comes to this."""


def make_shard(prefix: str, kind: str | None, by: str | None) -> dict[str, Json]:
    """``by`` is a reference if a kind is named. Without a unit the bucket is the first one."""
    shard: dict[str, Json] = {"scheme": "sha1-unit", "prefix": prefix}
    name = kind or "user"
    unit = _find_attribute(name, _read_reference(by or "key", is_literal=kind is None))
    if unit != "user_id":
        shard |= {"unit": [unit] if isinstance(unit, list) else unit, "as": "text-int"}
    return shard | {"missing": {"bucket": 0}}


def has_key(kind: str, keys: Sequence[Json]) -> Json:
    """Whether the context of that kind has one of the keys."""
    texts = [key for key in keys if isinstance(key, str)]
    if not texts:
        return False
    return {"user": texts} if kind == "user" else {"if": [kind, "key"], "in": texts}


class Segments:
    def __init__(self, segments: Mapping[str, Fields]) -> None:
        self._segments = segments
        self._names = Names(segments)
        self._uses = {key: self._list_uses(segment) for key, segment in segments.items()}
        self._stack: list[str] = []

    def _list_uses(self, segment: Fields) -> list[str]:
        return [
            name
            for rule in find_objects(segment, "rules")
            for clause in find_objects(rule, "clauses")
            if clause.get("op") == "segmentMatch" and isinstance(clause.get("values"), list)
            for name in clause["values"]
            if isinstance(name, str) and name in self._segments
        ]

    def translate(self, key: str) -> Definition:
        segment = require(self._segments[key], dict, f"segments.{key}")
        data: dict[str, Json] = {"key": self._names[key]}
        if self._names[key] != key:
            data["name"] = key
        if segment.get("unbounded"):
            raise Refused(f"segments.{key}.unbounded", _BIG)
        self._stack.append(key)
        try:
            return Definition(key, data | self._translate_fields(key, segment))
        finally:
            self._stack.pop()

    def _translate_fields(self, key: str, segment: Fields) -> dict[str, Json]:
        if segment.get("includedContexts") or segment.get("excludedContexts"):
            return {"when": self._translate_members(key)}
        data: dict[str, Json] = {}
        for field, name in (("included", "include"), ("excluded", "exclude")):
            texts = [each for each in segment.get(field) or () if isinstance(each, str)]
            if texts:
                data[name] = list(dict.fromkeys(texts))
        when = self._translate_rules(key)
        if when is not False or "include" not in data:
            data["when"] = when
        return data

    def _translate_members(self, key: str) -> Json:
        segment, path = require(self._segments[key], dict, f"segments.{key}"), f"segments.{key}"
        included, excluded = (
            [
                has_key("user", segment.get(name) or ()),
                *(
                    has_key(each.get("contextKind") or "user", each.get("values") or ())
                    for _, each in read_objects(segment, f"{name}Contexts", path)
                ),
            ]
            for name in ("included", "excluded")
        )
        others = [negate(any_of(excluded)), self._translate_rules(key)]
        return any_of([*included, all_of(others)])

    def _translate_rules(self, key: str) -> Json:
        rules = read_objects(self._segments[key], "rules", f"segments.{key}")
        return any_of([self._translate_rule(key, rule, path) for path, rule in rules])

    def _translate_rule(self, key: str, rule: Fields, path: str) -> Json:
        clauses, is_malformed = self.translate_clauses(rule, path)
        if is_malformed:
            return all_of([clauses, ERROR])
        weight = rule.get("weight")
        if weight is None:
            return clauses
        require(weight, (int, float), f"{path}.weight")
        salt = self._segments[key].get("salt") or ""
        try:
            shard = make_shard(f"{key}.{salt}.", rule.get("rolloutContextKind"), rule.get("bucketBy"))
        except Malformed:
            return all_of([clauses, ERROR])
        return all_of([clauses, {**shard, "below": min(max(weight / 100000.0, 0), 1.0)}])

    def translate_clauses(self, rule: Fields, path: str) -> tuple[Json, bool]:
        """The clauses up to one that is malformed, and whether there is one."""
        translated: list[Json] = []
        for where, clause in read_objects(rule, "clauses", path):
            try:
                translated.append(self._translate_clause(clause, where))
            except Malformed:
                return all_of(translated), True
        return all_of(translated), False

    def _translate_clause(self, clause: Fields, path: str) -> Json:
        is_negated = bool(clause.get("negate"))
        values = require(clause.get("values") or [], list, f"{path}.values")
        if clause.get("op") == "segmentMatch":
            known = [name for name in values if isinstance(name, str) and name in self._segments]
            found = any_of([self._ask(name) for name in known])
            return negate(found) if is_negated else found
        kind = clause.get("contextKind")
        steps = _read_reference(clause.get("attribute") or "", is_literal=not kind)
        if steps == ["kind"]:
            test = _translate_test(_KIND, clause.get("op"), values)
            return negate(test) if is_negated else test
        subject = _find_subject(kind or "user", steps)
        op = clause.get("op")
        if subject == USER and op == "in" and not is_negated:
            return has_key("user", values)
        needed = subject
        if steps == ["anonymous"]:  # false where a context does not say it
            needed = _find_subject(kind or "user", ["key"])
            subject = {"first": [subject, {"const": False}]}
        test = _translate_test(subject, op, values)
        if not is_negated and needed == subject and not (op == "in" and None in values):
            return test
        return all_of([{"if": needed, "exists": True}, negate(test) if is_negated else test])

    def _ask(self, key: str) -> Json:
        """A segment that leads back to itself is written out until it comes back, which is an error."""
        if key in self._stack:
            return ERROR
        if not self._is_circular(key):
            segment = self._segments[key]
            if not isinstance(segment, dict) or segment.get("unbounded"):
                raise Refused(f"segments.{key}", _BIG if isinstance(segment, dict) else "must be an object")
            return {"segment": self._names[key]}
        self._stack.append(key)
        try:
            return self._translate_members(key)
        finally:
            self._stack.pop()

    def _is_circular(self, key: str) -> bool:
        seen: set[str] = set()
        todo = list(self._uses[key])
        while todo:
            other = todo.pop()
            if other == key:
                return True
            if other not in seen:
                seen.add(other)
                todo += self._uses[other]
        return False


def _read_reference(text: Json, *, is_literal: bool) -> list[str]:
    """The steps to an attribute. Raises Malformed."""
    if not isinstance(text, str) or not text:
        raise Malformed
    if is_literal or not text.startswith("/"):
        return [text]
    steps = text[1:].split("/")
    if any(not step or re.search(r"~(?![01])", step) for step in steps):
        raise Malformed
    return [step.replace("~1", "/").replace("~0", "~") for step in steps]


def _find_subject(kind: str, steps: list[str]) -> Json:
    """As `if` names it."""
    found = _find_attribute(kind, steps)
    return USER if found == "user_id" else found


def _find_attribute(kind: str, steps: list[str]) -> Json:
    """As `unit` names it."""
    if kind != "user":
        return [kind, *steps]
    if steps == ["key"]:
        return "user_id"
    return unit_of(steps[0]) if len(steps) == 1 else steps


_TEXTS = {"startsWith": "starts_with", "endsWith": "ends_with", "contains": "contains"}
_NUMBERS = {
    "lessThan": "lt",
    "lessThanOrEqual": "lte",
    "greaterThan": "gt",
    "greaterThanOrEqual": "gte",
}
_VERSIONS = {"semVerEqual": "eq", "semVerLessThan": "lt", "semVerGreaterThan": "gt"}


def _translate_test(subject: Json, op: Json, values: Sequence[Json]) -> Json:
    """False for a missing attribute. Values of another type match nothing."""
    if op == "in":
        passes_null = {"missing": "pass"} if None in values else {}
        return {"if": subject, "in": list(values), **passes_null} if values else False
    if op in _TEXTS:
        return any_of([{"if": subject, _TEXTS[op]: value} for value in values if isinstance(value, str)])
    if op == "matches":
        return any_of([{"if": subject, "matches": value} for value in values if _is_pattern(value)])
    if op in _NUMBERS:
        numbers = [value for value in values if type(value) in (int, float)]
        return any_of([{"if": subject, _NUMBERS[op]: value} for value in numbers])
    if op in ("before", "after"):
        times = _list_readable(values, "instant-ms")
        return any_of([{"if": subject, op: value, "as": "instant-ms"} for value in times])
    if op in _VERSIONS:
        versions = _list_readable(values, "semver-partial")
        return any_of([{"if": subject, _VERSIONS[op]: value, "as": "semver-partial"} for value in versions])
    return False


def _list_readable(values: Sequence[Json], reader: str) -> list[Json]:
    return [value for value in values if value is not None and READERS[reader](value) is not UNREADABLE]


def _is_pattern(value: Json) -> bool:
    """What is no regular expression matches nothing."""
    if not isinstance(value, str):
        return False
    try:
        re.compile(value)
    except re.error:
        return False
    return True
