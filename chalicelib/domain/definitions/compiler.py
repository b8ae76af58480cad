"""From a definition's document to the values that decide.

All that does not depend on the user is worked out here, once, when a definition is loaded: thresholds,
compiled rules, and every outcome that a decision can have.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from chalicelib.domain.bucketing import BUCKETS, Kind, cumulative, prefix, share_to_buckets, threshold
from chalicelib.domain.definitions import schema
from chalicelib.domain.definitions.model import (
    Decision,
    Evaluation,
    Experiment,
    Flag,
    Prerequisite,
    Slice,
    Split,
)
from chalicelib.domain.errors import InvalidInput, Problem
from chalicelib.domain.reasons import OPENFEATURE, Reason
from chalicelib.domain.targeting import InvalidRules, Rule, Rules, compile_rules, parse


def load_experiment(text: str, version: int = 0) -> Experiment:
    """The definition stored as JSON ``text``; raises InvalidInput with every problem's path."""
    return compile_experiment(parse_experiment(json.loads(text)), version)


def load_flag(text: str, version: int = 0) -> Flag:
    """The definition stored as JSON ``text``; raises InvalidInput with every problem's path."""
    return compile_flag(parse_flag(json.loads(text)), version)


def parse_experiment(data: object) -> schema.ExperimentDocument:
    try:
        document = schema.ExperimentDocument.model_validate(data)
    except ValidationError as error:
        raise _invalid("experiment", schema.problems(error)) from None
    _rules(document.targeting_rules, document.key, "experiment")
    return document


def parse_flag(data: object) -> schema.FlagDocument:
    try:
        document = schema.FlagDocument.model_validate(data)
    except ValidationError as error:
        raise _invalid("flag", schema.problems(error)) from None
    rules = _rules(document.targeting_rules, document.key, "flag")
    wrong = _rule_splits(rules, [variant.key for variant in document.variants])
    if wrong:
        raise _invalid("flag", wrong)
    return document


def compile_experiment(document: schema.ExperimentDocument, version: int = 0) -> Experiment:
    payloads = {variant.key: variant.payload for variant in document.variants}
    salt = document.salt or document.key
    if document.iteration > 1:
        # A restart on purpose: nobody keeps an old bucket. No other experiment's salt can hold the slash.
        salt = f"{salt}/{document.iteration}"

    def outcomes(reason: Reason) -> dict[str, Decision]:
        return {key: Decision(key, reason, payload) for key, payload in payloads.items()}

    overridden = outcomes(Reason.OVERRIDE)
    in_layer, in_holdout = document.layer, document.holdout
    layer = _slice("layer", in_layer.key, in_layer.start, in_layer.end) if in_layer else None
    holdout = _slice("holdout", in_holdout.key, 0.0, in_holdout.share) if in_holdout else None
    return Experiment(
        key=document.key,
        id=document.id or document.key,
        status=document.status,
        iteration=document.iteration,
        version=version,
        is_sticky=document.sticky,
        variants=payloads,
        split=_ranges([(variant.allocation, variant.key) for variant in document.variants]),
        assigned=outcomes(Reason.ASSIGNED),
        sticky=outcomes(Reason.STICKY),
        reassigned=outcomes(Reason.REASSIGNED),
        overrides={user: overridden[variant] for user, variant in document.overrides.items()},
        traffic=threshold(share_to_buckets(document.traffic_allocation)),
        prefix=prefix("experiment", salt),
        rules=_rules(document.targeting_rules, salt, "experiment"),
        layer=layer,
        holdout=holdout,
        start_at=_epoch(document.start_at),
        end_at=_epoch(document.end_at),
        metrics=frozenset(document.metrics),
        is_gated=document.status != "active"
        or bool(document.overrides or layer or holdout or document.start_at or document.end_at),
    )


def compile_flag(document: schema.FlagDocument, version: int = 0) -> Flag:
    salt = document.salt or document.key
    values = {variant.key: variant.value for variant in document.variants}
    texts = {key: json.dumps(value, separators=(",", ":")) for key, value in values.items()}
    off_variant = document.off_variant or document.default_variant
    tracked = threshold(share_to_buckets(document.tracking_sample))

    def answer(variant: str, reason: Reason, enabled: bool = False) -> Evaluation:
        key, text = document.key, texts[variant]
        # By hand, as keys need no escaping: a container compiles every flag before it serves one.
        encoded = (
            f'{{"flag_key":"{key}","enabled":{"true" if enabled else "false"},"variant":"{variant}",'
            f'"value":{text},"reason":"{reason}"}}'
        )
        return Evaluation(
            flag_key=key,
            enabled=enabled,
            variant=variant,
            value=values[variant],
            reason=reason,
            version=version,
            tracked=tracked,
            encoded=encoded,
            member=f'"{key}":{encoded}',
            openfeature=f'{{"key":"{key}","value":{text},"reason":"{OPENFEATURE[reason]}",'
            f'"variant":"{variant}","metadata":{{"reason":"{reason}","version":{version}}}}}',
        )

    def split(shares: Mapping[str, float], reason: Reason, alone: Reason) -> Split:
        owners = [(share, key) for key, share in shares.items() if share > 0]
        if len(owners) == 1:
            return Split(answer(owners[0][1], alone, True), ())
        return Split(None, tuple((upper, answer(key, reason, True)) for upper, key in _ranges(owners)))

    rules = _rules(document.targeting_rules, salt, "flag")
    partial = document.rollout_percentage < 100 or bool(document.rollout_schedule)
    by_rule = tuple(
        split(
            _rule_shares(rule.extra) or document.allocations(), Reason.TARGETING_MATCH, Reason.TARGETING_MATCH
        )
        for rule in _by_index(rules)
    )
    overridden = {key: answer(key, Reason.OVERRIDE, True) for key in values}
    everyone = split(document.allocations(), Reason.SPLIT, Reason.SPLIT if partial else Reason.STATIC)
    rollout = _percentage(document.rollout_percentage)
    plain = (
        document.enabled
        and document.bucket_by == "user_id"
        and not (document.overrides or document.prerequisites or document.rollout_schedule)
    )
    splits = by_rule if rules else (everyone,)
    inside = tuple(one.fixed for one in splits if one.fixed)
    is_quick = plain and 0 < rollout < threshold(BUCKETS) and len(inside) == len(splits)
    return Flag(
        key=document.key,
        id=document.id or document.key,
        type=document.type,
        variants=frozenset(values),
        version=version,
        enabled=document.enabled,
        off=answer(off_variant, Reason.DISABLED),
        prerequisite_failed=answer(off_variant, Reason.PREREQUISITE_FAILED),
        not_targeted=answer(document.default_variant, Reason.NOT_TARGETED),
        not_in_rollout=answer(document.default_variant, Reason.NOT_IN_ROLLOUT),
        overrides={user: overridden[variant] for user, variant in document.overrides.items()},
        rules=rules,
        by_rule=by_rule,
        everyone=everyone,
        rollout=rollout,
        rollout_steps=tuple(
            (step.at.timestamp(), _percentage(step.percentage)) for step in document.rollout_schedule
        ),
        prefix=prefix("flag", salt).encode(),
        bucket_by=document.bucket_by,
        prerequisites=tuple(
            Prerequisite(item.flag, frozenset(item.variants)) for item in document.prerequisites
        ),
        plain=plain,
        quick=inside if is_quick else (),
    )


def _ranges(shares: Sequence[tuple[float, str]]) -> tuple[tuple[int, str], ...]:
    uppers = cumulative([share for share, _ in shares])
    return tuple((threshold(upper), key) for upper, (_, key) in zip(uppers, shares, strict=True))


def _slice(kind: Kind, key: str, start: float, end: float) -> Slice:
    bounds = threshold(share_to_buckets(start)), threshold(share_to_buckets(end))
    return Slice(key, prefix(kind, key), *bounds)


def _percentage(percentage: float) -> int:
    return threshold(round(percentage * BUCKETS / 100))


def _epoch(at: datetime | None) -> float | None:
    return at.timestamp() if at else None


def _rules(data: object, salt: str, kind: str) -> Rules | None:
    if data is None:
        return None
    try:
        return compile_rules(parse(data), salt)
    except InvalidRules as error:
        raise _invalid(kind, tuple(problem.within("targeting_rules") for problem in error.problems)) from None


def _by_index(rules: Rules | None) -> tuple[Rule, ...]:
    """Every rule that can be returned, at its index; the default rule comes last."""
    if rules is None:
        return ()
    default = rules.document.default_rule
    return tuple(rule.rule for rule in (*rules.document.rules, *([default] if default else [])))


def _rule_shares(extra: Mapping[str, Any]) -> dict[str, float] | None:
    """A flag's rule may fix the variant (``variant``) or bring its own split (``allocation``)."""
    if "variant" in extra:
        return {str(extra["variant"]): 1.0}
    allocation = extra.get("allocation")
    return {str(key): float(share) for key, share in allocation.items()} if allocation else None


def _rule_splits(rules: Rules | None, variants: Sequence[str]) -> tuple[Problem, ...]:
    found = []
    for rule in _by_index(rules):
        is_default = rules and rule.index == len(rules.document.rules)
        path = f"targeting_rules.{'default_rule' if is_default else f'rules[{rule.index}]'}"
        allocation = rule.extra.get("allocation")
        if "variant" in rule.extra and rule.extra["variant"] not in variants:
            found.append(Problem(f"{path}.variant", f"must be one of {', '.join(variants)}"))
        elif allocation is not None and not _is_split(allocation, variants):
            found.append(Problem(f"{path}.allocation", "must map variants to shares that sum to 1"))
    return tuple(found)


def _is_split(allocation: object, variants: Sequence[str]) -> bool:
    if not isinstance(allocation, dict) or not set(allocation) <= set(variants):
        return False
    shares = list(allocation.values())
    numbers = all(type(share) in (int, float) and 0 <= share <= 1 for share in shares)
    return numbers and abs(sum(shares) - 1) <= 1e-9


def _invalid(kind: str, found: tuple[Problem, ...]) -> InvalidInput:
    return InvalidInput("invalid_definition", f"The {kind}'s definition is not valid.", found)
