"""ConfigCat: a config JSON, version 6.

A setting is a flag, a targeting rule is a rule, and percentage options are a split that hashes the setting's
key and the unit; without a unit they give nothing. A variation's id is what callers are told. A condition
that cannot be evaluated makes its rule ignored, also inside `not in segment`: there it is unknown. Hashed
comparators stay hashed.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from realtime.migration.configcat_conditions import translate_user_condition
from realtime.migration.model import (
    Definition,
    ForeignDocument,
    Imported,
    Json,
    Names,
    Refused,
    Variants,
    all_of,
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
    unit_of,
)

Fields = Mapping[str, Any]
_VALUES: Mapping[int, tuple[str, type | tuple[type, ...]]] = {
    0: ("b", bool),
    1: ("s", str),
    2: ("i", int),
    3: ("d", (int, float)),
}
"""Field and types by the type of a setting."""


def translate(documents: Sequence[Json], _options: Mapping[str, str]) -> Imported:
    configs = [_Config(document) for document in documents]
    imported = Imported()
    names = Names(key for config in configs for key in config.settings)
    segment_names = Names(label for config in configs for label in config.labels)
    for config in configs:
        for index, label in enumerate(config.labels):
            with imported.translating(label, f"s[{index}]"):
                imported.segments.append(config.translate_segment(index, label, segment_names))
        translate = partial(_translate_setting, config, names, segment_names)
        translate_each(config.settings, imported, translate, "f.{}")
    return imported


def _translate_setting(config: "_Config", names: Names, segment_names: Names, key: str) -> list[Definition]:
    return [_Setting(key, config, names, segment_names).translate()]


class _Config:
    def __init__(self, document: Json) -> None:
        if not isinstance(document, dict) or not isinstance(document.get("f"), dict):
            raise ForeignDocument("is no config JSON of ConfigCat: it has no object f")
        self.settings: dict[str, Fields] = document["f"]
        self.segments = [segment for _, segment in read_objects(document, "s", "document")]
        self.salt = str((document.get("p") or {}).get("s") or "")
        self.labels = list(_make_labels(self.segments))
        self._negated = set(_list_negated(self.settings))

    def translate_segment(self, index: int, label: str, names: Names) -> Definition:
        segment = self.segments[index]
        conditions = [
            translate_user_condition(each, self.salt, str(segment["n"]), f"s[{index}].r", is_unknown=True)
            for _, each in read_objects(segment, "r", f"s[{index}]")
        ]
        data: dict[str, Json] = {"key": names[label], "name": str(segment["n"])}
        if index in self._negated and len(conditions) > 1:
            comment = "Of a condition that cannot be evaluated, those after it do not count."
            return Definition(label, data | {"when": _stop_at_unknown(conditions)}, comment)
        return Definition(label, data | {"when": all_of(conditions)})


def _make_labels(segments: Sequence[Fields]) -> Iterator[str]:
    """The names of segments, which need not differ."""
    seen: set[str] = set()
    for index, segment in enumerate(segments):
        name = str(segment.get("n") or f"segment {index}")
        label = f"{name} {index}" if name in seen else name
        seen.add(label)
        yield label


def _list_negated(settings: Mapping[str, Fields]) -> Iterator[int]:
    for setting in settings.values():
        for rule in find_objects(setting, "r"):
            for condition in find_objects(rule, "c"):
                asked = condition.get("s")
                if isinstance(asked, dict) and asked.get("c") == 1 and isinstance(asked.get("s"), int):
                    yield asked["s"]


def _stop_at_unknown(conditions: Sequence[Json]) -> Json:
    """True, false or unknown as the first condition is that is not true."""
    parts = [conditions[0]]
    before = [negate(conditions[0])]
    for condition in conditions[1:]:
        parts.append({"any": [*before, condition]})
        before.append(negate(condition))
    return parts


class _Setting:
    def __init__(self, key: str, config: _Config, names: Names, segment_names: Names) -> None:
        self._key, self._config, self._names, self._segment_names = key, config, names, segment_names
        self._setting = require(config.settings[key], dict, f"f.{key}")
        self._variants = Variants()

    def translate(self) -> Definition:
        setting, path = self._setting, f"f.{self._key}"
        default = self._serve(setting, path)
        rules = [
            rule
            for index, (where, written) in enumerate(read_objects(setting, "r", path))
            for rule in self._translate_rule(written, where, f"rule {index + 1}")
        ]
        if setting.get("p"):
            rules.append(make_rule("percentage options", True, self._split(setting, path)))
        data = self._names.head(self._key) | {"variants": self._variants.write()}
        if "'scheme'" in repr(rules):
            data["unit"] = {"of": self._find_unit(), "missing": "exclude"}
        return Definition(self._key, data | {"rules": name_rules(rules), "default": default})

    def _find_unit(self) -> Json:
        name = self._setting.get("a") or "Identifier"
        return "user_id" if name == "Identifier" else unit_of(name)

    def _translate_rule(self, rule: Fields, path: str, name: str) -> Iterator[dict[str, Json]]:
        conditions = [
            self._translate_condition(condition, where) for where, condition in read_objects(rule, "c", path)
        ]
        if not conditions:  # everybody in JavaScript, nobody in Python
            raise Refused(f"{path}.c", "is empty, and ConfigCat's SDKs disagree on whom such a rule is for")
        if rule.get("s"):
            yield make_rule(name, all_of(conditions), self._serve(rule["s"], f"{path}.s"))
        else:
            yield make_rule(name, all_of(conditions), self._split(rule, path))

    def _translate_condition(self, condition: Fields, path: str) -> Json:
        if condition.get("u"):
            return translate_user_condition(condition["u"], self._config.salt, self._key, f"{path}.u")
        if condition.get("p"):
            return self._ask_setting(condition["p"], f"{path}.p")
        if condition.get("s"):
            asked = require(condition["s"], dict, f"{path}.s")
            index = require(asked.get("s"), int, f"{path}.s.s")
            if not 0 <= index < len(self._config.labels):
                raise Refused(f"{path}.s.s", "is no segment of the document")
            found: Json = {"segment": self._segment_names[self._config.labels[index]]}
            return negate(found) if _is_negated(asked, f"{path}.s") else found
        raise Refused(path, "is a condition of an unknown kind")

    def _ask_setting(self, asked: Fields, path: str) -> Json:
        """An unknown setting, or a value of another type, gives the caller's default."""
        other = self._config.settings.get(require(asked.get("f"), str, f"{path}.f"))
        if other is None:
            return "error"
        field, _ = _VALUES[require(other, dict, f"f.{asked['f']}")["t"]]
        if field not in require(asked.get("v"), dict, f"{path}.v"):
            return "error"
        holds = {"flag": self._names[asked["f"]], "value": _read_value(asked, other["t"], path)}
        return negate(holds) if _is_negated(asked, path) else holds

    def _serve(self, chosen: Fields, path: str) -> Json:
        value = _read_value(chosen, self._setting.get("t"), path)
        return serve(self._variants.add(chosen.get("i"), value, name_value(value)))

    def _split(self, holder: Fields, path: str) -> Json:
        arms: list[dict[str, Json]] = []
        end: float = 0
        for where, option in read_objects(holder, "p", path):
            start, end = end, end + require(option.get("p"), (int, float), f"{where}.p")
            if start < min(end, 100):
                arms.append({"to": min(end, 100), "serve": self._serve(option, where)})
        shard: dict[str, Json] = {"scheme": "sha1-mod", "prefix": self._key, "of": 100}
        if self._find_unit() != "user_id":
            shard["as"] = "json-text"
        return {"of": shard, "split": arms}


def _is_negated(asked: Fields, path: str) -> bool:
    if asked.get("c") not in (0, 1):
        raise Refused(f"{path}.c", f"{asked.get('c')} is not known")
    return bool(asked["c"])


def _read_value(chosen: Fields, kind: Json, path: str) -> Json:
    if kind not in _VALUES:
        raise Refused(path, f"is of the type {kind}, which is not known")
    field, types = _VALUES[kind]
    return require(require(chosen.get("v"), dict, f"{path}.v").get(field), types, f"{path}.v.{field}")
