"""Split (Harness FME): splits as its SDK downloads them, with the members of segments.

A condition is a rule. The traffic of a split limits what comes from its first ROLLOUT condition on: a rule
that serves `next` to those inside and the default to the others. A key is hashed by MurmurHash3, or by Java's
hash in old splits; Split counts from 1, our schemes from 0. The treatment `control` is no value.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from realtime.migration.rule_parts import USER
from realtime.safe_reading.strict_json import parse_json

Fields = Mapping[str, Any]
CONTROL = "control"
_UNIT = ["$bucketing_key", "user_id"]
_TEXTS = {"STARTS_WITH": "starts_with", "ENDS_WITH": "ends_with", "CONTAINS_STRING": "contains"}
_NUMBERS = {"EQUAL_TO": "eq", "GREATER_THAN_OR_EQUAL_TO": "gte", "LESS_THAN_OR_EQUAL_TO": "lte"}
_VERSIONS = {f"{name}_SEMVER": word for name, word in _NUMBERS.items()}
_SETS = {
    "EQUAL_TO_SET": "same_as",
    "CONTAINS_ANY_OF_SET": "contains_any",
    "CONTAINS_ALL_OF_SET": "contains_all",
    "PART_OF_SET": "subset_of",
}


def translate(documents: Sequence[Json], _options: Mapping[str, str]) -> Imported:
    splits: dict[str, Fields] = {}
    segments: dict[str, Sequence[str]] = {}
    for written in documents:
        document = written
        if isinstance(written, dict) and "ff" in written:  # a newer SDK wraps the changes
            document = {"splits": written["ff"].get("d") or [], "segments": written.get("segments")}
        if not isinstance(document, dict) or not isinstance(document.get("splits"), list):
            raise ForeignDocument("is no document of Split: it has no list splits")
        splits |= {split["name"]: split for split in document["splits"]}
        segments |= document.get("segments") or {}
    imported, names, segment_names = Imported(), Names(splits), Names(segments)
    for name, members in segments.items():
        data = {"key": segment_names[name], "include": list(members)}
        imported.segments.append(Definition(name, data))

    def translate_split(name: str) -> list[Definition]:
        return [_Split(splits[name], names, segment_names, splits).translate()]

    translate_each(splits, imported, translate_split, "splits[{}]")
    return imported


class _Split:
    def __init__(
        self, split: Fields, names: Names, segment_names: Names, splits: Mapping[str, Fields]
    ) -> None:
        self._split, self._names, self._segment_names, self._splits = split, names, segment_names, splits
        self._path = f"splits[{split['name']}]"
        self._variants = Variants()

    def translate(self) -> Definition:
        split = self._split
        default = self._serve(split["defaultTreatment"])
        rules: list[dict[str, Json]] = []
        comment = ""
        if split.get("killed"):
            comment = "Killed: everybody gets the default."
        else:
            rules = [*self._translate_prerequisites(), *self._translate_conditions()]
        data = self._names.head(split["name"])
        variants = self._variants.write() or {"off": {"value": None, "name": None}}
        data |= {"variants": variants, "rules": rules, "default": default}
        return Definition(split["name"], data, comment)

    def _serve(self, treatment: str) -> Json:
        if treatment == CONTROL:
            return "none"
        written = (self._split.get("configurations") or {}).get(treatment)
        value: Json = treatment
        if written is not None:
            try:
                value = parse_json(written)
            except ValueError:
                value = written
        return serve(self._variants.add(treatment, value))

    def _ask(self, name: str, treatments: Sequence[str]) -> Json:
        """Whether another split gives one of these."""
        if name not in self._splits:
            return CONTROL in treatments
        operand = {"flag": self._names[name], "get": "variant"}
        known = [treatment for treatment in treatments if treatment != CONTROL]
        tests: list[Json] = [{"if": operand, "in": known}] if known else []
        if CONTROL in treatments:
            tests.append({"if": operand, "exists": False})
        return any_of(tests)

    def _translate_prerequisites(self) -> Iterator[dict[str, Json]]:
        for prerequisite in self._split.get("prerequisites") or ():
            holds = self._ask(prerequisite["n"], prerequisite["ts"])
            if holds is not True:
                when = {} if holds is False else {"when": {"not": holds}}
                yield {"id": f"prerequisite {prerequisite['n']}", **when, "serve": "default"}

    def _translate_conditions(self) -> Iterator[dict[str, Json]]:
        split, is_limited = self._split, False
        for number, condition in enumerate(split["conditions"], 1):
            traffic = split.get("trafficAllocation", 100)
            if condition["conditionType"] == "ROLLOUT" and not is_limited and traffic < 100:
                gate = self._hash(split["trafficAllocationSeed"]) | {"below": traffic}
                yield {"id": "traffic", "gates": [gate], "serve": "next", "else": "default"}
            is_limited |= condition["conditionType"] == "ROLLOUT"
            path = f"{self._path}.conditions[{number - 1}].matcherGroup.matchers"
            when = all_of(
                [
                    self._translate_matcher(matcher, f"{path}[{index}]")
                    for index, matcher in enumerate(condition["matcherGroup"]["matchers"])
                ]
            )
            label = condition.get("label")
            rule: dict[str, Json] = {"id": f"{number} {label}" if label else f"condition {number}"}
            if when is not True:
                rule["when"] = when
            yield rule | self._divide(condition["partitions"])

    def _divide(self, partitions: Sequence[Fields]) -> dict[str, Json]:
        """``serve`` of a rule. Nobody whom its matchers describe goes on to the next one."""
        taken = [each for each in partitions if each["size"]]
        if len(taken) == 1 and taken[0]["size"] == 100:
            return {"serve": self._serve(taken[0]["treatment"])}
        arms, end = [], 0
        for partition in taken:
            end += partition["size"]
            arms.append({"to": end, "serve": self._serve(partition["treatment"])})
        rest = {} if end >= 100 else {"else": "none"}
        return {"serve": {"of": self._hash(self._split["seed"]), "split": arms}} | rest

    def _hash(self, seed: int) -> dict[str, Json]:
        scheme = "java31-mod" if self._split.get("algo", 1) != 2 else "murmur32-mod"
        bits = {"scheme": scheme, "seed": seed & 0xFFFFFFFF}
        return bits | {"of": 100, "unit": _UNIT, "as": "text", "missing": "exclude"}

    def _translate_matcher(self, matcher: Fields, path: str) -> Json:
        name = (matcher.get("keySelector") or {}).get("attribute")
        subject = {"if": USER if name is None else attribute(name)}
        condition = self._translate_kind(matcher, subject, path)
        if not matcher.get("negate"):
            return condition
        return not condition if isinstance(condition, bool) else {"not": condition}

    def _translate_kind(self, matcher: Fields, subject: dict[str, Json], path: str) -> Json:
        kind = matcher["matcherType"]
        if kind == "ALL_KEYS":
            return True if subject["if"] == USER else {**subject, "exists": True}
        if kind == "IN_SEGMENT":
            name = matcher["userDefinedSegmentMatcherData"]["segmentName"]
            return {"segment": self._segment_names[name]} if name in self._segment_names else False
        if kind == "IN_SPLIT_TREATMENT":
            data = matcher["dependencyMatcherData"]
            return self._ask(data["split"], data["treatments"])
        if kind not in _MATCHERS:
            raise Refused(path, f"matcher {kind} is not known, or needs data outside of the document")
        is_whole = subject["if"] == USER or kind in _SETS
        return _MATCHERS[kind](kind, matcher, subject if is_whole else subject | {"list": "whole"})


def _list_texts(matcher: Fields) -> list[Json]:
    return list((matcher.get("whitelistMatcherData") or {}).get("whitelist") or ())


def _compare_lists(kind: str, matcher: Fields, subject: dict[str, Json]) -> Json:
    test = {**subject, _SETS[kind]: _list_texts(matcher)}
    if kind == "PART_OF_SET":  # an empty list is part of nothing
        return [test, {"if": {"length": subject["if"]}, "gt": 0}]
    return test


def _compare_texts(kind: str, matcher: Fields, subject: dict[str, Json]) -> Json:
    if kind == "MATCHES_STRING":
        return {**subject, "matches": matcher["stringMatcherData"]}
    texts = _list_texts(matcher)
    if kind == "WHITELIST":
        return {**subject, "in": texts} if texts else False
    return any_of([{**subject, _TEXTS[kind]: text} for text in texts])


def _compare_booleans(_kind: str, matcher: Fields, subject: dict[str, Json]) -> Json:
    return {**subject, "eq": str(matcher["booleanMatcherData"]).lower(), "as": "canonical-lower"}


def _compare_versions(kind: str, matcher: Fields, subject: dict[str, Json]) -> Json:
    if kind == "IN_LIST_SEMVER":
        texts = _list_texts(matcher)
        return {**subject, "in": texts, "as": "semver-strict"} if texts else False
    if kind == "BETWEEN_SEMVER":
        data = matcher["betweenStringMatcherData"]
        return {**subject, "between": [data["start"], data["end"]], "as": "semver-strict"}
    return {**subject, _VERSIONS[kind]: matcher["stringMatcherData"], "as": "semver-strict"}


def _compare_numbers(kind: str, matcher: Fields, subject: dict[str, Json]) -> Json:
    """Times are milliseconds in the document and seconds in attributes, both cut to the minute or day."""
    is_between = kind == "BETWEEN"
    data = matcher["betweenMatcherData" if is_between else "unaryNumericMatcherData"]
    reader = "integer-text"
    numbers = [data["start"], data["end"]] if is_between else [data["value"]]
    if data.get("dataType") == "DATETIME":
        reader = "day" if kind == "EQUAL_TO" else "minute"
        numbers = [number // 1000 for number in numbers]
    if is_between:
        return {**subject, "between": numbers, "as": reader}
    return {**subject, _NUMBERS[kind]: numbers[0], "as": reader}


_MATCHERS: Mapping[str, Callable[[str, Fields, dict[str, Json]], Json]] = {
    **dict.fromkeys((*_NUMBERS, "BETWEEN"), _compare_numbers),
    **dict.fromkeys((*_VERSIONS, "BETWEEN_SEMVER", "IN_LIST_SEMVER"), _compare_versions),
    **dict.fromkeys((*_TEXTS, "WHITELIST", "MATCHES_STRING"), _compare_texts),
    **dict.fromkeys(_SETS, _compare_lists),
    "EQUAL_TO_BOOLEAN": _compare_booleans,
}
"""By the type of the matcher."""
