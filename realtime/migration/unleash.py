"""Unleash: what a client downloads, or the deltas that lead to it.

A strategy is a rule: its constraints and segments are `when`, its own test is a gate. Parents are the first
rules, which serve `off`. Variants are a second hash with another seed.
"""

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
    all_of,
    any_of,
    negate,
    serve,
    translate_each,
)
from realtime.migration.rule_parts import unit_of
from realtime.migration.unleash_constraints import find_subject, is_network, translate_constraint
from realtime.safe_reading.strict_json import parse_json

VARIANT_SEED = 86028157
_LOT = "draws a lot for each request, so that no answer can be repeated"
Fields = Mapping[str, Any]


def translate(documents: Sequence[Json], _options: Mapping[str, str]) -> Imported:
    features: dict[str, Fields] = {}
    segments: dict[str, Fields] = {}
    for document in documents:
        _read_document(document, features, segments)
    imported = Imported()
    names = Names(features)
    segment_names = Names(f"segment-{segment}" for segment in segments)
    for key, segment in segments.items():
        _translate_segment(key, segment, segment_names, imported)
    known_segments = {each.name for each in imported.segments}

    def translate_toggle(name: str) -> list[Definition]:
        toggle = _Toggle(features[name], features, names, segment_names, known_segments)
        definition = toggle.translate()
        imported.warnings += [Note(name, path, message) for path, message in toggle.warnings]
        return [definition]

    translate_each(features, imported, translate_toggle, "features[{}]")
    return imported


def _read_document(document: Json, features: dict[str, Fields], segments: dict[str, Fields]) -> None:
    if not isinstance(document, dict) or not ("features" in document or "events" in document):
        raise ForeignDocument("is no document of Unleash: it has neither features nor events")
    if "events" not in document:
        _add(document, features, segments)
        return
    for event in document["events"]:
        match event.get("type"):
            case "hydration":
                features.clear()
                segments.clear()
                _add(event, features, segments)
            case "feature-updated":
                features[event["feature"]["name"]] = event["feature"]
            case "feature-removed":
                features.pop(event["featureName"], None)
            case "segment-updated":
                segments[str(event["segment"]["id"])] = event["segment"]
            case "segment-removed":
                segments.pop(str(event["segmentId"]), None)


def _add(document: Fields, features: dict[str, Fields], segments: dict[str, Fields]) -> None:
    features.update({feature["name"]: feature for feature in document.get("features") or ()})
    segments.update({str(segment["id"]): segment for segment in document.get("segments") or ()})


def _translate_segment(key: str, segment: Fields, names: Names, imported: Imported) -> None:
    name = f"segment-{key}"
    try:
        when = all_of(
            [
                translate_constraint(constraint, f"segments[{key}].constraints[{index}]")
                for index, constraint in enumerate(segment.get("constraints") or ())
            ]
        )
    except Refused as error:
        imported.refuse(name, error)
        return
    data = {"key": names[name], **_describe(segment), "when": when}
    imported.segments.append(Definition(name, data))


def _describe(fields: Fields) -> dict[str, Json]:
    """What people wrote about it."""
    return {name: fields[name] for name in ("name", "description") if isinstance(fields.get(name), str)}


class _Toggle:
    def __init__(
        self,
        feature: Fields,
        features: Mapping[str, Fields],
        names: Names,
        segment_names: Names,
        known_segments: set[str],
    ) -> None:
        self._feature, self._features, self._names = feature, features, names
        self._segment_names, self._known_segments = segment_names, known_segments
        self._path = f"features[{feature['name']}]"
        self._variants = Variants()
        self.warnings: list[tuple[str, str]] = []

    def translate(self) -> Definition:
        feature = self._feature
        self._off = self._variants.add(None, False, "off")
        rules = [*self._translate_parents(), *self._translate_strategies()]
        data: dict[str, Json] = self._names.head(feature["name"])
        if isinstance(feature.get("description"), str):
            data["description"] = feature["description"]
        if not feature.get("enabled"):
            rules = []
        if rules:
            rules = _name_rules(rules)
        data |= {"variants": self._variants.write(), "rules": rules, "default": serve(self._off)}
        return Definition(feature["name"], data)

    def _translate_parents(self) -> Iterator[dict[str, Json]]:
        for dependency in self._feature.get("dependencies") or ():
            name = dependency["feature"]
            parent = self._features.get(name)
            holds: Json = False
            if parent is not None and not parent.get("dependencies"):
                key = self._names[name]
                is_on = {"flag": key, "enabled": True}
                if not dependency.get("enabled", True):
                    holds = {"not": is_on}
                elif dependency.get("variants"):
                    holds = self._ask_variants(key, parent, dependency["variants"])
                else:
                    holds = is_on
            when = {} if holds is False else {"when": negate(holds)}
            yield {"id": f"parent {name}", **when, "serve": serve(self._off, enabled=False)}

    def _ask_variants(self, key: str, parent: Fields, wanted: Sequence[str]) -> Json:
        """A parent without a variant has the one named disabled."""
        known = {
            variant["name"]
            for holder in (parent, *(parent.get("strategies") or ()))
            for variant in holder.get("variants") or ()
        }
        asked = [name for name in wanted if name in known and name != "disabled"]
        operand = {"flag": key, "get": "variant"}
        tests: list[Json] = [{"if": operand, "in": asked}] if asked else []
        if "disabled" in wanted:
            tests.append({"if": operand, "exists": False})
        return all_of([{"flag": key, "enabled": True}, any_of(tests)])

    def _translate_strategies(self) -> Iterator[dict[str, Json]]:
        strategies = self._feature.get("strategies") or ()
        if not strategies:
            yield {"id": "on", "serve": self._serve_variants({}, "")}
        for index, strategy in enumerate(strategies):
            path = f"{self._path}.strategies[{index}]"
            when = all_of([self._translate_conditions(strategy, path), self._test(strategy, path)])
            gates = self._gate(strategy, path)
            if when is False or gates is None:
                continue
            rule: dict[str, Json] = {"id": strategy.get("title") or strategy["name"]}
            if when is not True:
                rule["when"] = when
            if gates:
                rule["gates"] = gates
            yield rule | {"serve": self._serve_variants(strategy, path)}

    def _translate_conditions(self, strategy: Fields, path: str) -> Json:
        parts = [
            translate_constraint(constraint, f"{path}.constraints[{index}]")
            for index, constraint in enumerate(strategy.get("constraints") or ())
        ]
        for segment in strategy.get("segments") or ():
            name = f"segment-{segment}"
            if name not in self._segment_names:
                return False
            if name not in self._known_segments:
                raise Refused(f"{path}.segments", f"segment {segment} was refused")
            parts.append({"segment": self._segment_names[name]})
        return all_of(parts)

    def _test(self, strategy: Fields, path: str) -> Json:
        """The test of the strategy itself, unless it is a hash."""
        parameters = strategy.get("parameters") or {}
        match strategy["name"]:
            case "default" | "flexibleRollout" | "gradualRolloutUserId" | "gradualRolloutSessionId":
                return True
            case "gradualRolloutRandom":
                return True
            case "userWithId":
                users = _split_list(parameters.get("userIds"))
                return {"user": users} if users else False
            case "remoteAddress":
                networks = [each for each in _split_list(parameters.get("IPs")) if is_network(each)]
                return {"if": "remoteAddress", "cidr": networks} if networks else False
            case name:
                self.warnings.append((path, f"strategy {name} is not known: it holds for nobody"))
                return False

    def _gate(self, strategy: Fields, path: str) -> list[Json] | None:
        """None if it lets nobody in."""
        parameters = strategy.get("parameters") or {}
        name = strategy["name"]
        if name not in (
            "flexibleRollout",
            "gradualRolloutUserId",
            "gradualRolloutSessionId",
            "gradualRolloutRandom",
        ):
            return []
        written = parameters.get("rollout" if name == "flexibleRollout" else "percentage")
        percentage = _read_percentage(written, f"{path}.parameters")
        if percentage <= 0:
            return None
        if name == "gradualRolloutRandom":
            if percentage >= 100:
                return []
            raise Refused(path, _LOT)
        group = str(parameters.get("groupId") or self._feature["name"])
        if name == "flexibleRollout":
            stickiness = parameters.get("stickiness") or "default"
            unit = _find_unit(stickiness)
            if unit is None or stickiness == "default":
                if percentage >= 100:
                    return []
                if unit is None:
                    raise Refused(f"{path}.parameters.stickiness", _LOT)
                self.warnings.append((path, "without userId and sessionId Unleash draws a lot; here: off"))
        else:
            unit = "user_id" if name == "gradualRolloutUserId" else "sessionId"
        return [
            {
                "scheme": "murmur32-mod",
                "prefix": f"{group}:",
                "of": 100,
                "unit": unit,
                "as": "text",
                "missing": "exclude",
                "below": percentage,
            }
        ]

    def _serve_variants(self, strategy: Fields, path: str) -> Json:
        """What the toggle is when it is on."""
        own = strategy.get("variants") or ()
        variants, where = (own, path) if own else (self._feature.get("variants") or (), self._path)
        if not variants:
            return serve(self._add_on())
        parameters = strategy.get("parameters") or {}
        group = str(parameters.get("groupId") or self._feature["name"]) if own else self._feature["name"]
        fallback = parameters.get("stickiness") if own else None
        return self._split(variants, group, variants[0].get("stickiness") or fallback or "default", where)

    def _add_on(self) -> str:
        """The toggle is on, and has no variant."""
        return self._variants.add(None, True, "on")

    def _split(self, variants: Sequence[Fields], group: str, stickiness: str, path: str) -> Json:
        keys = [self._variants.add(each["name"], _read_payload(each, path)) for each in variants]
        total = sum(variant["weight"] for variant in variants)
        if not total:
            return serve(self._add_on())
        rules: list[dict[str, Json]] = []
        for variant, key in zip(variants, keys, strict=True):
            for override in variant.get("overrides") or ():
                values = [str(value) for value in override.get("values") or ()]
                if values:
                    rules.append(
                        {
                            "id": f"override {len(rules) + 1}",
                            "serve": serve(key),
                            "when": {"if": find_subject(override["contextName"]), "in": values},
                        }
                    )
        weighted = [(variant["weight"], key) for variant, key in zip(variants, keys, strict=True)]
        served = self._divide(
            [(weight, key) for weight, key in weighted if weight], total, group, stickiness, path
        )
        if isinstance(served, dict) and "of" in served:
            rules += [{"id": "weights", "serve": served}, {"id": "no unit", "serve": serve(self._add_on())}]
        elif not rules:
            return served
        else:
            rules.append({"id": "weights", "serve": served})
        return {"rules": rules}

    def _divide(
        self, weighted: Sequence[tuple[int, str]], total: int, group: str, stickiness: str, path: str
    ) -> Json:
        if len(weighted) == 1:
            return serve(weighted[0][1])
        unit = _find_unit(stickiness)
        if unit is None:
            raise Refused(f"{path}.variants", _LOT)
        arms, end = [], 0
        for weight, key in weighted:
            end += weight
            arms.append({"to": end, "serve": serve(key)})
        self.warnings.append((f"{path}.variants", "without a unit Unleash draws a lot; here: no variant"))
        return {
            "of": {
                "scheme": "murmur32-mod",
                "prefix": f"{group}:",
                "seed": VARIANT_SEED,
                "of": total,
                "unit": unit,
                "as": "text",
                "missing": "exclude",
            },
            "split": arms,
        }


def _name_rules(rules: Sequence[dict[str, Json]]) -> list[dict[str, Json]]:
    """Ids that are there once."""
    seen: dict[str, int] = {}
    named = []
    for rule in rules:
        number = seen[rule["id"]] = seen.get(rule["id"], 0) + 1
        named.append(rule if number == 1 else {**rule, "id": f"{rule['id']} {number}"})
    return named


def _find_unit(stickiness: str) -> Json:
    """None for a lot."""
    if stickiness == "default":
        return ["user_id", "sessionId"]
    return None if stickiness == "random" else "user_id" if stickiness == "userId" else unit_of(stickiness)


def _split_list(text: Any) -> list[str]:
    return [part.strip() for part in str(text or "").split(",") if part.strip()]


def _read_percentage(value: Any, path: str) -> int:
    try:
        return max(0, min(100, int(str(value).strip() or 0)))
    except ValueError:
        raise Refused(path, f"the percentage {value!r} is no whole number") from None


def _read_payload(variant: Fields, path: str) -> Json:
    payload = variant.get("payload")
    if not payload:
        return None
    kind, text = payload.get("type"), payload.get("value")
    if kind not in ("json", "number"):
        return text
    try:
        return parse_json(text)
    except ValueError as error:
        raise Refused(f"{path}.variants[{variant['name']}].payload", f"is no {kind}: {error}") from None
