"""An experiment's document as two definitions of the general form, between which a stored row is read.

Gates: status and schedule → override → holdout → layer. Assignment: targeting → traffic → variant.
"""

from typing import Any

from chalicelib.domain.bucketing import compute_upper_bounds, make_prefix, share_to_buckets
from chalicelib.domain.definitions.schema import ExperimentDocument
from chalicelib.domain.reasons import Reason
from chalicelib.domain.targeting.compiler import Json, translate_rule
from chalicelib.domain.targeting.document import RulesDocument

EXCLUDED = "$excluded"
"""The variant of users who have none; no variant's key can hold a ``$``."""
_BY_STATUS = {"draft": Reason.DRAFT, "paused": Reason.PAUSED, "completed": Reason.COMPLETED}


def make_salt(document: ExperimentDocument) -> str:
    """A restart changes every bucket. No other experiment's salt can hold the slash."""
    salt = document.salt or document.key
    return salt if document.iteration == 1 else f"{salt}/{document.iteration}"


def translate_gates(document: ExperimentDocument) -> Json:
    """No value for users whom no gate stops."""
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
    if document.holdout:
        is_held_out = _shard("holdout", document.holdout.key, 0, document.holdout.share)
        rules.append({"id": "holdout", "when": is_held_out, "serve": _exclude(Reason.HOLDOUT)})
    if document.layer:
        layer = document.layer
        is_outside = {"not": _shard("layer", layer.key, layer.start, layer.end)}
        rules.append({"id": "layer", "when": is_outside, "serve": _exclude(Reason.NOT_IN_LAYER)})
    return _define(document, rules)


def translate_assignment(document: ExperimentDocument, rules: RulesDocument | None) -> Json:
    salt = make_salt(document)
    prefix = make_prefix("experiment", salt)
    is_targeted: Json = True
    if rules is not None:
        is_targeted = {"any": [translate_rule(rule, rules, salt, "user") for rule in rules.in_order()]}
    start, arms = 0, []
    ends = compute_upper_bounds([variant.allocation for variant in document.variants])
    for variant, end in zip(document.variants, ends, strict=True):
        arms.append({"ranges": [[start, end]], "serve": _serve(variant.key, Reason.ASSIGNED)})
        start = end
    traffic = {"scheme": "realtime-1", "prefix": prefix, "half": "first"}
    return _define(
        document,
        [
            {
                "id": "traffic",
                "when": is_targeted,
                "gates": [{"shard": traffic, "ranges": [[0, share_to_buckets(document.traffic_allocation)]]}],
                "serve": {"split": traffic | {"half": "second"}, "arms": arms},
                "else": _exclude(Reason.NOT_IN_TRAFFIC),
            },
            {"id": "not targeted", "serve": _exclude(Reason.NOT_TARGETED)},
        ],
    )


def _define(document: ExperimentDocument, rules: list[Json]) -> Json:
    variants: dict[str, Any] = {variant.key: {"value": variant.payload} for variant in document.variants}
    return {"variants": variants | {EXCLUDED: {"name": None}}, "rules": rules, "default": "none"}


def _shard(kind: Any, key: str, start: float, end: float) -> Json:
    shard = {"scheme": "realtime-1", "prefix": make_prefix(kind, key), "half": "first"}
    return {"shard": shard, "ranges": [[share_to_buckets(start), share_to_buckets(end)]]}


def _serve(variant: str, reason: Reason) -> Json:
    return {"variant": variant, "reason": reason.value}


def _exclude(reason: Reason) -> Json:
    return _serve(EXCLUDED, reason)
