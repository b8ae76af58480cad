"""Flagsmith: the evaluation context of an environment, or the environment document that an SDK downloads.

A segment is a segment. The overrides of a feature are rules in the order of their priority; the feature
itself is the last one. A multivariate feature is a split on the percentage of the feature state's key and the
identity's key, which is `ENVIRONMENT_IDENTIFIER`, unless the caller sends one as `$identity.key`.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any

from realtime.importers.flagsmith_conditions import SegmentConditions, make_unit
from realtime.importers.flagsmith_documents import map_environment
from realtime.importers.model import (
    Definition,
    ForeignDocument,
    Imported,
    Json,
    Names,
    Variants,
    serve,
    translate_each,
)
from realtime.importers.rule_parts import make_rule, name_rules, name_value, require

Fields = Mapping[str, Any]


def translate(documents: Sequence[Json], _options: Mapping[str, str]) -> Imported:
    imported = Imported()
    for document in documents:
        if isinstance(document, dict) and "feature_states" in document:
            document = map_environment(document)  # noqa: PLW2901  the form that SDKs make of it
        if not isinstance(document, dict) or not isinstance(document.get("features"), dict):
            raise ForeignDocument("is no document of Flagsmith: it has neither features nor feature_states")
        _translate_environment(document, imported)
    return imported


def _translate_environment(document: Fields, imported: Imported) -> None:
    environment = document.get("environment") or {}
    segments: dict[str, Fields] = document.get("segments") or {}
    labels = _name_segments(segments)
    segment_names = Names(labels.values())
    conditions = SegmentConditions(environment)
    for key, segment in segments.items():
        label = labels[key]
        with imported.translating(label, f"segments.{key}"):
            data: dict[str, Json] = {"key": segment_names[label]}
            if segment_names[label] != label:
                data["name"] = label
            imported.segments.append(
                Definition(label, data | conditions.translate(segment, f"segments.{key}"))
            )
    features: dict[str, Fields] = document["features"]
    names = Names(features)
    overrides = _sort_overrides(segments, labels)

    def translate_feature(name: str) -> list[Definition]:
        found = [(segment_names[label], label, state) for label, state in overrides.get(name, ())]
        return [_Feature(name, features[name], found, environment).translate(names)]

    translate_each(features, imported, translate_feature)


def _name_segments(segments: Mapping[str, Fields]) -> dict[str, str]:
    """By their keys: their names, which need not differ."""
    labels: dict[str, str] = {}
    for key, segment in segments.items():
        name = str(segment.get("name") or f"segment {key}")
        labels[key] = f"{name} {key}" if name in labels.values() else name
    return labels


def _sort_overrides(
    segments: Mapping[str, Fields], labels: Mapping[str, str]
) -> dict[str, list[tuple[str, Fields]]]:
    """By feature: segment and state, the lowest priority first. The sort keeps the document's order."""
    found: dict[str, list[tuple[str, Fields]]] = {}
    for key, segment in segments.items():
        for state in segment.get("overrides") or ():
            found.setdefault(state["name"], []).append((labels[key], state))
    return {name: sorted(states, key=lambda each: _read_priority(each[1])) for name, states in found.items()}


def _read_priority(fields: Fields) -> float:
    priority = fields.get("priority")
    return inf if priority is None else require(priority, (int, float), "priority")


class _Feature:
    def __init__(
        self,
        name: str,
        feature: Fields,
        overrides: Sequence[tuple[str, str, Fields]],
        environment: Fields,
    ) -> None:
        self._name, self._feature, self._overrides = name, feature, overrides
        self._environment = environment
        self._variants = Variants()
        self._hashes = False

    def translate(self, names: Names) -> Definition:
        rules = [
            make_rule(label, {"segment": key}, self._serve(state)) for key, label, state in self._overrides
        ]
        default = serve(self._add_own_value(self._feature))
        if self._feature.get("enabled") or self._feature.get("variants"):
            rules.append(make_rule("feature", True, self._serve(self._feature)))
        data = names.head(self._name)
        if isinstance(self._feature.get("description"), str):
            data["description"] = self._feature["description"]
        data["variants"] = self._variants.write()
        if self._hashes:
            data["unit"] = make_unit(self._environment)
        comment = "Callers whose identities have keys of their own send them as `$identity.key`."
        data |= {"rules": name_rules(rules), "default": default}
        return Definition(self._name, data, comment if self._hashes else "")

    def _serve(self, state: Fields) -> Json:
        enabled = None if state.get("enabled") else False
        own = serve(self._add_own_value(state), enabled=enabled)
        if not state.get("variants"):
            return own
        weights = make_rule(
            "weights", True, {"of": self._make_shard(state), "split": list(self._make_arms(state))}
        )
        return {"rules": [weights, make_rule("no identity", True, own)]}

    def _make_shard(self, state: Fields) -> dict[str, Json]:
        self._hashes = True
        return {"scheme": "md5-percent", "prefix": f"{state['key']},"}

    def _make_arms(self, state: Fields) -> Iterator[dict[str, Json]]:
        enabled = None if state.get("enabled") else False
        start: float = 0
        for variant in sorted(state["variants"], key=_read_priority):
            end = start + require(variant["weight"], (int, float), f"{self._name}.variants.weight")
            if start < min(end, 100):
                key = variant.get("key")
                value = variant.get("value")
                name = self._variants.add(key, value, key or name_value(value))
                yield {"to": min(end, 100), "serve": serve(name, enabled=enabled)}
            start = end
        if start < 100:
            control = self._variants.add("control", state.get("value"))
            yield {"rest": True, "serve": serve(control, enabled=enabled)}

    def _add_own_value(self, state: Fields) -> str:
        return self._variants.add(None, state.get("value"), name_value(state.get("value")))
