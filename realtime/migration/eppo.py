"""Eppo's Universal Flag Configuration, as a server's SDK downloads it.

An allocation is a rule. What all of its splits share are gates, and what differs is a split; splits of
another shape become rules inside of it. The hash is `md5-32-mod` of the subject's key, whatever the attribute
`id` is.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
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
from realtime.safe_reading.strict_json import parse_json

Fields = Mapping[str, Any]
_TYPES: Mapping[str, tuple[type, ...]] = {
    "STRING": (str,),
    "INTEGER": (int, float),
    "NUMERIC": (int, float),
    "BOOLEAN": (bool,),
    "JSON": (str,),
}
_ORDERS = {"GT": "gt", "GTE": "gte", "LT": "lt", "LTE": "lte"}


def translate(documents: Sequence[Json], _options: Mapping[str, str]) -> Imported:
    flags: dict[str, Fields] = {}
    for document in documents:
        if not isinstance(document, dict) or not isinstance(document.get("flags"), dict):
            raise ForeignDocument("is no configuration of Eppo: it has no object flags")
        if document.get("format", "SERVER") != "SERVER":
            raise ForeignDocument("is obfuscated for clients; download the configuration of a server key")
        flags |= document["flags"]
    imported, names = Imported(), Names(flags)
    translate_each(flags, imported, lambda key: [_Flag(key, flags[key], names).translate()], "flags.{}")
    return imported


class _Flag:
    def __init__(self, key: str, flag: Fields, names: Names) -> None:
        self._key, self._flag, self._names = key, flag, names
        self._variants = Variants()
        self._served: dict[str, Json] = {}

    def translate(self) -> Definition:
        flag = self._flag
        for key, variation in flag["variations"].items():
            self._served[key] = self._serve_variation(key, variation["value"])
        rules = []
        if flag["enabled"]:
            for index, allocation in enumerate(flag["allocations"]):
                rules += self._translate_allocation(allocation, f"flags.{self._key}.allocations[{index}]")
        variants = self._variants.write() or {"off": {"value": None, "name": None}}
        data = self._names.head(self._key) | {
            "type": "any",
            "variants": variants,
            "rules": rules,
            "default": "none",
        }
        return Definition(self._key, data)

    def _serve_variation(self, key: str, value: Json) -> Json:
        """A value of another type than the flag's is the caller's default."""
        kind = self._flag["variationType"]
        if kind not in _TYPES:
            raise Refused(f"flags.{self._key}.variationType", f"{kind!r} is not known")
        if type(value) not in _TYPES[kind] or (kind == "INTEGER" and value != int(value)):
            return "none"
        if kind == "JSON":
            try:
                value = parse_json(value)
            except ValueError:
                return "none"
        return serve(self._variants.add(key, value))

    def _translate_allocation(self, allocation: Fields, path: str) -> list[dict[str, Json]]:
        when = all_of([*_translate_schedule(allocation), self._translate_rules(allocation, path)])
        splits = allocation["splits"]
        if when is False or not splits:
            return []
        rule: dict[str, Json] = {"id": allocation["key"]} | ({} if when is True else {"when": when})
        return [rule | self._translate_splits(splits)]

    def _translate_rules(self, allocation: Fields, path: str) -> Json:
        rules = allocation.get("rules") or ()
        if not rules:
            return True
        return any_of(
            [
                all_of(
                    [
                        _translate_condition(condition, f"{path}.rules[{index}].conditions[{number}]")
                        for number, condition in enumerate(rule["conditions"])
                    ]
                )
                for index, rule in enumerate(rules)
            ]
        )

    def _translate_splits(self, splits: Sequence[Fields]) -> dict[str, Json]:
        """``gates`` and ``serve`` of a rule."""
        if len(splits) == 1:
            return self._gate(splits[0]["shards"]) | {"serve": self._serve(splits[0])}
        shared = [shard for shard in splits[0]["shards"] if all(shard in split["shards"] for split in splits)]
        own = [[shard for shard in split["shards"] if shard not in shared] for split in splits]
        if all(len(shards) == 1 for shards in own) and len({shards[0]["salt"] for shards in own}) == 1:
            arms = [
                {"ranges": self._clip(shards[0]["ranges"]), "serve": self._serve(split)}
                for shards, split in zip(own, splits, strict=True)
            ]
            arms = [arm for arm in arms if arm["ranges"]]
            if not _overlap([place for arm in arms for place in arm["ranges"]]):
                of = self._hash(own[0][0]["salt"])
                return self._gate(shared) | {"serve": {"of": of, "split": arms}}
        rules = [
            {"id": f"split {number}", **self._gate(split["shards"]), "serve": self._serve(split)}
            for number, split in enumerate(splits, 1)
        ]
        return {"serve": {"rules": rules}}

    def _serve(self, split: Fields) -> Json:
        return self._served.get(split["variationKey"], "none")

    def _gate(self, shards: Sequence[Fields]) -> dict[str, Json]:
        gates: list[Json] = []
        for shard in shards:
            ranges = self._clip(shard["ranges"])
            place = {"below": ranges[0][1]} if len(ranges) == 1 and not ranges[0][0] else {"ranges": ranges}
            gates.append(self._hash(shard["salt"]) | place if ranges else False)
        return {"gates": gates} if gates else {}

    def _hash(self, salt: str) -> dict[str, Json]:
        of = self._flag["totalShards"]
        return {"scheme": "md5-32-mod", "prefix": f"{salt}-", "of": of, "as": "text", "missing": "exclude"}

    def _clip(self, ranges: Sequence[Fields]) -> list[list[int]]:
        end = self._flag["totalShards"]
        clipped = [[max(0, each["start"]), min(end, each["end"])] for each in ranges]
        return _join([place for place in clipped if place[0] < place[1]])


def _join(ranges: Sequence[list[int]]) -> list[list[int]]:
    """Ranges of one shard may overlap or touch."""
    joined: list[list[int]] = []
    for start, end in sorted(ranges):
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    return joined


def _overlap(ranges: Sequence[list[int]]) -> bool:
    ordered = sorted(ranges)
    return any(first[1] > second[0] for first, second in pairwise(ordered))


def _translate_schedule(allocation: Fields) -> list[Json]:
    """Both instants belong to the time."""
    start, end = allocation.get("startAt"), allocation.get("endAt")
    tests: list[Json] = []
    if start:
        tests.append({"clock": {"after": start}})
    if end:
        tests.append({"not": {"if": {"clock": "now"}, "after": end}})
    return tests


def _translate_condition(condition: Fields, path: str) -> Json:
    name, operator, value = condition["attribute"], condition["operator"], condition["value"]
    subject = {"if": {"first": ["id", {"user": "id"}]} if name == "id" else attribute(name)}
    if operator in ("ONE_OF", "NOT_ONE_OF"):
        texts = [str(each) for each in value]
        word = "in" if operator == "ONE_OF" else "not_in"
        if not texts:
            return False if word == "in" else {**subject, "readable": True, "as": "canonical"}
        return {**subject, word: texts, "as": "canonical"}
    if operator in ("MATCHES", "NOT_MATCHES"):
        test = {**subject, "re2": value, "as": "canonical"}
        if operator == "MATCHES":
            return test
        return [{**subject, "readable": True, "as": "canonical"}, {"not": test}]
    if operator in _ORDERS:
        return _compare(subject, _ORDERS[operator], value)
    if operator == "IS_NULL":
        return {**subject, "exists": not value}
    raise Refused(path, f"operator {operator!r} is not known")


def _compare(subject: dict[str, Json], word: str, value: Json) -> Json:
    """By the form of the operand: a version, or a number."""
    from chalicelib.domain.general_form.readers import READERS, UNREADABLE

    for reader in ("semver-strict", "number-or-text"):
        if READERS[reader](value) is not UNREADABLE:
            return {**subject, word: value, "as": reader}
    return False
