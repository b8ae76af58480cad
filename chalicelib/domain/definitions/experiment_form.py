"""An experiment's document as two definitions of the general form, between which a stored row is read.

Gates: status and schedule → override → holdout → layer. Assignment: targeting → traffic → variant.
"""

from typing import Any

from chalicelib.domain.bucketing import BUCKETS, make_prefix, share_to_buckets
from chalicelib.domain.definitions.rules.conditions import translate_condition
from chalicelib.domain.definitions.rules.rules import translate_gate
from chalicelib.domain.definitions.rules.shards import make_half, require_bucket, shard_of_shares
from chalicelib.domain.definitions.rules.splits import divide
from chalicelib.domain.definitions.rules.syntax import References, Scope
from chalicelib.domain.definitions.rules.units import read_unit
from chalicelib.domain.definitions.schema import ExperimentDocument
from chalicelib.domain.reasons import Reason
from chalicelib.domain.targeting.compiler import Json, translate_rule
from chalicelib.domain.targeting.document import RulesDocument

EXCLUDED = "$excluded"
"""The variant of users who have none; no variant's key can hold a ``$``."""
_BY_GATE = {"holdout": Reason.HOLDOUT, "layer": Reason.NOT_IN_LAYER}
_BY_STATUS = {"draft": Reason.DRAFT, "paused": Reason.PAUSED, "completed": Reason.COMPLETED}


def make_salt(document: ExperimentDocument) -> str:
    """A restart changes every bucket. No other experiment's salt can hold the slash."""
    salt = document.salt or document.key
    return salt if document.iteration == 1 else f"{salt}/{document.iteration}"


def make_scope(document: ExperimentDocument) -> Scope:
    """Raises InvalidForm for a mistake in ``document.unit``."""
    unit, missing = ("user", None) if document.unit is None else read_unit(document.unit, "unit")
    require_bucket(missing, BUCKETS, "unit.missing")
    salt = make_salt(document)
    return Scope(salt, make_prefix("experiment", salt), unit, missing or "error", {}, References())


def is_gated(document: ExperimentDocument) -> bool:
    return document.status != "active" or bool(
        document.overrides or document.layer or document.holdout or document.start_at or document.end_at
    )


def translate_gates(document: ExperimentDocument) -> Json:
    """No value for users whom no gate stops."""
    if document.serve:
        return _define(document, [{"id": "winner", "serve": _serve(document.serve, Reason.WINNER)}])
    if document.status != "active":
        return _define(document, [{"id": "status", "serve": _exclude(_BY_STATUS[document.status])}])
    rules: list[Json] = []
    if document.start_at:
        is_before = {"test": "lt", "of": "now", "value": document.start_at.timestamp()}
        rules.append({"id": "schedule", "when": is_before, "serve": _exclude(Reason.NOT_STARTED)})
    if document.end_at:
        is_after = {"test": "ge", "of": "now", "value": document.end_at.timestamp()}
        rules.append({"id": "schedule", "when": is_after, "serve": _exclude(Reason.ENDED)})
    users: dict[str, list[str]] = {}
    for user, variant in document.overrides.items():
        users.setdefault(variant, []).append(user)
    for variant, names in users.items():
        is_named = {"test": "in", "of": "user", "value": names}
        rules.append({"id": "override", "when": is_named, "serve": _serve(variant, Reason.OVERRIDE)})
    scope = make_scope(document)
    if document.holdout:
        holdout = document.holdout
        is_held_out = shard_of_shares("holdout", holdout.key, 0, holdout.share, scope.unit, scope.missing)
        rules.append({"id": "holdout", "when": is_held_out, "serve": _exclude(Reason.HOLDOUT)})
    if document.layer:
        layer = document.layer
        is_inside = shard_of_shares("layer", layer.key, layer.start, layer.end, scope.unit, scope.missing)
        rules.append({"id": "layer", "when": {"not": is_inside}, "serve": _exclude(Reason.NOT_IN_LAYER)})
    return _define(document, rules)


def translate_assignment(
    document: ExperimentDocument, rules: RulesDocument | None, scope: Scope | None = None
) -> Json:
    """Raises InvalidForm for a mistake in ``when`` or ``gates``; ``scope`` collects what they refer to."""
    scope = scope or make_scope(document)
    audiences = [
        ("traffic", True if document.when is True else translate_condition(document.when, "when", scope))
    ]
    if rules is not None:
        audiences = [
            (f"rule {rule.rule.id}", translate_rule(rule, rules, scope.salt, scope.unit))
            for rule in rules.in_order()
        ]
    gates = [
        {
            "id": f"gate {index + 1}",
            "when": {"not": translate_gate(gate, f"gates[{index}]", scope)},
            "serve": _exclude(_name_gate(gate)),
        }
        for index, gate in enumerate(document.gates)
    ]
    traffic = make_half(scope.prefix, "first", scope.unit, scope.missing)
    split = divide(
        document.compute_allocations(),
        lambda variant: _serve(variant, Reason.ASSIGNED),
        lambda: traffic | {"half": "second"},
    )
    assigning = {
        "gates": [{"shard": traffic, "ranges": [[0, share_to_buckets(document.traffic_allocation)]]}],
        "serve": split,
        "else": _exclude(Reason.NOT_IN_TRAFFIC),
    }
    return _define(
        document,
        [
            *gates,
            *({"id": rule_id, "when": when} | assigning for rule_id, when in audiences),
            {"id": "not targeted", "serve": _exclude(Reason.NOT_TARGETED)},
        ],
    )


def _name_gate(gate: Json) -> Reason:
    """Why whom the written gate stops is not in the experiment."""
    fields = gate if isinstance(gate, dict) else {}
    return next((reason for field, reason in _BY_GATE.items() if field in fields), Reason.NOT_IN_TRAFFIC)


def _define(document: ExperimentDocument, rules: list[Json]) -> Json:
    variants: dict[str, Any] = {variant.key: {"value": variant.payload} for variant in document.variants}
    return {"variants": variants | {EXCLUDED: {"name": None}}, "rules": rules, "default": "none"}


def _serve(variant: str, reason: Reason) -> Json:
    return {"variant": variant, "reason": reason.value}


def _exclude(reason: Reason) -> Json:
    return _serve(EXCLUDED, reason)
