"""A flag's document as a definition of the general form: disabled → override → prerequisites → targeting →
rollout → variant."""

from collections.abc import Mapping, Sequence

from chalicelib.domain.bucketing import BUCKETS, make_prefix
from chalicelib.domain.definitions.rules.rules import RuleTranslator, translate_default
from chalicelib.domain.definitions.rules.shards import make_half, require_bucket, shard_of_shares
from chalicelib.domain.definitions.rules.splits import divide
from chalicelib.domain.definitions.rules.syntax import References, Scope
from chalicelib.domain.definitions.rules.units import read_unit
from chalicelib.domain.definitions.schema import FlagDocument
from chalicelib.domain.definitions.variants import FlagVariantDocument
from chalicelib.domain.reasons import Reason
from chalicelib.domain.targeting.compiler import Json, translate_rule
from chalicelib.domain.targeting.document import RulesDocument, TargetingRule


def translate_flag(
    document: FlagDocument, rules: RulesDocument | None, references: References | None = None
) -> Json:
    """Raises InvalidForm for a mistake in ``document.rules``. ``references`` gets what they refer to."""
    return _FlagForm(document, references).translate(rules)


def list_flag_references(document: FlagDocument) -> References:
    """What the flag's rules refer to. Raises InvalidForm."""
    form = _FlagForm(document)
    form.translate_rules()
    return form.scope.references


class _FlagForm:
    def __init__(self, document: FlagDocument, references: References | None = None) -> None:
        self._document = document
        salt = document.salt or document.key
        unit, missing = _translate_unit(document.bucket_by), "error"
        if document.unit is not None:
            unit, written = read_unit(document.unit, "unit")
            missing = written or missing
            if document.rules is None or document.layer or document.holdout:
                require_bucket(missing, BUCKETS, "unit.missing")
        variants = {variant.key: _define_variant(variant) for variant in document.variants}
        self.scope = Scope(
            salt, make_prefix("flag", salt), unit, missing, variants, references or References()
        )
        self._off = document.off_variant or document.default_variant
        self._shares = document.compute_allocations()

    def translate(self, rules: RulesDocument | None) -> Json:
        document = self._document
        default = self._translate_default()
        if not document.enabled:
            off = _serve(self._off, Reason.DISABLED) if self._off else self._exclude(Reason.DISABLED)
            decisive = [{"id": "disabled", "serve": off}]
        else:
            deciding = self._translate_short_form(rules) if document.rules is None else self.translate_rules()
            decisive = [*self._translate_before(), *deciding]
        return {"variants": self.scope.variants, "rules": decisive, "default": default}

    def translate_rules(self) -> list[Json]:
        translator = RuleTranslator(self.scope, self._translate_default(), self._shares)
        return translator.translate(self._document.rules or [], "rules")

    def _translate_default(self) -> Json:
        """What is served if no rule decides. The short form always decides."""
        document = self._document
        if document.rules is None:
            return "none"
        if document.default is None:
            reason = Reason.DEFAULT if document.rules else Reason.STATIC
            return _serve(document.default_variant, reason) if document.default_variant else "none"
        return translate_default(document.default, "default", self.scope, has_rules=bool(document.rules))

    def _translate_before(self) -> list[Json]:
        """What decides before rules and targeting."""
        document = self._document
        exclusions: list[Json] = []
        if document.end_at:
            is_over = {"test": "ge", "of": "now", "value": document.end_at.timestamp()}
            exclusions.append({"id": "ended", "when": is_over, "serve": self._exclude(Reason.ENDED)})
        exclusions += [*self._translate_overrides(), *self._translate_prerequisites()]
        unit, missing = self.scope.unit, self.scope.missing
        if document.holdout:
            bounds = 0.0, document.holdout.share
            is_held_out = shard_of_shares("holdout", document.holdout.key, *bounds, unit, missing)
            exclusions.append({"id": "holdout", "when": is_held_out, "serve": self._exclude(Reason.HOLDOUT)})
        if document.layer:
            layer = document.layer
            is_inside = shard_of_shares("layer", layer.key, layer.start, layer.end, unit, missing)
            served = self._exclude(Reason.NOT_IN_LAYER)
            exclusions.append({"id": "layer", "when": {"not": is_inside}, "serve": served})
        return exclusions

    def _exclude(self, reason: Reason) -> Json:
        default = self._translate_default()
        if isinstance(default, dict) and "variant" in default:
            return default | {"reason": reason.value}
        return _serve(self._document.default_variant, reason) if self._document.default_variant else "default"

    def _translate_short_form(self, rules: RulesDocument | None) -> list[Json]:
        document = self._document
        if rules is None:
            is_partial = (
                document.rollout_percentage < 100
                or bool(document.rollout_schedule)
                or document.rollout_ramp is not None
            )
            alone = Reason.SPLIT if is_partial else Reason.STATIC
            return self._roll_out("everybody", True, self._serve(self._shares, Reason.SPLIT, alone))
        targeted = [
            rule for targeting in rules.in_order() for rule in self._translate_targeting(targeting, rules)
        ]
        return [
            *targeted,
            {"id": "not targeted", "serve": _serve(document.default_variant, Reason.NOT_TARGETED)},
        ]

    def _translate_targeting(self, rule: TargetingRule, rules: RulesDocument) -> list[Json]:
        condition = translate_rule(rule, rules, self.scope.salt, self.scope.unit)
        shares = _read_shares(rule) or self._shares
        reason = Reason.TARGETING_MATCH
        return self._roll_out(f"rule {rule.rule.id}", condition, self._serve(shares, reason, reason))

    def _roll_out(self, rule_id: str, when: Json, serve: Json) -> list[Json]:
        """One rule for each step of the schedule."""
        outside = _serve(self._document.default_variant, Reason.NOT_IN_ROLLOUT)
        ramp = self._document.rollout_ramp
        if ramp:
            below = {
                "from": [ramp.start.timestamp(), _to_buckets(ramp.from_)],
                "to": [ramp.end.timestamp(), _to_buckets(ramp.to)],
            }
            gate = {"shard": self._shard("first"), "below": below}
            return [{"id": rule_id, "when": when, "gates": [gate], "serve": serve, "else": outside}]
        return [
            {"id": rule_id, "when": _both(when, time), **self._gate(buckets, serve, outside)}
            for time, buckets in self._list_steps()
        ]

    def _gate(self, buckets: int, serve: Json, outside: Json) -> Json:
        if buckets == 0:
            return {"serve": outside}
        if buckets == BUCKETS:  # 0 and 100 % need no unit
            return {"serve": serve}
        gate = {"shard": self._shard("first"), "ranges": [[0, buckets]]}
        return {"gates": [gate], "serve": serve, "else": outside}

    def _list_steps(self) -> list[tuple[Json, int]]:
        """When each percentage is in force, latest first, and its number of buckets."""
        steps = [
            ({"test": "ge", "of": "now", "value": step.at.timestamp()}, _to_buckets(step.percentage))
            for step in reversed(self._document.rollout_schedule)
        ]
        return [*steps, (True, _to_buckets(self._document.rollout_percentage))]

    def _serve(self, shares: Mapping[str, float], reason: Reason, alone: Reason) -> Json:
        """``alone``: the reason if one variant has everything."""
        is_alone = sum(share > 0 for share in shares.values()) == 1

        def serve(variant: str) -> Json:
            return _serve(variant, alone if is_alone else reason, is_inside=True)

        return divide(shares, serve, lambda: self._shard("second"))

    def _shard(self, half: str) -> Json:
        return make_half(self.scope.prefix, half, self.scope.unit, self.scope.missing)

    def _translate_overrides(self) -> list[Json]:
        users: dict[str, list[str]] = {}
        for user, variant in self._document.overrides.items():
            users.setdefault(variant, []).append(user)
        return [
            {
                "id": "override",
                "when": {"test": "in", "of": "user", "value": names},
                "serve": _serve(variant, Reason.OVERRIDE, is_inside=True),
            }
            for variant, names in users.items()
        ]

    def _translate_prerequisites(self) -> list[Json]:
        return [
            {
                "id": f"prerequisite {prerequisite.flag}",
                "when": {"not": _has_variant(prerequisite.flag, prerequisite.variants)},
                "serve": _serve(self._off, Reason.PREREQUISITE_FAILED) if self._off else "default",
            }
            for prerequisite in self._document.prerequisites
        ]


def get_rollout_percentage(document: FlagDocument, now: float) -> float:
    percentage = document.rollout_percentage
    for step in document.rollout_schedule:
        if now >= step.at.timestamp():
            percentage = step.percentage
    return percentage


def _translate_unit(attribute: str) -> Json:
    """``a.b`` is the attribute ``a.b`` if there is one, else ``b`` of the object ``a``."""
    if attribute == "user_id":
        return "user"
    if "." not in attribute:
        return {"attr": attribute}
    return {"first": [{"attr": attribute}, {"attr": attribute.split(".")}]}


def _has_variant(flag: str, variants: Sequence[str]) -> Json:
    operand = {"flag": flag, "get": "id", "unknown": "missing"}
    return {"test": "in", "of": operand, "value": list(variants)}


def _serve(variant: str, reason: Reason, *, is_inside: bool = False) -> Json:
    return {"variant": variant, "reason": reason.value, "enabled": is_inside}


def _define_variant(variant: FlagVariantDocument) -> Json:
    """``name: null`` tells callers no name."""
    name = {"name": variant.name} if "name" in variant.model_fields_set else {}
    return {"value": variant.value, **name}


def _both(first: Json, second: Json) -> Json:
    if first is True:
        return second
    return first if second is True else {"all": [second, first]}


def _to_buckets(percentage: float) -> int:
    return round(percentage * BUCKETS / 100)


def _read_shares(rule: TargetingRule) -> dict[str, float] | None:
    """A flag's rule may fix the variant (``variant``) or bring its own split (``allocation``)."""
    extra = rule.rule.extra
    if "variant" in extra:
        return {str(extra["variant"]): 1.0}
    allocation = extra.get("allocation")
    return {str(key): float(share) for key, share in allocation.items()} if allocation else None
