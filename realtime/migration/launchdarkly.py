"""LaunchDarkly: what a server SDK downloads, ``{flags, segments}``.

A variation's index is the key of its variant. Prerequisites, individual targets and rules are rules in this
order; the fallthrough is the last one. A segment is a segment. Attributes of the kind `user` are attributes
here; those of another kind are in the object of its name. What is malformed serves `error` where it stands.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from realtime.migration.launchdarkly_segments import ERROR, Malformed, Segments, has_key, make_shard
from realtime.migration.model import (
    Definition,
    ForeignDocument,
    Imported,
    Json,
    Names,
    Note,
    Refused,
    negate,
)
from realtime.migration.rule_parts import (
    find_objects,
    make_rule,
    name_rules,
    read_objects,
    require,
    write_variants,
)

Fields = Mapping[str, Any]


def translate(documents: Sequence[Json], _options: Mapping[str, str]) -> Imported:
    flags: dict[str, Fields] = {}
    segments: dict[str, Fields] = {}
    for document in documents:
        if not isinstance(document, dict) or not isinstance(document.get("flags"), dict):
            raise ForeignDocument("is no document of LaunchDarkly: it has no object `flags`")
        flags |= document["flags"]
        segments |= document.get("segments") or {}
    imported = Imported()
    translator = Segments(segments)
    for key in segments:
        with imported.translating(key, f"segments.{key}"):
            imported.segments.append(translator.translate(key))
    names = Names(flags)
    prerequisites = _Prerequisites(flags, names)
    for key, flag in flags.items():
        with imported.translating(key, f"flags.{key}"):
            imported.flags.append(_Flag(key, flag, names, translator, prerequisites, imported).translate())
    return imported


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
        flag = self._flags.get(key)
        is_on = isinstance(flag, dict) and bool(flag.get("on"))
        asked = find_objects(flag, "prerequisites") if all_flags or is_on else []
        return [each for each in asked if isinstance(each.get("key"), str)]

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
        for path, prerequisite in read_objects(self._flags[key], "prerequisites", f"flags.{key}"):
            other = require(prerequisite.get("key"), str, f"{path}.key")
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
        variations = flag.get("variations") if isinstance(flag, dict) else None
        count = len(variations) if isinstance(variations, list) else 0
        if type(index) is int and 0 <= index < count:
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
        segments: Segments,
        prerequisites: _Prerequisites,
        imported: Imported,
    ) -> None:
        self._path = f"flags.{key}"
        self._key, self._flag = key, require(flag, dict, self._path)
        self._names, self._imported = names, imported
        self._segments, self._prerequisites = segments, prerequisites
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
        for index, (path, rule) in enumerate(read_objects(self._flag, "rules", self._path)):
            name = str(rule.get("description") or rule.get("id") or f"rule {index + 1}")
            when, is_malformed = self._segments.translate_clauses(rule, path)
            yield make_rule(name, when, ERROR if is_malformed else self._serve(rule, path))
        fallthrough = require(self._flag.get("fallthrough") or {}, dict, f"{self._path}.fallthrough")
        yield make_rule("fallthrough", True, self._serve(fallthrough, f"{self._path}.fallthrough"))

    def _translate_targets(self) -> Iterator[dict[str, Json]]:
        targets = [target for _, target in read_objects(self._flag, "targets", self._path)]
        of_users = {repr(target.get("variation")): target.get("values") or () for target in reversed(targets)}
        by_kind = [target for _, target in read_objects(self._flag, "contextTargets", self._path)]
        for target in by_kind or targets:
            kind, values = target.get("contextKind") or "user", target.get("values") or ()
            if kind == "user" and not values:
                values = of_users.get(repr(target.get("variation")), ())
            name = "targets" if kind == "user" else f"targets of {kind}"
            yield make_rule(name, has_key(kind, values), self._serve_index(target.get("variation")))

    def _serve_off(self) -> Json:
        index = self._flag.get("offVariation")
        return "none" if index is None else self._serve_index(index)

    def _serve_index(self, index: Json) -> Json:
        return str(index) if type(index) is int and 0 <= index < len(self._variations) else ERROR

    def _serve(self, chosen: Fields, path: str) -> Json:
        if chosen.get("variation") is not None:
            return self._serve_index(chosen["variation"])
        rollout = require(chosen.get("rollout") or {}, dict, f"{path}.rollout")
        weighted = [entry for _, entry in read_objects(rollout, "variations", f"{path}.rollout")]
        if not weighted:
            return ERROR
        kind = rollout.get("contextKind")
        by = None if rollout.get("kind") == "experiment" else rollout.get("bucketBy")
        seed = rollout.get("seed")
        prefix = f"{self._key}.{self._flag.get('salt') or ''}." if seed is None else f"{seed}."
        try:
            shard = make_shard(prefix, kind, by)
        except Malformed:
            return ERROR
        return self._divide(weighted, shard, path)

    def _divide(self, weighted: Sequence[Fields], shard: dict[str, Json], path: str) -> Json:
        """Weights add up as doubles. The last variation has what is left above their sum."""
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
