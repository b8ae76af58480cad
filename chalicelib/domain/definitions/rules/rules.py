"""Written rules as rules of the general form."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from chalicelib.domain.definitions.rules.conditions import CONDITIONS, translate_condition
from chalicelib.domain.definitions.rules.shards import (
    translate_holdout,
    translate_layer,
    translate_traffic,
)
from chalicelib.domain.definitions.rules.splits import read_weights, split_by_shares, translate_arms
from chalicelib.domain.definitions.rules.syntax import (
    Json,
    Scope,
    require_boolean,
    require_fields,
    require_key,
    require_list,
    require_one_kind,
)
from chalicelib.domain.definitions.rules.units import read_unit
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.reasons import Reason
from chalicelib.domain.spelling import suggest

WORDS = ("default", "next", "none", "error")
"""What a rule may serve besides a variant. A variant of such a name is written ``{variant: default}``."""
MAX_RULES = 1_000
MAX_DEPTH = 20
SERVES = ("variant", "split", "rules", "flag", "experiment")
"""What an object in ``serve`` may have, one of them."""
RULE_FIELDS = ("id", "description", "when", "gates", "unit", "serve", "else")


class RuleTranslator:
    """``default`` is what the definition serves if no rule decides, in the general form.

    ``shares``: variant -> share of the flag's users, where the flag's variants have weights; else empty.
    """

    def __init__(self, scope: Scope, default: Json, shares: Mapping[str, float]) -> None:
        self._scope = scope
        self._default = default
        self._shares = shares

    def translate(self, rules: Json, path: str, depth: int = 1) -> list[Json]:
        if depth > MAX_DEPTH:
            raise InvalidForm(path, f"is nested more than {MAX_DEPTH} rules deep")
        if len(require_list(rules, path)) > MAX_RULES:
            raise InvalidForm(path, f"has more than {MAX_RULES:,} rules")
        ids: set[str] = set()
        forms = []
        for index, rule in enumerate(rules):
            where = f"{path}[{index}]"
            fields = require_fields(rule, where, RULE_FIELDS)
            rule_id = fields.get("id", f"rule {index + 1}")
            if not isinstance(rule_id, str) or not rule_id or rule_id in ids:
                raise InvalidForm(f"{where}.id", "must be text that no other rule has as its id")
            ids.add(rule_id)
            if not isinstance(fields.get("description", ""), str):
                raise InvalidForm(f"{where}.description", "must be text")
            forms.append(self._translate_rule(rule_id, fields, where, depth))
        return forms

    def _translate_rule(self, rule_id: str, fields: Mapping[str, Any], path: str, depth: int) -> Json:
        scope = self._scope
        if "unit" in fields:
            unit, missing = read_unit(fields["unit"], f"{path}.unit")
            scope = replace(scope, unit=unit, missing=scope.missing if missing is None else missing)
        if "serve" not in fields:
            raise InvalidForm(f"{path}.serve", "required: a variant, a split, or default, next, none")
        if "else" in fields and not fields.get("gates") and not _can_be_undecided(fields["serve"]):
            raise InvalidForm(f"{path}.else", "is never reached: the rule has no gates; remove it")
        when = fields.get("when", True)
        gates = [
            translate_gate(gate, f"{path}.gates[{index}]", scope)
            for index, gate in enumerate(require_list(fields.get("gates", []), f"{path}.gates"))
        ]
        reason = _find_reason(when, gates)
        form: dict[str, Json] = {"id": rule_id}
        if when is not True:
            form["when"] = translate_condition(when, f"{path}.when", scope)
        if gates:
            form["gates"] = gates
        form["serve"] = self._translate_serve(fields["serve"], f"{path}.serve", scope, reason, depth)
        if "else" in fields:
            form["else"] = self._translate_serve(
                fields["else"], f"{path}.else", scope, Reason.NOT_IN_ROLLOUT, depth, is_inside=False
            )
        return form

    def _translate_serve(
        self,
        serve: Json,
        path: str,
        scope: Scope,
        reason: Reason,
        depth: int,
        *,
        is_inside: bool = True,
    ) -> Json:
        if isinstance(serve, str):
            return self._translate_word(serve, path, scope, reason, is_inside)
        if not isinstance(serve, dict):
            raise InvalidForm(path, "must be a variant, default, next, none, error, or an object")
        require_one_kind(serve, SERVES, path, "a rule serves one thing")
        if "variant" in serve:
            fields = require_fields(serve, path, ("variant", "enabled"))
            variant = self._require_variant(fields["variant"], f"{path}.variant")
            enabled = require_boolean(fields.get("enabled", is_inside), f"{path}.enabled")
            return {"variant": variant, "reason": reason.value, "enabled": enabled}
        if "split" in serve:
            return self._translate_split(serve, path, scope, reason, depth, is_inside=is_inside)
        if "rules" in serve:
            rules = require_fields(serve, path, ("rules",))["rules"]
            return {"rules": self.translate(rules, f"{path}.rules", depth + 1)}
        if "flag" in serve:
            key = require_key(require_fields(serve, path, ("flag",))["flag"], f"{path}.flag")
            scope.references.flags.setdefault(key, f"{path}.flag")
            return {"def": key}
        if "experiment" in serve:
            key = require_key(
                require_fields(serve, path, ("experiment",))["experiment"], f"{path}.experiment"
            )
            scope.references.experiments.setdefault(key, f"{path}.experiment")
            return {"experiment": key}
        hint = next(filter(None, (suggest(name, SERVES) for name in serve)), "")
        raise InvalidForm(path, f"must have one of {', '.join(SERVES)}{hint}")

    def _translate_word(self, word: str, path: str, scope: Scope, reason: Reason, is_inside: bool) -> Json:
        if word == "split":
            if not self._shares:
                raise InvalidForm(path, "needs variants with weights, or {split: {…}} with its own")
            return split_by_shares(self._shares, path, scope, reason, is_inside)
        if word == "default" and not is_inside and "variant" in self._default:
            return self._default | {"reason": reason.value}
        if word in WORDS:
            return word
        variant = self._require_variant(word, path, WORDS)
        return {"variant": variant, "reason": reason.value, "enabled": is_inside}

    def _require_variant(self, variant: Json, path: str, words: tuple[str, ...] = ()) -> str:
        if not isinstance(variant, str) or variant not in self._scope.variants:
            known = [*self._scope.variants, *words]
            raise InvalidForm(path, f"must be one of {', '.join(known)}{suggest(variant, known)}")
        return variant

    def _translate_split(
        self,
        serve: Mapping[str, Any],
        path: str,
        scope: Scope,
        reason: Reason,
        depth: int,
        *,
        is_inside: bool,
    ) -> Json:
        """By weights of variants, or by arms on a shard of any scheme."""
        fields = require_fields(serve, path, ("split", "of"))
        reason = Reason.SPLIT if reason is Reason.DEFAULT else reason
        if not isinstance(fields["split"], dict):

            def translate_serve(arm: Json, where: str) -> Json:
                return self._translate_serve(arm, where, scope, reason, depth, is_inside=is_inside)

            return translate_arms(fields, path, scope, translate_serve)
        shares = read_weights(fields["split"], f"{path}.split")
        for variant in shares:
            self._require_variant(variant, f"{path}.split.{variant}")
        if "of" in fields:
            raise InvalidForm(f"{path}.of", "takes arms with ranges, not weights")
        return split_by_shares(shares, path, scope, reason, is_inside)


def translate_gate(gate: Json, path: str, scope: Scope) -> Json:
    """Traffic, a layer, a holdout, or any condition."""
    if isinstance(gate, dict):
        kinds = [name for name in (*GATES, *CONDITIONS) if name != "share" or "holdout" not in gate]
        require_one_kind(gate, kinds, path, "write a gate for each")
        for field, translate in GATES.items():
            if field in gate:
                return translate(gate, path, scope)
    return translate_condition(gate, path, scope)


GATES: Mapping[str, Callable[[Mapping[str, Any], str, Scope], Json]] = {
    "traffic": translate_traffic,
    "layer": translate_layer,
    "holdout": translate_holdout,
}
"""By the field that says what kind of gate it is; any condition is a gate too."""


def translate_default(serve: Json, path: str, scope: Scope, *, has_rules: bool) -> Json:
    """A variant, or ``none``: the caller's own default."""
    variant = serve.get("variant") if isinstance(serve, dict) and serve.keys() == {"variant"} else serve
    if variant == "none" and not isinstance(serve, dict):
        return "none"
    if not isinstance(variant, str) or variant not in scope.variants:
        known = [*scope.variants, "none"]
        raise InvalidForm(path, f"must be one of {', '.join(known)}{suggest(variant, known)}")
    reason = Reason.DEFAULT if has_rules else Reason.STATIC
    return {"variant": variant, "reason": reason.value, "enabled": False}


def _find_reason(when: Json, gates: Sequence[Json]) -> Reason:
    if when is not True:
        return Reason.TARGETING_MATCH
    return Reason.SPLIT if gates else Reason.DEFAULT


def _can_be_undecided(serve: Json) -> bool:
    return isinstance(serve, dict) and not {"split", "rules", "experiment"}.isdisjoint(serve)
