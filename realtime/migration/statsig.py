"""Statsig: the specs that a server's SDK downloads, in the first format or `dcs-v2`.

Gates, configs, experiments and layers are flags; each has an alias of Statsig's kind and name, such as
`gate:checkout`. The first rule whose conditions hold decides: whom its percentage excludes gets the
default, by `else`. A rule that delegates serves another flag. Statsig hashes the empty text where a unit is
missing, so the bucket of a missing unit is a number that is known here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from realtime.migration.model import (
    Definition,
    ForeignDocument,
    Imported,
    Json,
    Names,
    Variants,
    all_of,
    serve,
    translate_each,
)
from realtime.migration.rule_parts import make_rule, name_rules, read_objects, read_variant, require
from realtime.migration.statsig_conditions import Conditions, make_unit

Fields = Mapping[str, Any]
_PERCENT_BUCKETS = 10_000
_USER_BUCKETS = 1_000
_LISTS = {"feature_gates": "gate", "dynamic_configs": "config", "layer_configs": "layer"}


def translate(documents: Sequence[Json], _options: Mapping[str, str]) -> Imported:
    specs: dict[str, Fields] = {}
    conditions: dict[str, Fields] = {}
    for document in documents:
        if not isinstance(document, dict) or not _LISTS.keys() & document.keys():
            raise ForeignDocument(f"is no document of Statsig: it has none of {', '.join(_LISTS)}")
        conditions |= require(document.get("condition_map") or {}, dict, "condition_map")
        for field, kind in _LISTS.items():
            for name, spec in _list_specs(document.get(field) or [], field):
                entity = spec.get("entity") if isinstance(spec, dict) else None
                is_experiment = kind == "config" and entity == "experiment"
                specs[f"{'experiment' if is_experiment else kind}:{name}"] = spec
    imported = Imported()
    names = Names(specs)
    translate_each(specs, imported, lambda name: [_Spec(name, specs, names, conditions).translate()])
    return imported


def _list_specs(specs: Json, field: str) -> Iterable[tuple[str, Fields]]:
    """With their names. What is no spec is refused where it is translated."""
    if isinstance(specs, dict):
        yield from specs.items()
        return
    for index, spec in enumerate(require(specs, list, field)):
        name = spec.get("name") if isinstance(spec, dict) else None
        yield (name if isinstance(name, str) else f"{field}[{index}]"), spec


class _Spec:
    def __init__(
        self, name: str, specs: Mapping[str, Fields], names: Names, conditions: Mapping[str, Fields]
    ) -> None:
        self._name, self._specs, self._names = name, specs, names
        self._spec = require(specs[name], dict, name)
        self._is_gate = name.startswith("gate:")
        self._is_experiment = name.startswith("experiment:")
        self._conditions = Conditions(specs, names, conditions, self._make_bucket_shard)
        self._variants = Variants()
        self._hashes_missing = False

    def translate(self) -> Definition:
        default = self._spec.get("defaultValue")
        if self._is_gate:
            self._on = serve(self._variants.add("on", True))
        off = ("off", False, "off") if self._is_gate else (None, default, "default")
        self._default = serve(self._variants.add(*off))
        rules: list[dict[str, Json]] = []
        for path, rule in read_objects(self._spec, "rules", self._name):
            rules += self._translate_rule(rule, path)
        data = self._names.head(self._name)
        data["variants"] = self._variants.write()
        if self._spec.get("enabled") is False:
            data |= {"enabled": False, "off_variant": read_variant(self._default)}
        data |= {"rules": name_rules(rules), "default": self._default}
        comment = ""
        if self._hashes_missing:
            comment = "Statsig hashes the empty text where a unit is missing: `bucket` is that text's."
        return Definition(self._name, data, comment)

    def _translate_rule(self, rule: Fields, path: str) -> Iterator[dict[str, Json]]:
        parts = [
            self._conditions.translate(condition, f"{path}.conditions[{index}]")
            for index, condition in enumerate(require(rule.get("conditions") or [], list, path))
        ]
        when = all_of(parts)
        name = str(rule.get("name") or rule["id"])
        delegate = rule.get("configDelegate")
        found = [
            f"{kind}:{delegate}" for kind in ("experiment", "config") if f"{kind}:{delegate}" in self._specs
        ]
        if delegate and found:
            yield make_rule(name, when, {"flag": self._names[found[0]]})
            return
        percentage = require(rule.get("passPercentage"), (int, float), f"{path}.passPercentage")
        passed, failed = self._serve_passed(rule), self._serve_failed(rule)
        if percentage <= 0:
            yield make_rule(name, when, failed)
        elif percentage >= 100:
            yield make_rule(name, when, passed)
        else:
            gate = self._make_percentage_gate(rule, percentage)
            yield make_rule(name, when, passed, gates=[gate]) | {"else": failed}

    def _serve_passed(self, rule: Fields) -> Json:
        if self._is_gate:
            return self._on
        return serve(self._variants.add(rule.get("groupName"), rule.get("returnValue"), _name_variant(rule)))

    def _serve_failed(self, rule: Fields) -> Json:
        """The default; an experiment tells the name of the group all the same."""
        group = rule.get("groupName")
        if not self._is_experiment or group is None or rule.get("passPercentage") == 100:
            return "default"
        return serve(self._variants.add(group, self._spec.get("defaultValue"), f"{group} failed"))

    def _make_percentage_gate(self, rule: Fields, percentage: float) -> Json:
        salt = f"{self._spec.get('salt') or ''}.{rule.get('salt') or rule['id']}."
        end = percentage * 100
        below = int(end) if end == int(end) else end
        shard = self._make_shard(salt, _PERCENT_BUCKETS, rule.get("idType"))
        return {**shard, "below": below}

    def _make_bucket_shard(self, salt: str, id_type: Json) -> dict[str, Json]:
        return self._make_shard(f"{salt}.", _USER_BUCKETS, id_type)

    def _make_shard(self, prefix: str, buckets: int, id_type: Json) -> dict[str, Json]:
        shard: dict[str, Json] = {"scheme": "sha256-mod", "prefix": prefix, "of": buckets}
        unit = make_unit(id_type)
        if unit != "user_id":
            shard |= {"unit": unit, "as": "canonical"}
            self._hashes_missing = True
        missing = int.from_bytes(sha256(prefix.encode()).digest()[:8]) % buckets
        return shard | {"missing": {"bucket": missing}}


def _name_variant(rule: Fields) -> str | None:
    return str(rule["id"]) if rule.get("groupName") is None else None
