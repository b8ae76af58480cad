"""Warnings about written rules that are valid but do not do what they seem to say.

A warning stops a strict publish, so there is one only for what is certain.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from chalicelib.domain.definitions.changes import list_later
from chalicelib.domain.definitions.experiment_form import translate_assignment
from chalicelib.domain.definitions.flag_form import translate_flag
from chalicelib.domain.definitions.schema import Definition, ExperimentDocument, FlagDocument, SegmentDocument
from chalicelib.domain.errors import Problem
from chalicelib.domain.publishing.lint.conditions import lint_condition, list_unit_names
from chalicelib.domain.publishing.lint.contradictions import find_contradictions
from chalicelib.domain.publishing.lint.outcomes import find_outcomes, takes_everybody
from chalicelib.domain.publishing.lint.rule_types import find_type_conflicts
from chalicelib.domain.publishing.lint.splits import lint_splits, warn_of_missing_unit
from chalicelib.domain.publishing.lint.written_rules import (
    Condition,
    Place,
    Rule,
    is_shared_gate,
    list_rule_lists,
    make_place,
)
from chalicelib.domain.targeting import parse


def lint_written_rules(document: Definition) -> Iterator[Problem]:
    """Also of the rules that ``changes`` bring."""
    yield from _lint_definition(document)
    if isinstance(document, SegmentDocument):
        return
    for index, later in enumerate(_list_later(document)):
        changed = document.changes[index].set
        for problem in _lint_definition(later):
            if problem.path.partition("[")[0].partition(".")[0] in changed:
                yield problem.with_prefix(f"changes[{index}].set")


def _list_later(document: ExperimentDocument | FlagDocument) -> Sequence[Definition]:
    if isinstance(document, FlagDocument):
        return [later for _at, later in list_later(document)]
    return [later for _at, later in list_later(document)]


def _lint_definition(document: Definition) -> Iterator[Problem]:
    found: dict[Problem, None] = {}  # several shards may have one unit
    place = make_place(document)
    if not place.is_settled and place.unit_path and _divides_by(document, place):
        found[warn_of_missing_unit(place)] = None
    conditions: list[Condition] = []
    for rules in list_rule_lists(document):
        found |= dict.fromkeys(_lint_order(rules))
        for rule in rules:
            own = [*rule.when.walk(), *(inner for gate in rule.gates for inner in gate.walk())]
            conditions += own
            found |= dict.fromkeys(_lint_rule(rule, own, document))
    found |= dict.fromkeys(find_type_conflicts(conditions))
    yield from found


def _divides_by(document: Definition, place: Place) -> bool:
    """Whether a request without the definition's own unit may be an error."""
    if isinstance(document, SegmentDocument):
        return False
    if isinstance(document, ExperimentDocument):
        return _has_required_shard(translate_assignment(document, None), place.scope.unit)
    rules = None if document.targeting_rules is None else parse(document.targeting_rules)
    as_if_on = document.model_copy(update={"enabled": True})
    return _has_required_shard(translate_flag(as_if_on, rules), place.scope.unit)


def _has_required_shard(form: Any, unit: Any) -> bool:
    if isinstance(form, dict):
        if "scheme" in form and form.get("missing") == "error" and form.get("unit") == unit:
            return True
        return any(_has_required_shard(part, unit) for name, part in form.items() if name != "variants")
    return isinstance(form, list) and any(_has_required_shard(part, unit) for part in form)


def _lint_order(rules: Sequence[Rule]) -> Iterator[Problem]:
    first = None
    for rule in rules:
        if first is not None:
            message = f"is never reached: {first.path} decides for everybody; move this rule up or remove it"
            yield Problem(rule.path, message)
        elif takes_everybody(rule):
            first = rule


def _lint_rule(rule: Rule, conditions: Sequence[Condition], document: Definition) -> Iterator[Problem]:
    units = list_unit_names(rule, document.unit)
    impossible = list(_lint_conjunctions(rule))
    yield from impossible
    for root in (rule.when, *rule.gates):
        is_explained = any(problem.path.startswith(root.path) for problem in impossible)
        if not is_explained and not is_shared_gate(root) and not _may_hold(root, rule, document):
            yield Problem(root.path, f"never holds, so {_describe_nobody(rule, root, document)}")
    for condition in conditions:
        yield from lint_condition(condition, units)
    yield from lint_splits(rule)


def _lint_conjunctions(rule: Rule) -> Iterator[Problem]:
    """Of tests that must hold together: those of ``when`` and the gates, and those inside of the others."""
    gates = [gate for gate in rule.gates if not is_shared_gate(gate)]
    conjuncts = [conjunct for root in (rule.when, *gates) for conjunct in root.list_conjuncts()]
    yield from _lint_conjunction(conjuncts)


def _lint_conjunction(conjuncts: Sequence[Condition]) -> Iterator[Problem]:
    yield from find_contradictions(conjuncts)
    for conjunct in conjuncts:
        for inner in conjunct.inner:
            yield from _lint_conjunction(inner.list_conjuncts())


def _may_hold(root: Condition, rule: Rule, document: Definition) -> bool:
    """A segment without ``when`` has only those whom it includes. `error` is written to be reached."""
    if isinstance(document, SegmentDocument) and root.written is False:
        return True
    if any(part.written == "error" for part in root.walk()):
        return True
    return True in find_outcomes(root, rule.place)


def _describe_nobody(rule: Rule, root: Condition, document: Definition) -> str:
    if isinstance(document, SegmentDocument):
        return "nobody but include is in the segment"
    if isinstance(document, FlagDocument):
        return "the rule takes nobody: remove it" if root == rule.when else "the gate admits nobody"
    return "the experiment takes nobody"
