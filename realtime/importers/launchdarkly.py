"""LaunchDarkly: what a server SDK downloads, ``{flags, segments}``.

A variation's index is the key of its variant. Prerequisites, individual targets and rules are rules in this
order; the fallthrough is the last one. A segment is a segment. Attributes of the kind `user` are attributes
here; those of another kind are in the object of its name. What is malformed serves `error` where it stands.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.domain.general_form.readers import READERS, UNREADABLE
from realtime.importers.model import (
    Definition,
    ForeignDocument,
    Imported,
    Json,
    Names,
    Note,
    Refused,
    all_of,
    any_of,
    negate,
)
from realtime.importers.rule_parts import make_rule, name_rules, require, unit_of, write_variants

Fields = Mapping[str, Any]
ERROR = "error"
_BIG = "is a big segment: its members are not in the document"
_USER = {"user": "id"}
_KIND = {"first": ["kind", {"const": ["user"]}]}
"""The kinds of contexts that are present: `user` if the caller names none."""


def translate(documents: Sequence[Json], _options: Mapping[str, str]) -> Imported:
    flags: dict[str, Fields] = {}
    segments: dict[str, Fields] = {}
    for document in documents:
        if not isinstance(document, dict) or not isinstance(document.get("flags"), dict):
            raise ForeignDocument("is no document of LaunchDarkly: it has no object `flags`")
        flags |= document["flags"]
        segments |= document.get("segments") or {}
    imported = Imported()
    translator = _Segments(segments)
    for key, segment in segments.items():
        with imported.translating(key, f"segments.{key}"):
            imported.segments.append(translator.translate(key, segment))
    names = Names(flags)
    prerequisites = _Prerequisites(flags, names)
    for key, flag in flags.items():
        with imported.translating(key, f"flags.{key}"):
            imported.flags.append(_Flag(key, flag, names, translator, prerequisites, imported).translate())
    return imported


class _Malformed(Exception):
    """LaunchDarkly answers the caller's default as soon as it comes to this."""


class _Prerequisites:
    """Which flags a flag requires, without circles.

    LaunchDarkly follows a circle until it comes back, and then answers the caller's default. It comes back
    unless a prerequisite outside the circle has failed before.
    """

    def __init__(self, flags: Mapping[str, Fields], names: Names) -> None:
        self._flags, self._names = flags, names
        self._is_circular = {key: self._reaches(key, key, set(), all_flags=False) for key in flags}
        self.is_circular_if_on = {key: self._reaches(key, key, set(), all_flags=True) for key in flags}

    def _list(self, key: str, *, all_flags: bool = False) -> Sequence[Fields]:
        flag = self._flags.get(key, {})
        return (flag.get("prerequisites") or ()) if all_flags or flag.get("on") else ()

    def _reaches(self, key: str, wanted: str, seen: set[str], *, all_flags: bool) -> bool:
        for prerequisite in self._list(key, all_flags=all_flags):
            other = prerequisite["key"]
            if other == wanted:
                return True
            if other not in seen:
                seen.add(other)
                if self._reaches(other, wanted, seen, all_flags=all_flags):
                    return True
        return False

    def translate(self, key: str, off: Json) -> Iterator[dict[str, Json]]:
        flag = self._flags[key]
        for prerequisite in flag.get("prerequisites") or ():
            other = prerequisite["key"]
            if self._is_circular[key] and other in self._flags and self._closes_circle(other, key):
                yield from self._follow(other, (key,), off)
                return
            yield make_rule(f"prerequisite {other}", negate(self._ask(prerequisite)), off)

    def _closes_circle(self, other: str, key: str) -> bool:
        return other == key or self._reaches(other, key, set(), all_flags=False)

    def _follow(self, key: str, path: tuple[str, ...], off: Json) -> Iterator[dict[str, Json]]:
        """What is asked until the circle closes."""
        if key not in path:
            for prerequisite in self._list(key):
                other = prerequisite["key"]
                if other in self._flags and self._closes_circle(other, key):
                    yield from self._follow(other, (*path, key), off)
                    return
                yield make_rule(f"prerequisite {other} of {key}", negate(self._ask(prerequisite)), off)
        yield make_rule("circle of prerequisites", True, ERROR)

    def _ask(self, prerequisite: Fields) -> Json:
        key, index = prerequisite["key"], prerequisite.get("variation")
        flag = self._flags.get(key)
        if flag is None:
            return False
        name = self._names[key]
        if type(index) is int and 0 <= index < len(flag.get("variations") or ()):
            answers: Json = {"flag": name, "variant": str(index)}
        else:
            answers = {"if": {"flag": name, "get": "variant"}, "eq": str(index)}
        return [answers, {"flag": name, "enabled": True}]


class _Flag:
    def __init__(
        self,
        key: str,
        flag: Fields,
        names: Names,
        segments: "_Segments",
        prerequisites: _Prerequisites,
        imported: Imported,
    ) -> None:
        self._key, self._flag, self._names, self._imported = key, flag, names, imported
        self._segments, self._prerequisites = segments, prerequisites
        self._path = f"flags.{key}"
        self._variations = require(flag.get("variations") or [], list, f"{self._path}.variations")

    def translate(self) -> Definition:
        data = self._names.head(self._key)
        for name in ("name", "description"):
            if isinstance(self._flag.get(name), str):
                data[name] = self._flag[name]
        data["type"] = "any"  # LaunchDarkly has no types: each caller says what it wants
        if self._variations:
            data["variants"] = write_variants({str(i): value for i, value in enumerate(self._variations)})
        off = self._serve_off()
        is_on = bool(self._flag.get("on"))
        if not is_on:
            data["enabled"] = False
            if off not in (ERROR, "none"):
                data["off_variant"] = off
        data["rules"] = name_rules(self._translate_rules(off, is_on=is_on))
        data["default"] = "none"
        return Definition(self._key, data)

    def _translate_rules(self, off: Json, *, is_on: bool) -> list[dict[str, Json]]:
        """A flag that is off keeps its rules, to be switched on later, unless they cannot be said."""
        if not is_on and self._prerequisites.is_circular_if_on[self._key]:
            self._warn("its prerequisites lead back to itself; it is off, so its rules are left out")
            return []
        try:
            return [*self._prerequisites.translate(self._key, off), *self._translate_own_rules()]
        except Refused as error:
            if is_on:
                raise
            self._warn(f"is off, so its rules are left out: {error.path} {error.reason}")
            return []

    def _warn(self, message: str) -> None:
        self._imported.warnings.append(Note(self._key, self._path, message))

    def _translate_own_rules(self) -> Iterator[dict[str, Json]]:
        yield from self._translate_targets()
        for index, rule in enumerate(self._flag.get("rules") or ()):
            path = f"{self._path}.rules[{index}]"
            name = str(rule.get("description") or rule.get("id") or f"rule {index + 1}")
            when, is_malformed = self._segments.translate_clauses(rule.get("clauses") or (), path)
            yield make_rule(name, when, ERROR if is_malformed else self._serve(rule, path))
        fallthrough = self._flag.get("fallthrough") or {}
        yield make_rule("fallthrough", True, self._serve(fallthrough, f"{self._path}.fallthrough"))

    def _translate_targets(self) -> Iterator[dict[str, Json]]:
        targets = self._flag.get("targets") or []
        of_users = {target.get("variation"): target.get("values") or () for target in reversed(targets)}
        for target in self._flag.get("contextTargets") or targets:
            kind, values = target.get("contextKind") or "user", target.get("values") or ()
            if kind == "user" and not values:
                values = of_users.get(target.get("variation"), ())
            name = "targets" if kind == "user" else f"targets of {kind}"
            yield make_rule(name, _has_key(kind, values), self._serve_index(target.get("variation")))

    def _serve_off(self) -> Json:
        index = self._flag.get("offVariation")
        return "none" if index is None else self._serve_index(index)

    def _serve_index(self, index: Json) -> Json:
        return str(index) if type(index) is int and 0 <= index < len(self._variations) else ERROR

    def _serve(self, chosen: Fields, path: str) -> Json:
        if chosen.get("variation") is not None:
            return self._serve_index(chosen["variation"])
        rollout = chosen.get("rollout") or {}
        weighted = rollout.get("variations")
        if not weighted:
            return ERROR
        kind = rollout.get("contextKind")
        by = None if rollout.get("kind") == "experiment" else rollout.get("bucketBy")
        seed = rollout.get("seed")
        prefix = f"{self._key}.{self._flag.get('salt') or ''}." if seed is None else f"{seed}."
        try:
            shard = _make_shard(prefix, kind, by)
        except _Malformed:
            return ERROR
        return self._divide(weighted, shard, path)

    def _divide(self, weighted: Sequence[Fields], shard: dict[str, Json], path: str) -> Json:
        """Running sums, as doubles. Whoever is past the end gets the last variation."""
        arms: list[dict[str, Json]] = []
        end = 0.0
        for entry in weighted[:-1]:
            start = end
            end += require(entry.get("weight") or 0, (int, float), f"{path}.rollout") / 100000.0
            if end < start:
                raise Refused(f"{path}.rollout", "has a weight below 0")
            if start < min(end, 1.0):
                arms.append({"to": min(end, 1.0), "serve": self._serve_index(entry.get("variation"))})
        last = self._serve_index(weighted[-1].get("variation"))
        if not arms:
            return last
        if end < 1:
            arms.append({"rest": True, "serve": last})
        return {"of": shard, "split": arms}


def _make_shard(prefix: str, kind: str | None, by: str | None) -> dict[str, Json]:
    """``by`` is a reference if a kind is named. Without a unit the bucket is the first one."""
    shard: dict[str, Json] = {"scheme": "sha1-unit", "prefix": prefix}
    name = kind or "user"
    unit = _find_attribute(name, _read_reference(by or "key", is_literal=kind is None))
    if unit != "user_id":
        shard |= {"unit": [unit] if isinstance(unit, list) else unit, "as": "text-int"}
    return shard | {"missing": {"bucket": 0}}


def _has_key(kind: str, keys: Sequence[Json]) -> Json:
    """Whether the context of that kind has one of the keys."""
    texts = [key for key in keys if isinstance(key, str)]
    if not texts:
        return False
    return {"user": texts} if kind == "user" else {"if": [kind, "key"], "in": texts}


class _Segments:
    def __init__(self, segments: Mapping[str, Fields]) -> None:
        self._segments = segments
        self._names = Names(segments)
        self._uses = {key: self._list_uses(segment) for key, segment in segments.items()}
        self._stack: list[str] = []

    def _list_uses(self, segment: Fields) -> list[str]:
        """Of what is no segment at all: none. It is refused when it is translated."""
        if not isinstance(segment, dict):
            return []
        return [
            name
            for rule in segment.get("rules") or ()
            for clause in rule.get("clauses") or ()
            if clause.get("op") == "segmentMatch"
            for name in clause.get("values") or ()
            if name in self._segments
        ]

    def translate(self, key: str, segment: Fields) -> Definition:
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
        segment = self._segments[key]
        included, excluded = (
            [
                _has_key("user", segment.get(f"{name}") or ()),
                *(
                    _has_key(each.get("contextKind") or "user", each.get("values") or ())
                    for each in segment.get(f"{name}Contexts") or ()
                ),
            ]
            for name in ("included", "excluded")
        )
        others = [negate(any_of(excluded)), self._translate_rules(key)]
        return any_of([*included, all_of(others)])

    def _translate_rules(self, key: str) -> Json:
        segment = self._segments[key]
        return any_of([self._translate_rule(key, rule) for rule in segment.get("rules") or ()])

    def _translate_rule(self, key: str, rule: Fields) -> Json:
        clauses, is_malformed = self.translate_clauses(rule.get("clauses") or (), f"segments.{key}.rules")
        if is_malformed:
            return all_of([clauses, ERROR])
        weight = rule.get("weight")
        if weight is None:
            return clauses
        require(weight, (int, float), f"segments.{key}.rules.weight")
        salt = self._segments[key].get("salt") or ""
        try:
            shard = _make_shard(f"{key}.{salt}.", rule.get("rolloutContextKind"), rule.get("bucketBy"))
        except _Malformed:
            return all_of([clauses, ERROR])
        return all_of([clauses, {**shard, "below": min(max(weight / 100000.0, 0), 1.0)}])

    def translate_clauses(self, clauses: Sequence[Fields], path: str) -> tuple[Json, bool]:
        """The clauses up to one that is malformed, and whether there is one."""
        translated: list[Json] = []
        for index, clause in enumerate(clauses):
            try:
                translated.append(self._translate_clause(clause, f"{path}.clauses[{index}]"))
            except _Malformed:
                return all_of(translated), True
        return all_of(translated), False

    def _translate_clause(self, clause: Fields, path: str) -> Json:
        is_negated = bool(clause.get("negate"))
        values = require(clause.get("values") or [], list, f"{path}.values")
        if clause.get("op") == "segmentMatch":
            found = any_of([self._ask(name) for name in values if name in self._segments])
            return negate(found) if is_negated else found
        kind = clause.get("contextKind")
        steps = _read_reference(clause.get("attribute") or "", is_literal=not kind)
        if steps == ["kind"]:
            test = _translate_test(_KIND, clause.get("op"), values)
            return negate(test) if is_negated else test
        subject = _find_subject(kind or "user", steps)
        op = clause.get("op")
        if subject == _USER and op == "in" and not is_negated:
            return _has_key("user", values)
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
            if self._segments[key].get("unbounded"):
                raise Refused(f"segments.{key}", _BIG)
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
    """The steps to an attribute. Raises _Malformed."""
    if not isinstance(text, str) or not text:
        raise _Malformed
    if is_literal or not text.startswith("/"):
        return [text]
    steps = text[1:].split("/")
    if any(not step or re.search(r"~(?![01])", step) for step in steps):
        raise _Malformed
    return [step.replace("~1", "/").replace("~0", "~") for step in steps]


def _find_subject(kind: str, steps: list[str]) -> Json:
    """As `if` names it."""
    found = _find_attribute(kind, steps)
    return _USER if found == "user_id" else found


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
