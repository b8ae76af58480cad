"""Optimizely Feature Experimentation: a datafile of version 4.

A flag has rules: holdouts, then its experiments, then the rules of its rollout. An audience is a segment of
three values. In a rollout, who is in the audience and not in the traffic goes to the last rule, "everyone
else". The hash is MurmurHash3 of the bucketing id and the experiment's id, in ten-thousandths.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from realtime.migration.model import (
    Definition,
    ForeignDocument,
    Imported,
    Json,
    Names,
    Note,
    Refused,
    Variants,
    attribute,
    negate,
    serve,
    translate_each,
)

Fields = Mapping[str, Any]
_SCALE = 10_000
_MAX_NUMBER = 2**53
_UNKNOWN = {"missing": "unknown", "unreadable": "unknown", "list": "whole"}
"""A list is of another type than any value of a condition."""
_NEW_HOLDOUT_FIELDS = (
    "excludeTargetedDeliveries",
    "includedRules",
    "localHoldouts",
    "includedFlags",
    "excludedFlags",
)
_ORDERS = {"gt": "gt", "ge": "gte", "lt": "lt", "le": "lte"}


def translate(documents: Sequence[Json], _options: Mapping[str, str]) -> Imported:
    imported = Imported()
    for document in documents:
        if not isinstance(document, dict) or str(document.get("version")) != "4":
            raise ForeignDocument("is no datafile of Optimizely: its version is not 4")
        _translate_datafile(document, imported)
    return imported


def _translate_datafile(document: Fields, imported: Imported) -> None:
    datafile = _Datafile(document)
    for audience, conditions in datafile.audiences.items():
        name = f"audience-{audience}"
        try:
            when = datafile.translate_tree(conditions, f"audiences[{audience}]", is_leaf_audience=False)
        except Refused as error:
            imported.refuse(name, error)
            datafile.refused.add(audience)
            continue
        title = datafile.titles.get(audience)
        data = {"key": name} | ({"name": title} if title else {}) | {"when": when}
        imported.segments.append(Definition(name, data))
    flags = {flag["key"]: flag for flag in document.get("featureFlags") or ()}
    used = {each for flag in flags.values() for each in flag["experimentIds"]}
    experiments = {each["key"]: each for each in datafile.experiments.values()}
    alone = [key for key in experiments if key not in flags]
    names = Names([*flags, *alone])

    def translate_named(key: str) -> list[Definition]:
        if key in flags:
            return [_Flag(flags[key], names, datafile).translate()]
        return [_Experiment(experiments[key], names, datafile).translate(experiments[key]["id"] in used)]

    translate_each([*flags, *alone], imported, translate_named, "[{}]")
    for key in experiments.keys() & flags.keys():
        note = "is imported as a part of the flag of the same key only"
        imported.warnings.append(Note(key, f"experiments[{key}]", note))


class _Datafile:
    """What flags share: experiments by id, their groups, audiences, rollouts, holdouts."""

    def __init__(self, document: Fields) -> None:
        self.experiments: dict[str, Fields] = {each["id"]: each for each in document.get("experiments") or ()}
        self._groups: dict[str, Fields] = {}
        for group in document.get("groups") or ():
            for experiment in group["experiments"]:
                self.experiments[experiment["id"]] = experiment
                self._groups[experiment["id"]] = group
        self.rollouts: dict[str, Fields] = {each["id"]: each for each in document.get("rollouts") or ()}
        self.holdouts: Sequence[Fields] = document.get("holdouts") or ()
        self.audiences: dict[str, Json] = {}
        self.titles: dict[str, str] = {}
        self.refused: set[str] = set()
        for audience in (*(document.get("audiences") or ()), *(document.get("typedAudiences") or ())):
            written = audience["conditions"]
            self.audiences[audience["id"]] = json.loads(written) if isinstance(written, str) else written
            self.titles[audience["id"]] = audience.get("name") or ""
        self.audiences.pop("$opt_dummy_audience", None)

    def translate_audience(self, rule: Fields, path: str) -> Json:
        """Whom an experiment or a rule is for."""
        conditions = rule.get("audienceConditions")
        if conditions is None:
            conditions = ["or", *rule["audienceIds"]] if rule.get("audienceIds") else []
        if not conditions:
            return True
        return self.translate_tree(conditions, f"{path}.audienceConditions", is_leaf_audience=True)

    def translate_tree(self, tree: Json, path: str, *, is_leaf_audience: bool) -> Json:
        if isinstance(tree, str) and is_leaf_audience:
            if tree in self.refused:
                raise Refused(path, f"audience {tree} was refused")
            return {"segment": f"audience-{tree}"} if tree in self.audiences else "unknown"
        if isinstance(tree, dict):
            return _translate_leaf(tree)
        if not isinstance(tree, list):
            raise Refused(path, "is neither a condition nor a list of them")
        operator, parts = (tree[0], tree[1:]) if tree and tree[0] in ("and", "or", "not") else ("or", tree)
        conditions = [
            self.translate_tree(part, f"{path}[{index}]", is_leaf_audience=is_leaf_audience)
            for index, part in enumerate(parts)
        ]
        if operator == "not":
            return "unknown" if not conditions else _negate(conditions[0])
        if not conditions:
            return operator == "and"
        if operator == "or":
            conditions = _merge_texts(conditions)
        if len(conditions) == 1:
            return conditions[0]
        return {"all" if operator == "and" else "any": conditions}

    def translate_group(self, experiment: Fields) -> list[Json]:
        """The gate of a group whose experiments share no user."""
        group = self._groups.get(experiment["id"])
        if group is None or group["policy"] != "random":
            return []
        ranges = [[start, end] for start, end, entity in _list_ranges(group) if entity == experiment["id"]]
        return [_hash(group["id"]) | {"ranges": ranges} if ranges else False]


def _merge_texts(conditions: Sequence[Json]) -> list[Json]:
    """Several texts of one attribute as one list."""
    merged: list[Json] = []
    listed: dict[str, list[Json]] = {}
    for condition in conditions:
        if not (isinstance(condition, dict) and condition.get("as") == "text" and "eq" in condition):
            merged.append(condition)
            continue
        name, text = condition["if"], condition["eq"]
        if name not in listed:
            listed[name] = []
            merged.append({"if": name, "in": listed[name], "as": "text", **_UNKNOWN})
        listed[name].append(text)
    return merged


def _negate(condition: Json) -> Json:
    return "unknown" if condition == "unknown" else negate(condition)


def _translate_leaf(leaf: Fields) -> Json:
    match = leaf.get("match") or "exact"
    value = leaf.get("value")
    if leaf.get("type") != "custom_attribute":
        return "unknown"
    subject = {"if": attribute(leaf["name"])}
    if match == "exists":
        return {**subject, "exists": True}
    if match == "exact":
        return _translate_exact(subject, value)
    if match in _ORDERS:
        return (
            {**subject, _ORDERS[match]: value, "as": "number-finite", **_UNKNOWN}
            if _is_number(value)
            else "unknown"
        )
    if not isinstance(value, str):
        return "unknown"
    if match == "substring":
        return {**subject, "contains": value, **_UNKNOWN}
    if match in ("semver_eq", "semver_gt", "semver_ge", "semver_lt", "semver_le"):
        return {**subject, f"version-prefix-{match.removeprefix('semver_')}": value, **_UNKNOWN}
    return "unknown"


def _translate_exact(subject: dict[str, Json], value: Json) -> Json:
    if isinstance(value, bool):
        reader = "boolean"
    elif isinstance(value, str):
        reader = "text"
    elif _is_number(value):
        reader = "number-finite"
    else:
        return "unknown"
    return {**subject, "eq": value, "as": reader, **_UNKNOWN}


def _is_number(value: Json) -> bool:
    return type(value) in (int, float) and abs(value) <= _MAX_NUMBER


def _hash(entity: str) -> dict[str, Json]:
    unit = {"first": [{"attribute": "$opt_bucketing_id", "as": "text"}, {"user": "id"}]}
    return {
        "scheme": "murmur32-scaled", "suffix": entity, "seed": 1, "of": _SCALE,
        "unit": unit, "as": "text", "missing": "exclude",
    }  # fmt: skip


def _list_ranges(owner: Fields) -> Iterator[tuple[int, int, str]]:
    """(start, end, entity): the first entry whose end is above the bucket counts."""
    start = 0
    for entry in owner["trafficAllocation"]:
        end = min(entry["endOfRange"], _SCALE)
        if end > start:
            if entry["entityId"]:
                yield start, end, entry["entityId"]
            start = end


class _Rules(ABC):
    """What a flag and an experiment of its own have in common."""

    def __init__(self, names: Names, datafile: _Datafile) -> None:
        self._names, self._datafile = names, datafile
        self._variants = Variants()

    @abstractmethod
    def _serve(self, variation: Fields) -> Json:
        """What a rule serves for a variation of the datafile."""

    def _split(self, rule: Fields) -> Json | None:
        """None if it has no traffic."""
        variations = {each["id"]: each for each in rule["variations"]}
        arms = [
            {"ranges": [[start, end]], "serve": self._serve(variations[entity])}
            for start, end, entity in _list_ranges(rule)
            if entity in variations
        ]
        return {"of": _hash(rule["id"]), "split": arms} if arms else None

    def _translate_rule(self, rule: Fields, path: str, name: str) -> list[dict[str, Json]]:
        """Whom it does not take goes on to the next rule."""
        when, split = self._datafile.translate_audience(rule, path), self._split(rule)
        gates = self._datafile.translate_group(rule)
        if split is None or when is False:
            return []
        form: dict[str, Json] = {"id": name} | ({} if when is True else {"when": when})
        return [form | ({"gates": gates} if gates else {}) | {"serve": split}]

    def _translate_experiment(self, experiment: Fields) -> list[dict[str, Json]]:
        path, key = f"experiments[{experiment['key']}]", experiment["key"]
        if experiment.get("cmab"):
            raise Refused(f"{path}.cmab", "a model decides, which is not in the datafile")
        if experiment["status"] != "Running":
            return []
        variations = {variation["key"]: variation for variation in experiment["variations"]}
        users: dict[str, list[str]] = {}
        for user, variation in (experiment.get("forcedVariations") or {}).items():
            if variation in variations:
                users.setdefault(variation, []).append(user)
        forced: list[dict[str, Json]] = [
            {
                "id": f"{key} forced {variation}",
                "when": {"user": ids},
                "serve": self._serve(variations[variation]),
            }
            for variation, ids in users.items()
        ]
        return [*forced, *self._translate_rule(experiment, path, key)]


class _Experiment(_Rules):
    """An experiment as callers ask for it by its own key."""

    def __init__(self, experiment: Fields, names: Names, datafile: _Datafile) -> None:
        super().__init__(names, datafile)
        self._experiment = experiment

    def translate(self, is_used: bool) -> Definition:
        """``is_used``: a flag serves it too, so that who asks for all gets the flag."""
        rules = self._translate_experiment(self._experiment)
        variants = self._variants.write() or {"off": {"value": None, "name": None}}
        key = self._experiment["key"]
        data = self._names.head(key) | ({"listed": False} if is_used else {})
        data |= {"type": "any", "variants": variants, "rules": rules, "default": "none"}
        return Definition(key, data, "An experiment that callers may ask by its own key.")

    def _serve(self, variation: Fields) -> Json:
        return serve(self._variants.add(variation["key"], variation["key"]))


class _Flag(_Rules):
    def __init__(self, flag: Fields, names: Names, datafile: _Datafile) -> None:
        super().__init__(names, datafile)
        self._flag = flag
        self._defaults = {
            each["key"]: _read_variable(each, each["defaultValue"]) for each in flag["variables"]
        }
        self._by_id = {each["id"]: each for each in flag["variables"]}

    def translate(self) -> Definition:
        flag, datafile = self._flag, self._datafile
        off = serve(self._variants.add(None, self._defaults, "off"))
        rules: list[dict[str, Json]] = []
        for holdout in datafile.holdouts:
            path = f"holdouts[{holdout['key']}]"
            for name in _NEW_HOLDOUT_FIELDS:
                if holdout.get(name):
                    raise Refused(f"{path}.{name}", "is newer than what is known of Optimizely's holdouts")
            if holdout["status"] == "Running":
                rules += self._translate_rule(holdout, path, f"holdout {holdout['key']}")
        for experiment in flag["experimentIds"]:
            if experiment in datafile.experiments:
                rules += self._translate_experiment(datafile.experiments[experiment])
        rollout = datafile.rollouts.get(flag.get("rolloutId") or "")
        if rollout is not None:
            rules += self._translate_rollout(rollout, off)
        data = self._names.head(flag["key"]) | {
            "type": "object", "variants": self._variants.write(), "rules": _name_once(rules), "default": off,
        }  # fmt: skip
        return Definition(flag["key"], data)

    def _translate_rollout(self, rollout: Fields, off: Json) -> list[dict[str, Json]]:
        rules = rollout["experiments"]
        if not rules:
            return []
        path = f"rollouts[{rollout['id']}]"
        last = self._translate_rule(rules[-1], path, "everyone else")
        stopped: Json = {"rules": [*last, {"id": "off", "serve": _disable(off)}]} if last else _disable(off)
        forms = []
        for number, rule in enumerate(rules[:-1], 1):
            for form in self._translate_targeted(rule, path, f"rollout rule {number}"):
                if "split" in form:
                    forms.append(form["split"] | {"else": stopped})
                else:
                    forms.append(form | {"serve": stopped})
        return [*forms, *last]

    def _translate_targeted(self, rule: Fields, path: str, name: str) -> Iterator[dict[str, Json]]:
        when, split = self._datafile.translate_audience(rule, path), self._split(rule)
        if when is False:
            return
        form: dict[str, Json] = {"id": name} | ({} if when is True else {"when": when})
        yield form if split is None else {"split": form | {"serve": split}}

    def _serve(self, variation: Fields) -> Json:
        is_enabled = bool(variation.get("featureEnabled"))
        value = dict(self._defaults)
        if is_enabled:
            for each in variation.get("variables") or ():
                if each["id"] in self._by_id:
                    variable = self._by_id[each["id"]]
                    value[variable["key"]] = _read_variable(variable, each["value"])
        return serve(self._variants.add(variation["key"], value), enabled=None if is_enabled else False)


def _disable(served: Json) -> Json:
    return {"variant": served if isinstance(served, str) else served["variant"], "enabled": False}


def _name_once(rules: Sequence[dict[str, Json]]) -> list[dict[str, Json]]:
    seen: dict[str, int] = {}
    named = []
    for rule in rules:
        number = seen[rule["id"]] = seen.get(rule["id"], 0) + 1
        named.append(rule if number == 1 else {**rule, "id": f"{rule['id']} {number}"})
    return named


def _read_variable(variable: Fields, text: str) -> Json:
    kind = "json" if variable.get("subType") == "json" else variable["type"]
    try:
        match kind:
            case "boolean":
                return text == "true"
            case "integer":
                return int(text)
            case "double":
                return float(text)
            case "json":
                return json.loads(text)
    except ValueError:
        raise Refused(f"variables[{variable['key']}]", f"{text!r} is no {kind}") from None
    return text
