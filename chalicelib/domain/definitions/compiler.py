"""Compiles a definition's document into the values that decide.

It computes once, when a definition is loaded, all that does not depend on the user: thresholds, compiled
rules, and every outcome that a decision can have.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from chalicelib.domain.bucketing import (
    BUCKETS,
    Kind,
    compute_threshold,
    compute_upper_bounds,
    make_prefix,
    share_to_buckets,
)
from chalicelib.domain.definitions import schema
from chalicelib.domain.definitions.answers import FlagAnswers
from chalicelib.domain.definitions.model import (
    Decision,
    Experiment,
    Flag,
    Prerequisite,
    Slice,
    Split,
)
from chalicelib.domain.definitions.schema_errors import list_problems
from chalicelib.domain.errors import InvalidInput, Problem
from chalicelib.domain.reasons import Reason
from chalicelib.domain.spelling import suggest
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
        raise _make_error("experiment", list_problems(error, schema.ExperimentDocument)) from None
    _compile_rules(document.targeting_rules, document.key, "experiment")
    return document


def parse_flag(data: object) -> schema.FlagDocument:
    try:
        document = schema.FlagDocument.model_validate(data)
    except ValidationError as error:
        raise _make_error("flag", list_problems(error, schema.FlagDocument)) from None
    rules = _compile_rules(document.targeting_rules, document.key, "flag")
    problems = _check_rule_splits(rules, [variant.key for variant in document.variants])
    if problems:
        raise _make_error("flag", problems)
    return document


def compile_experiment(document: schema.ExperimentDocument, version: int = 0) -> Experiment:
    payloads = {variant.key: variant.payload for variant in document.variants}
    salt = document.salt or document.key
    if document.iteration > 1:
        # A new iteration gives users new buckets. No salt of another experiment can contain the slash.
        salt = f"{salt}/{document.iteration}"

    def make_decisions(reason: Reason) -> dict[str, Decision]:
        return {key: Decision(key, reason, payload) for key, payload in payloads.items()}

    overrides = make_decisions(Reason.OVERRIDE)
    layer, holdout = document.layer, document.holdout
    return Experiment(
        key=document.key,
        id=document.id or document.key,
        status=document.status,
        iteration=document.iteration,
        version=version,
        is_sticky=document.sticky,
        variants=payloads,
        split=_compile_ranges([(variant.allocation, variant.key) for variant in document.variants]),
        assigned=make_decisions(Reason.ASSIGNED),
        sticky=make_decisions(Reason.STICKY),
        reassigned=make_decisions(Reason.REASSIGNED),
        overrides={user: overrides[variant] for user, variant in document.overrides.items()},
        traffic=compute_threshold(share_to_buckets(document.traffic_allocation)),
        prefix=make_prefix("experiment", salt),
        rules=_compile_rules(document.targeting_rules, salt, "experiment"),
        layer=_compile_slice("layer", layer.key, layer.start, layer.end) if layer else None,
        holdout=_compile_slice("holdout", holdout.key, 0.0, holdout.share) if holdout else None,
        start_at=_to_epoch(document.start_at),
        end_at=_to_epoch(document.end_at),
        metrics=frozenset(document.metrics),
        is_gated=document.status != "active"
        or bool(document.overrides or layer or holdout or document.start_at or document.end_at),
    )


def compile_flag(document: schema.FlagDocument, version: int = 0) -> Flag:
    salt = document.salt or document.key
    answers = FlagAnswers(document, version)
    shares = document.compute_allocations()
    rules = _compile_rules(document.targeting_rules, salt, "flag")
    by_rule = tuple(
        _compile_split(_read_rule_shares(rule.extra) or shares, answers, Reason.TARGETING_MATCH)
        for rule in _list_by_index(rules)
    )
    is_partial = document.rollout_percentage < 100 or bool(document.rollout_schedule)
    everyone = _compile_split(shares, answers, Reason.SPLIT, None if is_partial else Reason.STATIC)
    is_plain = (
        document.enabled
        and document.bucket_by == "user_id"
        and not (document.overrides or document.prerequisites or document.rollout_schedule)
    )
    rollout = _compile_percentage(document.rollout_percentage)
    splits = by_rule if rules else (everyone,)
    single_answers = tuple(split.fixed for split in splits if split.fixed)
    has_single_answers = (
        is_plain and 0 < rollout < compute_threshold(BUCKETS) and len(single_answers) == len(splits)
    )
    off_variant = document.off_variant or document.default_variant
    variants = [variant.key for variant in document.variants]
    overrides = {variant: answers.make(variant, Reason.OVERRIDE, enabled=True) for variant in variants}
    return Flag(
        key=document.key,
        id=document.id or document.key,
        type=document.type,
        variants=frozenset(variants),
        version=version,
        enabled=document.enabled,
        off=answers.make(off_variant, Reason.DISABLED),
        prerequisite_failed=answers.make(off_variant, Reason.PREREQUISITE_FAILED),
        not_targeted=answers.make(document.default_variant, Reason.NOT_TARGETED),
        not_in_rollout=answers.make(document.default_variant, Reason.NOT_IN_ROLLOUT),
        overrides={user: overrides[variant] for user, variant in document.overrides.items()},
        rules=rules,
        by_rule=by_rule,
        everyone=everyone,
        rollout=rollout,
        rollout_steps=tuple(
            (step.at.timestamp(), _compile_percentage(step.percentage)) for step in document.rollout_schedule
        ),
        prefix=make_prefix("flag", salt).encode(),
        bucket_by=document.bucket_by,
        prerequisites=tuple(
            Prerequisite(prerequisite.flag, frozenset(prerequisite.variants))
            for prerequisite in document.prerequisites
        ),
        is_plain=is_plain,
        single_answers=single_answers if has_single_answers else (),
    )


def _compile_split(
    shares: Mapping[str, float], answers: FlagAnswers, reason: Reason, reason_alone: Reason | None = None
) -> Split:
    """``reason_alone`` replaces ``reason`` if one variant has everything."""
    owners = [(share, variant) for variant, share in shares.items() if share > 0]
    if len(owners) == 1:
        return Split(answers.make(owners[0][1], reason_alone or reason, enabled=True), ())
    ranges = _compile_ranges(owners)
    return Split(None, tuple((upper, answers.make(key, reason, enabled=True)) for upper, key in ranges))


def _compile_ranges(shares: Sequence[tuple[float, str]]) -> tuple[tuple[int, str], ...]:
    uppers = compute_upper_bounds([share for share, _ in shares])
    return tuple((compute_threshold(upper), key) for upper, (_, key) in zip(uppers, shares, strict=True))


def _compile_slice(kind: Kind, key: str, start: float, end: float) -> Slice:
    bounds = compute_threshold(share_to_buckets(start)), compute_threshold(share_to_buckets(end))
    return Slice(key, make_prefix(kind, key), *bounds)


def _compile_percentage(percentage: float) -> int:
    return compute_threshold(round(percentage * BUCKETS / 100))


def _to_epoch(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


def _compile_rules(data: object, salt: str, kind: str) -> Rules | None:
    if data is None:
        return None
    try:
        return compile_rules(parse(data), salt)
    except InvalidRules as error:
        raise _make_error(
            kind, tuple(problem.with_prefix("targeting_rules") for problem in error.problems)
        ) from None


def _list_by_index(rules: Rules | None) -> tuple[Rule, ...]:
    """Each rule at the index that a match returns; the default rule is last."""
    if rules is None:
        return ()
    default = rules.document.default_rule
    return tuple(rule.rule for rule in (*rules.document.rules, *([default] if default else [])))


def _read_rule_shares(extra: Mapping[str, Any]) -> dict[str, float] | None:
    """The split of a flag's rule with a ``variant`` or an ``allocation``; None without either."""
    if "variant" in extra:
        return {str(extra["variant"]): 1.0}
    allocation = extra.get("allocation")
    return {str(key): float(share) for key, share in allocation.items()} if allocation else None


def _check_rule_splits(rules: Rules | None, variants: Sequence[str]) -> tuple[Problem, ...]:
    problems = []
    for rule in _list_by_index(rules):
        is_default = rules and rule.index == len(rules.document.rules)
        path = f"targeting_rules.{'default_rule' if is_default else f'rules[{rule.index}]'}"
        allocation = rule.extra.get("allocation")
        if "variant" in rule.extra and rule.extra["variant"] not in variants:
            hint = suggest(rule.extra["variant"], variants)
            problems.append(Problem(f"{path}.variant", f"must be one of {', '.join(variants)}{hint}"))
        elif allocation is not None and not _is_split(allocation, variants):
            keys = allocation if isinstance(allocation, dict) else ()
            hint = next((suggest(key, variants) for key in keys if key not in variants), "")
            message = f"must map variants to shares that sum to 1{hint}"
            problems.append(Problem(f"{path}.allocation", message))
    return tuple(problems)


def _is_split(allocation: object, variants: Sequence[str]) -> bool:
    if not isinstance(allocation, dict) or not set(allocation) <= set(variants):
        return False
    shares = list(allocation.values())
    are_shares = all(type(share) in (int, float) and 0 <= share <= 1 for share in shares)
    return are_shares and abs(sum(shares) - 1) <= 1e-9


def _make_error(kind: str, problems: tuple[Problem, ...]) -> InvalidInput:
    return InvalidInput("invalid_definition", f"The {kind}'s definition is not valid.", problems)
