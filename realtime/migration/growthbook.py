"""GrowthBook: the payload of an SDK, ``{features, experiments, savedGroups}``.

A feature is a flag, and its rules are rules; an experiment of the list is a flag without a default. A parent
with `gate` is a rule that serves `none`. Namespaces and filters are gates. Coverage leaves gaps between the
arms of a split, so that more of it moves nobody. A variation with `passthrough` serves `next`. A saved group
is a segment.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from realtime.migration.growthbook_conditions import (
    AttributeScope,
    Conditions,
    ParentScope,
    Subject,
    is_in,
)
from realtime.migration.growthbook_splits import (
    clamp,
    find_ranges,
    make_arms,
    make_closed_gate,
    make_gate,
    make_shard,
)
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
    negate,
    serve,
    translate_each,
)
from realtime.migration.rule_parts import (
    find_objects,
    make_rule,
    name_rules,
    name_value,
    read_objects,
    require,
)

Fields = Mapping[str, Any]


def translate(documents: Sequence[Json], _options: Mapping[str, str]) -> Imported:
    payload = _Payload(documents)
    imported = Imported()
    groups = _Groups(payload.groups)
    translator = _Translator(payload, groups, imported)
    translate_each(payload.features, imported, translator.translate_feature, "features.{}")
    translate_each(payload.experiments, imported, translator.translate_experiment, "experiments[{}]")
    imported.segments += groups.definitions
    return imported


_ENCRYPTED = ("encryptedFeatures", "encryptedExperiments", "encryptedSavedGroups")


class _Payload:
    def __init__(self, documents: Sequence[Json]) -> None:
        self.features: dict[str, Fields] = {}
        self.experiments: dict[str, Fields] = {}
        self.groups: dict[str, Json] = {}
        self.bandits: dict[str, Fields] = {}
        for document in documents:
            if isinstance(document, dict) and any(map(document.get, _ENCRYPTED)):
                raise ForeignDocument("is an encrypted payload of GrowthBook; download the plain one")
            if not isinstance(document, dict) or not {"features", "experiments"} & document.keys():
                reason = "it has neither features nor experiments"
                raise ForeignDocument(f"is no payload of GrowthBook: {reason}")
            self.features |= require(document.get("features") or {}, dict, "features")
            for _, each in read_objects(document, "experiments", "payload"):
                self.experiments[str(each["key"])] = each
            self.groups |= require(document.get("savedGroups") or {}, dict, "savedGroups")
            self.bandits |= require(document.get("contextualBandits") or {}, dict, "contextualBandits")


class _Groups:
    """Segments of saved groups, one for each attribute that is looked up in a group."""

    def __init__(self, groups: Mapping[str, Json]) -> None:
        self._groups = groups
        self._names = Names(groups)
        self._keys: dict[tuple[str, str], str] = {}
        self.definitions: list[Definition] = []

    def find(self, group: str, subject: Subject) -> Json:
        values = require(self._groups.get(group) or [], list, f"savedGroups.{group}")
        found = is_in(subject, values)
        if found is False or "if" not in subject or _asks_flag(subject):
            return found
        identity = group, repr(subject)
        if identity not in self._keys:
            attribute_name = "id" if isinstance(subject["if"], dict) else str(subject["if"])
            if isinstance(subject["if"], list):
                attribute_name = ".".join(subject["if"])
            is_first = group not in {known for known, _ in self._keys}
            name = group if is_first else f"{group}-{attribute_name}"
            key = self._names[group] if is_first else self._names.add(name)
            data: dict[str, Json] = {"key": key}
            if key != group:
                data["name"] = group
            self._keys[identity] = key
            comment = f"The saved group {group} of the attribute {attribute_name}."
            self.definitions.append(Definition(name, data | {"when": found}, comment))
        return {"segment": self._keys[identity]}


def _asks_flag(subject: Subject) -> bool:
    return isinstance(subject["if"], dict) and "flag" in subject["if"]


class _Translator:
    def __init__(self, payload: _Payload, groups: _Groups, imported: Imported) -> None:
        self.payload, self.imported = payload, imported
        self.conditions = Conditions(groups.find)
        self.names = Names([*payload.features, *payload.experiments])
        self._parents = {key: _list_parents(feature) for key, feature in payload.features.items()}
        self._copies: dict[tuple[str, ...], str] = {}

    def translate_feature(self, name: str) -> Iterator[Definition]:
        feature = _Feature(self, name, (name,))
        yield Definition(name, self.names.head(name) | feature.translate(), feature.comment)
        yield from feature.copies

    def translate_experiment(self, name: str) -> Iterator[Definition]:
        if name in self.payload.features:
            raise Refused(f"experiments[{name}]", "a feature has this key too")
        experiment = self.payload.experiments[name]
        feature = _Feature(self, name, (name,))
        data = self.names.head(name)
        for source, field in (("name", "name"), ("description", "description")):
            if isinstance(experiment.get(source), str):
                data[field] = experiment[source]
        yield Definition(name, data | feature.translate_experiment(experiment))
        yield from feature.copies

    def ask_parent(self, parent: str, path: tuple[str, ...], copies: list[Definition]) -> str | None:
        """The key of the parent as it answers within ``path``; None where it closes a circle."""
        if not self.is_circular(parent):
            return self.names[parent]
        if parent in path:
            return None
        inside = (*path, parent)
        if inside not in self._copies:
            label = f"{self.names[parent]}.within.{self.names[path[-1]]}"
            self._copies[inside] = key = self.names.add(f"{label}.{len(self._copies) + 1}")
            feature = _Feature(self, parent, inside)
            data = {"key": key, "listed": False} | feature.translate()
            comment = f"{parent} as {' → '.join(inside)} sees it: a parent in a circle ends the evaluation."
            copies += [Definition(key, data, comment), *feature.copies]
        return self._copies[inside]

    def is_circular(self, name: str) -> bool:
        seen: set[str] = set()
        todo = list(self._parents[name])
        while todo:
            parent = todo.pop()
            if parent == name:
                return True
            if parent not in seen:
                seen.add(parent)
                todo += self._parents.get(parent, ())
        return False


def _list_parents(feature: Fields) -> list[str]:
    return [
        str(parent.get("id"))
        for rule in find_objects(feature, "rules")
        for parent in find_objects(rule, "parentConditions")
    ]


class _Feature:
    """``path``: the features that ask it, itself last."""

    def __init__(self, translator: _Translator, name: str, path: tuple[str, ...]) -> None:
        self._translator, self._name, self._path = translator, name, path
        self._variants = Variants()
        self.copies: list[Definition] = []
        self.comment = ""

    def translate(self) -> dict[str, Json]:
        feature = require(self._translator.payload.features[self._name], dict, f"features.{self._name}")
        default = self._serve_value(feature.get("defaultValue"))
        rules: list[dict[str, Json]] = []
        written = read_objects(feature, "rules", f"features.{self._name}")
        for index, (path, rule) in enumerate(written):
            rules += self._translate_rule(rule, path, f"rule {index + 1}")
        return self._finish(feature, rules, default)

    def translate_experiment(self, experiment: Fields) -> dict[str, Json]:
        path = f"experiments[{self._name}]"
        rules: list[dict[str, Json]] = []
        is_running = experiment.get("active") is not False and experiment.get("status") not in (
            "draft",
            "stopped",
        )
        if is_running:
            parents = list(self._translate_parents(experiment, path, rules))
            rules += self._run(experiment, "experiment", parents, path)
        return self._finish(experiment, rules, "none")

    def _finish(self, fields: Fields, rules: list[dict[str, Json]], default: Json) -> dict[str, Json]:
        data: dict[str, Json] = {}
        if isinstance(fields.get("description"), str) and "defaultValue" in fields:
            data["description"] = fields["description"]
        variants = self._variants.write()
        data["type"] = "any"  # a feature has no type: each caller says what it wants
        if variants:
            data["variants"] = variants
        if "'scheme'" in repr(rules):
            data["unit"] = {"of": "user_id", "missing": "exclude"}
        return data | {"rules": name_rules(rules), "default": default}

    def _translate_rule(self, rule: Fields, path: str, name: str) -> Iterator[dict[str, Json]]:
        label = next(
            (
                rule[field]
                for field in ("name", "key", "id")
                if rule.get(field) and isinstance(rule[field], str)
            ),
            name,
        )
        before: list[dict[str, Json]] = []
        parents = list(self._translate_parents(rule, path, before, label))
        yield from before
        if parents and parents[-1] == "error":
            return
        if "force" in rule:
            yield from self._force(rule, label, parents, path)
        elif "variations" in rule or (rule.get("contextualBanditRef") and "contextualVariations" in rule):
            yield from self._run(rule, label, parents, path)

    def _translate_parents(
        self, rule: Fields, path: str, rules: list[dict[str, Json]], label: str = "experiment"
    ) -> Iterator[Json]:
        """Conditions of the rule itself. ``rules`` gets those that end the feature before it."""
        before: list[Json] = []
        for where, parent in read_objects(rule, "parentConditions", path):
            name = require(parent.get("id"), str, f"{where}.id")
            is_known = name in self._translator.payload.features
            key = self._translator.ask_parent(name, self._path, self.copies) if is_known else None
            if is_known and key is None:
                rules.append(make_rule(f"{label}: circle of parents", all_of(before), "error"))
                yield "error"
                return
            condition = parent.get("condition") or {}
            holds = self._translator.conditions.translate(condition, ParentScope(key), where)
            if key is not None and isinstance(holds, bool) and self._translator.is_circular(name):
                holds = _evaluate(key, holds)
            if parent.get("gate"):
                rules.append(make_rule(f"{label}: parent {name}", all_of([*before, negate(holds)]), "none"))
            else:
                before.append(holds)
                yield holds

    def _translate_condition(self, rule: Fields, path: str) -> Json:
        if rule.get("condition") is None:
            return True
        return self._translator.conditions.translate(rule["condition"], AttributeScope(), f"{path}.condition")

    def _force(self, rule: Fields, label: str, parents: list[Json], path: str) -> Iterator[dict[str, Json]]:
        when = all_of([*parents, self._translate_condition(rule, path)])
        gates = self._translate_filters(rule, path)
        version = rule.get("hashVersion") or 1
        seed = rule.get("seed") or self._name
        if rule.get("range") is not None:
            ranges = [clamp(rule["range"], f"{path}.range")]
            gates.append(make_gate(seed, rule.get("hashAttribute"), version, ranges))
        elif "coverage" in rule:
            coverage = require(rule["coverage"], (int, float), f"{path}.coverage")
            if coverage <= 0:
                return
            gates.append(make_closed_gate(seed, rule.get("hashAttribute"), version, coverage))
        if False in gates:
            return
        yield make_rule(label, when, self._serve_value(rule["force"]), **({"gates": gates} if gates else {}))

    def _translate_filters(self, rule: Fields, path: str) -> list[Json]:
        gates = []
        for where, entry in read_objects(rule, "filters", path):
            places = require(entry.get("ranges"), list, f"{where}.ranges")
            ranges = [clamp(each, f"{where}.ranges") for each in places]
            version = entry.get("hashVersion") or 2
            gates.append(make_gate(entry.get("seed"), entry.get("attribute"), version, ranges))
        return gates

    def _run(self, rule: Fields, label: str, parents: list[Json], path: str) -> Iterator[dict[str, Json]]:
        """As an experiment."""
        is_bandit = bool(rule.get("contextualBanditRef")) and "contextualVariations" in rule
        variations = require(
            rule["contextualVariations" if is_bandit else "variations"], list, f"{path}.variations"
        )
        gates = self._translate_filters(rule, path)
        namespace = rule.get("namespace")
        if namespace and "filters" not in rule:
            place = clamp(namespace[1:3], f"{path}.namespace")
            gates.append(make_gate(f"__{namespace[0]}", rule.get("hashAttribute"), 1, [place]))
        version = rule.get("hashVersion") or 1
        shard = make_shard(
            rule.get("seed") or rule.get("key") or self._name, rule.get("hashAttribute"), version
        )
        if len(variations) < 2 or False in gates or shard is None:
            return
        when = all_of([*parents, self._translate_condition(rule, path)])
        served = [self._serve_variation(rule, variations, index) for index in range(len(variations))]
        if "force" in rule:  # of the list of experiments
            index = rule["force"]
            is_known = isinstance(index, int) and 0 <= index < len(served)
            served = [served[index] if is_known else "next"] * len(served)
        gating = {"gates": gates} if gates else {}
        for leaf, condition, weights in self._list_leaves(rule, is_bandit=is_bandit, path=path):
            ranges = find_ranges(rule, weights, len(variations), path)
            arms = make_arms(ranges, served)
            if arms:
                split = {"of": shard, "split": arms}
                yield make_rule(f"{label}{leaf}", all_of([when, condition]), split, **gating) | {
                    "else": "next"
                }

    def _list_leaves(self, rule: Fields, *, is_bandit: bool, path: str) -> Iterator[tuple[str, Json, Json]]:
        """Name, condition and weights. The first leaf whose condition holds counts."""
        bandit = self._translator.payload.bandits.get(rule["contextualBanditRef"]) if is_bandit else None
        before: list[Json] = []
        for _, leaf in read_objects(
            bandit or {}, "contexts", f"contextualBandits.{rule.get('contextualBanditRef')}"
        ):
            where = f"{path}.contextualBanditRef"
            holds = self._translator.conditions.translate(
                leaf.get("condition") or {}, AttributeScope(), where
            )
            yield f": leaf {leaf.get('leafId')}", all_of([negate(any_of(before)), holds]), leaf.get("weights")
            before.append(holds)
        yield "", negate(any_of(before)), rule.get("weights")

    def _serve_value(self, value: Json) -> Json:
        """Null is no value."""
        if value is None:
            return "none"
        return serve(self._variants.add(None, value, name_value(value)))

    def _serve_variation(self, rule: Fields, variations: Sequence[Json], index: int) -> Json:
        metas = [meta for _, meta in read_objects(rule, "meta", "meta")]
        meta = metas[index] if index < len(metas) else {}
        if meta.get("passthrough") and self._name in self._translator.payload.features:
            return "next"
        key = meta.get("key")
        return serve(self._variants.add(str(index) if key is None else str(key), variations[index]))


def _evaluate(key: str, holds: bool) -> Json:
    """What ``holds`` says, once the flag has answered: it may be in a circle, which ends the evaluation."""
    asked: Json = {"if": {"flag": key, "get": "value"}, "exists": True}
    return {"any": [asked, True]} if holds else all_of([asked, {"not": asked}])
