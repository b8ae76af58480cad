"""From a definition's document to the values that decide.

A document is checked when it is loaded. It is written in the general form and compiled at its first decision.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from pydantic import ValidationError

from chalicelib.domain.bucketing import compute_threshold, compute_upper_bounds
from chalicelib.domain.definitions import schema
from chalicelib.domain.definitions.answers import FlagAnswers
from chalicelib.domain.definitions.experiment_form import make_salt, translate_assignment, translate_gates
from chalicelib.domain.definitions.flag_form import translate_flag
from chalicelib.domain.definitions.model import Decision, Experiment, Flag
from chalicelib.domain.definitions.schema_errors import list_problems
from chalicelib.domain.errors import InvalidInput, Problem
from chalicelib.domain.general_form.compiler import Variant
from chalicelib.domain.general_form.definition import LazyDefinition
from chalicelib.domain.reasons import Reason
from chalicelib.domain.spelling import suggest
from chalicelib.domain.targeting import InvalidRules, RulesDocument, parse


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
    _parse_rules(document, "experiment")
    return document


def parse_flag(data: object) -> schema.FlagDocument:
    try:
        document = schema.FlagDocument.model_validate(data)
    except ValidationError as error:
        raise _make_error("flag", list_problems(error, schema.FlagDocument)) from None
    rules = _parse_rules(document, "flag")
    problems = _check_rule_splits(rules, [variant.key for variant in document.variants])
    if problems:
        raise _make_error("flag", problems)
    return document


def compile_experiment(document: schema.ExperimentDocument, version: int = 0) -> Experiment:
    payloads = {variant.key: variant.payload for variant in document.variants}

    def make_decisions(reason: Reason) -> dict[str, Decision]:
        return {key: Decision(key, reason, payload) for key, payload in payloads.items()}

    uppers = compute_upper_bounds([variant.allocation for variant in document.variants])
    return Experiment(
        key=document.key,
        id=document.id or document.key,
        status=document.status,
        iteration=document.iteration,
        version=version,
        is_sticky=document.sticky,
        salt=make_salt(document),
        variants=payloads,
        split=tuple(zip(map(compute_threshold, uppers), payloads, strict=True)),
        sticky=make_decisions(Reason.STICKY),
        reassigned=make_decisions(Reason.REASSIGNED),
        metrics=frozenset(document.metrics),
        gates=_compile_gates(document),
        assignment=LazyDefinition(
            lambda: translate_assignment(document, _parse_rules(document, "experiment")), _make_decision
        ),
        document=document,
    )


def override_users(experiment: Experiment, variants: Mapping[str, str]) -> Experiment:
    """``experiment`` with ``variants`` by user id; its own overrides win. Unknown variants are left out."""
    others = {user: variant for user, variant in variants.items() if variant in experiment.variants}
    own = experiment.document
    document = own.model_copy(update={"overrides": others | own.overrides})
    return replace(experiment, document=document, gates=_compile_gates(document))


def compile_flag(document: schema.FlagDocument, version: int = 0) -> Flag:
    return Flag(
        key=document.key,
        id=document.id or document.key,
        type=document.type,
        variants=frozenset(variant.key for variant in document.variants),
        version=version,
        definition=LazyDefinition(
            lambda: translate_flag(document, _parse_rules(document, "flag")),
            FlagAnswers(document, version).make_answer,
        ),
        document=document,
    )


def _compile_gates(document: schema.ExperimentDocument) -> LazyDefinition | None:
    is_gated = document.status != "active" or bool(
        document.overrides or document.layer or document.holdout or document.start_at or document.end_at
    )
    return LazyDefinition(lambda: translate_gates(document), _make_decision) if is_gated else None


def _make_decision(variant: Variant, _enabled: bool, reason: str) -> Decision:
    return Decision(variant.name, Reason(reason), variant.value)


def _parse_rules(
    document: schema.ExperimentDocument | schema.FlagDocument, kind: str
) -> RulesDocument | None:
    """Raises InvalidInput with the path of each mistake."""
    if document.targeting_rules is None:
        return None
    try:
        return parse(document.targeting_rules)
    except InvalidRules as error:
        raise _make_error(
            kind, tuple(problem.with_prefix("targeting_rules") for problem in error.problems)
        ) from None


def _check_rule_splits(rules: RulesDocument | None, variants: Sequence[str]) -> tuple[Problem, ...]:
    problems = []
    for targeting in rules.in_order() if rules else ():
        rule, path = targeting.rule, f"targeting_rules.{targeting.path}"
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
