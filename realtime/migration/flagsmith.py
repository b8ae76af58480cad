"""Flagsmith: the evaluation context of an environment, or the environment document that an SDK downloads.

A segment is a segment. The overrides of a feature are rules in the order of their priority; the feature
itself is the last one. A multivariate feature is a split on the percentage of the feature state's key and the
identity's key, which is `ENVIRONMENT_IDENTIFIER`, unless the caller sends one as `$identity.key`.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any

from realtime.migration.flagsmith_conditions import SegmentConditions, make_unit
from realtime.migration.flagsmith_documents import map_environment
from realtime.migration.model import (
    Definition,
    ForeignDocument,
    Imported,
    Json,
    Names,
    Variants,
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
    imported = Imported()
    for document in documents:
        if isinstance(document, dict) and "feature_states" in document:
            document = map_environment(document)  # noqa: PLW2901  the form that SDKs make of it
        if not isinstance(document, dict) or not isinstance(document.get("features"), dict):
            raise ForeignDocument("is no document of Flagsmith: it has neither features nor feature_states")
        _translate_environment(document, imported)
    return imported


def _translate_environment(document: Fields, imported: Imported) -> None:
    environment = require(document.get("environment") or {}, dict, "environment")
    segments = require(document.get("segments") or {}, dict, "segments")
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
    overrides = _list_overrides(segments, labels)

    def translate_feature(name: str) -> list[Definition]:
        found = [(segment_names[label], label, state) for label, state in overrides.get(name, ())]
        return [_Feature(name, features[name], found, environment).translate(names)]

    translate_each(features, imported, translate_feature, "features.{}")


def _name_segments(segments: Mapping[str, Fields]) -> dict[str, str]:
    """By their keys: their names, which need not differ."""
    labels: dict[str, str] = {}
    for key, segment in segments.items():
        written = segment.get("name") if isinstance(segment, dict) else None
        name = str(written or f"segment {key}")
        labels[key] = f"{name} {key}" if name in labels.values() else name
    return labels


def _list_overrides(
    segments: Mapping[str, Fields], labels: Mapping[str, str]
) -> dict[str, list[tuple[str, Fields]]]:
    """By feature: segment and state."""
    found: dict[str, list[tuple[str, Fields]]] = {}
    for key, segment in segments.items():
        for state in find_objects(segment, "overrides"):
            found.setdefault(str(state.get("name")), []).append((labels[key], state))
    return found


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
        self._name, self._overrides = name, overrides
        self._feature = require(feature, dict, f"features.{name}")
        self._environment = environment
        self._variants = Variants()
        self._hashes = False

    def translate(self, names: Names) -> Definition:
        in_order = sorted(
            self._overrides, key=lambda each: _read_priority(each[2])
        )  # keeps the document's order
        rules = [make_rule(label, {"segment": key}, self._serve(state)) for key, label, state in in_order]
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
        variants = [variant for _, variant in read_objects(state, "variants", f"features.{self._name}")]
        for variant in sorted(variants, key=_read_priority):
            end = start + require(
                variant.get("weight"), (int, float), f"features.{self._name}.variants.weight"
            )
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
