"""From a definition's document to the values that decide.

A document is checked when it is loaded. It is written in the general form and compiled at its first decision.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from pydantic import ValidationError

from chalicelib.domain.bucketing import compute_threshold, compute_upper_bounds
from chalicelib.domain.definitions import schema
from chalicelib.domain.definitions.answers import FlagAnswers
from chalicelib.domain.definitions.changes import list_later, write_later
from chalicelib.domain.definitions.experiment_form import (
    is_gated,
    make_salt,
    make_scope,
    translate_assignment,
    translate_gates,
)
from chalicelib.domain.definitions.flag_form import list_flag_references, translate_flag
from chalicelib.domain.definitions.model import HELD_OUT, Decision, Experiment, Flag, Segment
from chalicelib.domain.definitions.rules.syntax import References
from chalicelib.domain.definitions.schema_errors import list_problems, name_variants
from chalicelib.domain.definitions.segment_form import translate_segment
from chalicelib.domain.errors import InvalidInput, Problem
from chalicelib.domain.general_form.compiler import Variant, compile_definition
from chalicelib.domain.general_form.conditions import compile_condition
from chalicelib.domain.general_form.definition import LazyDefinition
from chalicelib.domain.general_form.operands import compile_read_operand
from chalicelib.domain.general_form.problems import InvalidForm
from chalicelib.domain.general_form.state import Get
from chalicelib.domain.reasons import Reason
from chalicelib.domain.spelling import suggest
from chalicelib.domain.targeting import InvalidRules, RulesDocument, parse


def load_experiment(text: str, version: int = 0) -> Experiment:
    """The definition stored as JSON ``text``; raises InvalidInput with every problem's path.

    How it is analysed decides nothing, so it is left out: it would cost half as much again.
    """
    data = json.loads(text)
    if isinstance(data, dict):
        data.pop("analysis", None)
    return compile_experiment(parse_experiment(data), version)


def load_flag(text: str, version: int = 0) -> Flag:
    """The definition stored as JSON ``text``; raises InvalidInput with every problem's path."""
    return compile_flag(parse_flag(json.loads(text)), version)


def load_segment(text: str, version: int = 0) -> Segment:
    """The definition stored as JSON ``text``; raises InvalidInput with every problem's path."""
    return compile_segment(parse_segment(json.loads(text)), version)


def parse_experiment(data: object) -> schema.ExperimentDocument:
    document = _validate(schema.ExperimentDocument, data, "experiment")
    rules = _parse_rules(document, "experiment")
    with _refuse_invalid_form("experiment"):
        compile_definition(translate_gates(document), _make_decision)
        compile_definition(translate_assignment(document, rules), _make_decision)
    _check_changes(document, parse_experiment)
    return document


def parse_flag(data: object, references: References | None = None) -> schema.FlagDocument:
    """``references`` gets what the flag's rules refer to."""
    document = _validate(schema.FlagDocument, data, "flag")
    rules = _parse_rules(document, "flag")
    problems = _check_rule_splits(rules, [variant.key for variant in document.variants])
    if problems:
        raise _make_error("flag", problems)
    if document.rules is not None or document.unit is not None:
        switched_on = document.model_copy(update={"enabled": True})  # else its rules would not be read
        with _refuse_invalid_form("flag"):
            form = translate_flag(switched_on, rules, references)
            compile_definition(form, FlagAnswers(document, 0).make)
    _check_changes(document, parse_flag)
    return document


def parse_segment(data: object) -> schema.SegmentDocument:
    document = _validate(schema.SegmentDocument, data, "segment")
    with _refuse_invalid_form("segment"):
        compile_condition(translate_segment(document), "when")
    return document


def list_references(document: schema.Definition) -> References:
    """What a valid document refers to."""
    if isinstance(document, schema.FlagDocument):
        return list_flag_references(document)
    references = References()
    if isinstance(document, schema.SegmentDocument):
        translate_segment(document, references)
    else:
        translate_assignment(document, None, replace(make_scope(document), references=references))
    return references


def compile_experiment(document: schema.ExperimentDocument, version: int = 0) -> Experiment:
    payloads = {variant.key: variant.payload for variant in document.variants}

    def make_decisions(reason: Reason) -> dict[str, Decision]:
        return {key: Decision(key, reason, payload) for key, payload in payloads.items()}

    uppers = compute_upper_bounds(document.compute_allocations().values())
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
        sticky=make_decisions(Reason.STICKY) | _make_held_out(document),
        reassigned=make_decisions(Reason.REASSIGNED),
        metrics=frozenset(document.metrics),
        gates=_compile_gates(document),
        assignment=LazyDefinition(
            lambda: translate_assignment(document, _parse_rules(document, "experiment")), _make_decision
        ),
        get_unit=_compile_unit(document),
        document=document,
        later=tuple((at, compile_experiment(each, version)) for at, each in list_later(document)),
    )


def override_users(experiment: Experiment, variants: Mapping[str, str]) -> Experiment:
    """``experiment`` with ``variants`` by user id; its own overrides win. Unknown variants are left out."""
    others = {user: variant for user, variant in variants.items() if variant in experiment.variants}
    own = experiment.document
    document = own.model_copy(update={"overrides": others | own.overrides})
    return replace(experiment, document=document, gates=_compile_gates(document))


def _make_held_out(document: schema.ExperimentDocument) -> dict[str, Decision]:
    is_measured = document.holdout is not None and document.holdout.measured
    return {HELD_OUT: Decision(None, Reason.HOLDOUT, recorded=HELD_OUT)} if is_measured else {}


def _compile_unit(document: schema.ExperimentDocument) -> Get | None:
    unit = make_scope(document).unit
    if unit == "user":
        return None
    return compile_read_operand(unit if "first" in unit else unit | {"as": "unit"}, "unit")


def compile_segment(document: schema.SegmentDocument, version: int = 0) -> Segment:
    condition = compile_condition(translate_segment(document), "").condition
    return Segment(document.key, version, condition, document)


def compile_flag(document: schema.FlagDocument, version: int = 0) -> Flag:
    answers = FlagAnswers(document, version)
    return Flag(
        key=document.key,
        id=document.id or document.key,
        type=document.type,
        variants=frozenset(variant.key for variant in document.variants),
        version=version,
        definition=LazyDefinition(
            lambda: translate_flag(document, _parse_rules(document, "flag")), answers.make
        ),
        answers=answers,
        document=document,
        later=tuple((at, compile_flag(each, version)) for at, each in list_later(document)),
    )


def _compile_gates(document: schema.ExperimentDocument) -> LazyDefinition | None:
    return LazyDefinition(lambda: translate_gates(document), _make_decision) if is_gated(document) else None


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


def _check_changes(
    document: schema.ExperimentDocument | schema.FlagDocument, parse_document: Callable[[object], object]
) -> None:
    """What is in force after each change is a definition too."""
    for index, data in enumerate(write_later(document)):
        try:
            parse_document(data)
        except InvalidInput as error:
            changed, path = document.changes[index].set, f"changes[{index}].set"
            problems = tuple(_name_change(problem, changed).with_prefix(path) for problem in error.details)
            raise InvalidInput(error.code, error.message, problems) from None


def _name_change(problem: Problem, changed: Mapping[str, object]) -> Problem:
    """What is not changed itself may be wrong by what is: a rule that serves a variant which is gone."""
    if re.split(r"[.\[]", problem.path)[0] in changed:
        return problem
    return Problem("", f"leads to a mistake in {problem.path or 'the definition'}, which {problem.message}")


_Document = TypeVar("_Document", schema.ExperimentDocument, schema.FlagDocument, schema.SegmentDocument)


def _validate(model: type[_Document], data: object, kind: str) -> _Document:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = list_problems(error, model)
        variants = data.get("variants") if isinstance(data, dict) else None
        if isinstance(variants, dict):
            problems = name_variants(problems, variants)
        raise _make_error(kind, problems) from None


@contextmanager
def _refuse_invalid_form(kind: str) -> Iterator[None]:
    try:
        yield
    except InvalidForm as error:
        raise _make_error(kind, (error.problem,)) from None


def _make_error(kind: str, problems: tuple[Problem, ...]) -> InvalidInput:
    return InvalidInput("invalid_definition", f"The {kind}'s definition is not valid.", problems)
