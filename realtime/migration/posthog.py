"""PostHog: the flags, groups and cohorts of local evaluation.

A condition is a rule: its properties are `when`, its rollout is a gate of the hash of `key.unit`, whose
end is inside. Variants are a second hash of the same with `variant` behind. A cohort is a segment. Text
is compared without case. What a caller does not give meets no test: in a cohort it is unknown, so that
`not` does not hold either.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from realtime.migration.model import (
    Definition,
    ForeignDocument,
    Imported,
    Json,
    Names,
    Refused,
    Variants,
    all_of,
    any_of,
    attribute,
    serve,
    translate_each,
)

Fields = Mapping[str, Any]
_ORDERS = {"gt": "gt", "gte": "gte", "lt": "lt", "lte": "lte"}
_VERSIONS = {f"semver_{word}": word for word in ("eq", "neq", "gt", "gte", "lt", "lte", "caret", "tilde")}
_DATES = {"is_date_before": "before", "is_date_after": "after"}


def translate(documents: Sequence[Json], _options: Mapping[str, str]) -> Imported:
    flags: dict[str, Fields] = {}
    groups: dict[str, str] = {}
    cohorts: dict[str, Fields] = {}
    for document in documents:
        if not isinstance(document, dict) or not isinstance(document.get("flags"), list):
            raise ForeignDocument("is no document of PostHog's local evaluation: it has no list flags")
        flags |= {flag["key"]: flag for flag in document["flags"]}
        groups |= document.get("group_type_mapping") or {}
        cohorts |= document.get("cohorts") or {}
    imported, names = Imported(), Names(flags)
    tests = _Tests(names, groups, cohorts)
    for key, tree in cohorts.items():
        try:
            when = tests.translate_tree(tree, f"cohorts.{key}")
            imported.segments.append(Definition(f"cohort-{key}", {"key": f"cohort-{key}", "when": when}))
        except Refused as error:
            imported.refuse(f"cohort-{key}", error)
    translate_each(flags, imported, lambda key: [_Flag(flags[key], names, tests).translate()], "flags[{}]")
    return imported


class _Tests:
    """Properties as conditions."""

    def __init__(self, names: Names, groups: Mapping[str, str], cohorts: Mapping[str, Fields]) -> None:
        self._names, self._groups, self._cohorts = names, groups, cohorts

    def find_group(self, index: Json, path: str) -> str:
        if str(index) not in self._groups:
            raise Refused(path, f"group type {index} is not in group_type_mapping")
        return self._groups[str(index)]

    def translate_tree(self, tree: Fields, path: str) -> Json:
        """A cohort: AND or OR of properties, nested."""
        if "values" not in tree:
            return self.translate(tree, path, None, in_cohort=True)
        parts = [
            self.translate_tree(part, f"{path}.values[{index}]") for index, part in enumerate(tree["values"])
        ]
        if not parts:
            return False
        return all_of(parts) if tree["type"] == "AND" else any_of(parts)

    def translate(self, part: Fields, path: str, group: str | None, *, in_cohort: bool = False) -> Json:
        """``group``: the type of group that the properties belong to, of a flag of groups."""
        kind = part.get("type")
        if kind == "cohort":
            condition = self._ask_cohort(part, path)
        elif kind == "flag":
            condition = self._ask_flag(part, path)
        else:
            if part.get("group_type_index") is not None:
                group = self.find_group(part["group_type_index"], f"{path}.group_type_index")
            name = part["key"]
            subject = {"if": attribute(name) if group is None else [group, name]}
            condition = _translate_property(subject, part, path)
            if (
                (in_cohort or part.get("negation"))
                and isinstance(condition, dict)
                and "exists" not in condition
            ):
                condition = condition | {"missing": "unknown"}
        return {"not": condition} if part.get("negation") else condition

    def _ask_cohort(self, part: Fields, path: str) -> Json:
        cohort = str(part["value"])
        if cohort not in self._cohorts:
            raise Refused(path, f"cohort {cohort} is static: its members are not in the document")
        inside = {"segment": f"cohort-{cohort}"}
        return {"not": inside} if part.get("operator") == "not_in" else inside

    def _ask_flag(self, part: Fields, path: str) -> Json:
        name, wanted = str(part["key"]), part["value"]
        if name not in self._names:
            raise Refused(path, f"flag {name} is not in the document")
        if part.get("operator", "flag_evaluates_to") != "flag_evaluates_to":
            raise Refused(f"{path}.operator", f"{part['operator']!r} is not known for a flag")
        key = self._names[name]
        if isinstance(wanted, bool):
            return {"flag": key, "enabled": wanted}
        return {"if": {"flag": key, "get": "variant"}, "eq": wanted}


def _translate_property(subject: dict[str, Json], part: Fields, path: str) -> Json:
    operator, value = part.get("operator") or "exact", part.get("value")
    values = value if isinstance(value, list) else [value]
    texts = [_to_text(each) for each in values]
    if operator == "is_set":
        return {**subject, "exists": True}
    subject = subject | {"list": "whole"}
    if operator in ("exact", "is_not"):
        return {**subject, "in" if operator == "exact" else "not_in": texts, "as": "canonical-fold"}
    if operator in ("icontains", "not_icontains"):
        word = "contains" if operator == "icontains" else "not_contains"
        return {**subject, word: _to_text(value), "as": "canonical-fold"}
    if operator in ("regex", "not_regex"):
        return {**subject, "matches" if operator == "regex" else "not_matches": value, "as": "canonical"}
    if operator in _ORDERS:
        return {**subject, _ORDERS[operator]: value, "as": "number-or-text"}
    if operator in _VERSIONS:
        return {**subject, _VERSIONS[operator]: value, "as": "triple"}
    if operator in _DATES:
        if isinstance(value, str) and value.startswith("-"):
            raise Refused(f"{path}.value", f"{value} is relative to the day of PostHog's server")
        return {**subject, _DATES[operator]: value, "as": "instant-utc"}
    raise Refused(f"{path}.operator", f"{operator!r} is not known")


def _to_text(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Flag:
    def __init__(self, flag: Fields, names: Names, tests: _Tests) -> None:
        self._flag, self._names, self._tests = flag, names, tests
        self._key: str = flag["key"]
        self._path = f"flags[{self._key}]"
        self._variants = Variants()

    def translate(self) -> Definition:
        flag, filters = self._flag, self._flag["filters"]
        if flag.get("ensure_experience_continuity"):
            raise Refused(
                f"{self._path}.ensure_experience_continuity", "PostHog's server stores these answers"
            )
        if flag.get("bucketing_identifier") not in (None, "distinct_id"):
            raise Refused(f"{self._path}.bucketing_identifier", "hashes the device's id, which is not stored")
        self._off = self._variants.add(None, False, "off")
        index = filters.get("aggregation_group_type_index")
        self._group = None if index is None else self._tests.find_group(index, f"{self._path}.filters")
        rules = []
        if flag.get("active"):
            if self._group is not None:
                absent = {"if": [self._group, "key"], "exists": False}
                rules.append(
                    {"id": f"no {self._group}", "when": absent, "serve": serve(self._off, enabled=False)}
                )
            for number, condition in enumerate(filters.get("groups") or (), 1):
                rules += self._translate_condition(condition, number)
        data = self._names.head(self._key)
        if flag.get("name"):
            data["description"] = flag["name"]
        data |= {"variants": self._variants.write(), "rules": rules, "default": serve(self._off)}
        return Definition(self._key, data)

    def _translate_condition(self, condition: Fields, number: int) -> list[dict[str, Json]]:
        path = f"{self._path}.filters.groups[{number - 1}]"
        when = all_of(
            [
                self._tests.translate(part, f"{path}.properties[{index}]", self._group)
                for index, part in enumerate(condition.get("properties") or ())
            ]
        )
        rule: dict[str, Json] = {"id": f"condition {number}"} | ({} if when is True else {"when": when})
        percentage = condition.get("rollout_percentage")
        ends_early = False
        if percentage is not None:
            rule["gates"] = [self._hash("") | {"below": min(1, percentage / 100), "closed": True}]
            ends_early = bool(self._flag["filters"].get("early_exit"))
        rule["serve"] = self._serve(condition.get("variant"))
        return [rule | ({"else": serve(self._off, enabled=False)} if ends_early else {})]

    def _hash(self, suffix: str) -> dict[str, Json]:
        unit = {"unit": [[self._group, "key"]]} if self._group is not None else {}
        shard = {"scheme": "sha1-unit", "prefix": f"{self._key}."} | ({"suffix": suffix} if suffix else {})
        return shard | unit | {"as": "text", "missing": "exclude"}

    def _serve(self, forced: str | None) -> Json:
        written = (self._flag["filters"].get("multivariate") or {}).get("variants") or ()
        keys = [variant["key"] for variant in written]
        for key in keys:
            self._variants.add(key, key)
        if forced in keys:
            return serve(self._variants.add(forced, forced))
        arms: list[Json] = []
        start = 0.0
        for variant in written:
            end = start + variant["rollout_percentage"] / 100
            if min(end, 1) > start:
                served = serve(self._variants.add(variant["key"], variant["key"]))
                arms.append({"ranges": [[start, min(end, 1)]], "serve": served})
            start = end
        if not arms:
            return serve(self._variants.add(None, True, "on"))
        split = {"of": self._hash("variant"), "split": arms}
        if start >= 1:
            return split
        on = {"id": "no variant", "serve": serve(self._variants.add(None, True, "on"))}
        return {"rules": [{"id": "variants", "serve": split}, on]}
