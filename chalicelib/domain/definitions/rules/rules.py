"""Written rules as rules of the general form."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

from chalicelib.domain.bucketing import compute_upper_bounds
from chalicelib.domain.definitions.rules.conditions import translate_condition
from chalicelib.domain.definitions.rules.operands import read_unit
from chalicelib.domain.definitions.rules.shards import (
    make_half,
    read_scheme,
    translate_holdout,
    translate_layer,
    translate_traffic,
)
from chalicelib.domain.definitions.rules.syntax import (
    Json,
    Scope,
    require_fields,
    require_key,
    require_list,
)
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.general_form.schemes import SCHEMES
from chalicelib.domain.reasons import Reason
from chalicelib.domain.spelling import suggest

WORDS = ("default", "next", "none", "error")
"""What a rule may serve besides a variant. A variant of such a name is written ``{variant: default}``."""
MAX_RULES = 1_000
MAX_DEPTH = 20
MAX_WEIGHT = 10**9
RULE_FIELDS = ("id", "description", "when", "gates", "unit", "serve", "else")


class RuleTranslator:
    """``default`` is what the definition serves if no rule decides, in the general form.

    ``shares`` are the weights of the definition's own split, by variant; empty if there are none.
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
        if "variant" in serve:
            fields = require_fields(serve, path, ("variant", "enabled"))
            variant = self._require_variant(fields["variant"], f"{path}.variant")
            enabled = fields.get("enabled", is_inside)
            if not isinstance(enabled, bool):
                raise InvalidForm(f"{path}.enabled", "must be true or false")
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
        raise InvalidForm(path, "must have variant, split, flag, experiment or rules")

    def _translate_word(self, word: str, path: str, scope: Scope, reason: Reason, is_inside: bool) -> Json:
        if word == "split":
            if not self._shares:
                raise InvalidForm(path, "needs variants with weights, or {split: {…}} with its own")
            return self._split_by_shares(self._shares, scope, reason, is_inside)
        if word == "default" and not is_inside and "variant" in self._default:
            return self._default | {"reason": reason.value}
        if word in WORDS:
            return word
        return {"variant": self._require_variant(word, path), "reason": reason.value, "enabled": is_inside}

    def _require_variant(self, variant: Json, path: str) -> str:
        if not isinstance(variant, str) or variant not in self._scope.variants:
            known = [*self._scope.variants, *WORDS]
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
        if isinstance(fields["split"], dict):
            shares = read_weights(fields["split"], f"{path}.split")
            for variant in shares:
                self._require_variant(variant, f"{path}.split.{variant}")
            if "of" in fields:
                raise InvalidForm(f"{path}.of", "takes arms with ranges, not weights")
            return self._split_by_shares(shares, scope, _split_reason(reason), is_inside)
        shard = self._read_split_shard(fields, path, scope)
        arms, start = [], 0
        end = SCHEMES[shard["scheme"]].build(shard).end
        for index, arm in enumerate(require_list(fields["split"], f"{path}.split")):
            where = f"{path}.split[{index}]"
            parts = require_fields(arm, where, ("ranges", "to", "rest", "serve"))
            ranges = parts.get("ranges")
            if sum(name in parts for name in ("ranges", "to", "rest")) != 1 or "serve" not in parts:
                raise InvalidForm(where, "must have serve, and one of ranges, to, rest")
            if "to" in parts:
                ranges, start = [[start, parts["to"]]], parts["to"]
            elif "rest" in parts:
                ranges = [[start, end]]
            served = self._translate_serve(
                parts["serve"], f"{where}.serve", scope, _split_reason(reason), depth, is_inside=is_inside
            )
            arms.append({"ranges": ranges, "serve": served})
        return {"split": shard, "arms": arms}

    def _read_split_shard(self, fields: Mapping[str, Any], path: str, scope: Scope) -> Json:
        if "of" not in fields:
            return make_half(scope.prefix, "second", scope.unit, scope.missing)
        of = fields["of"]
        if not isinstance(of, dict) or "scheme" not in of:
            raise InvalidForm(f"{path}.of", "must be a shard, with scheme")
        return read_scheme(of, f"{path}.of", scope)

    def _split_by_shares(
        self, shares: Mapping[str, float], scope: Scope, reason: Reason, is_inside: bool
    ) -> Json:
        owners = [(variant, share) for variant, share in shares.items() if share > 0]
        if len(owners) == 1:
            return {"variant": owners[0][0], "reason": reason.value, "enabled": is_inside}
        start, arms = 0, []
        bounds = compute_upper_bounds([share for _, share in owners])
        for (variant, _), end in zip(owners, bounds, strict=True):
            served = {"variant": variant, "reason": reason.value, "enabled": is_inside}
            arms.append({"ranges": [[start, end]], "serve": served})
            start = end
        return {"split": make_half(scope.prefix, "second", scope.unit, scope.missing), "arms": arms}


def translate_gate(gate: Json, path: str, scope: Scope) -> Json:
    """Traffic, a layer, a holdout, or any condition."""
    if isinstance(gate, dict) and "traffic" in gate:
        return translate_traffic(gate, path, scope)
    if isinstance(gate, dict) and "layer" in gate:
        return translate_layer(gate, path, scope)
    if isinstance(gate, dict) and "holdout" in gate:
        return translate_holdout(gate, path, scope)
    return translate_condition(gate, path, scope)


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


def read_weights(weights: Mapping[str, Any], path: str) -> dict[str, float]:
    """Relative weights as shares: three weights of 1 are thirds. Percentages are weights too."""
    numbers = {variant: _read_weight(weight, f"{path}.{variant}") for variant, weight in weights.items()}
    total = sum(numbers.values())
    if not total:
        raise InvalidForm(path, "must have a weight above 0")
    return {variant: number / total for variant, number in numbers.items()}  # type: ignore[misc]


def _read_weight(weight: Json, path: str) -> Decimal:
    text = weight.strip().removesuffix("%") if isinstance(weight, str) else weight
    try:
        number = Decimal(str(text)) if type(text) in (str, int, float) else Decimal(-1)
    except InvalidOperation:
        number = Decimal(-1)
    if not 0 <= number < MAX_WEIGHT:  # NaN is not
        raise InvalidForm(path, "must be a weight: a number of at least 0")
    return number


def _find_reason(when: Json, gates: Sequence[Json]) -> Reason:
    if when is not True:
        return Reason.TARGETING_MATCH
    return Reason.SPLIT if gates else Reason.DEFAULT


def _split_reason(reason: Reason) -> Reason:
    return Reason.SPLIT if reason is Reason.DEFAULT else reason


def _can_be_undecided(serve: Json) -> bool:
    return isinstance(serve, dict) and not {"split", "rules", "experiment"}.isdisjoint(serve)
