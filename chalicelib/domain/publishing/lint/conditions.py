"""Warnings about single written conditions: negations of missing attributes, operands, patterns."""

from collections.abc import Iterator, Set

from chalicelib.domain.definitions.rules.attribute_tests import OPERATORS, YES_OR_NO
from chalicelib.domain.definitions.rules.units import list_attributes
from chalicelib.domain.errors import Problem
from chalicelib.domain.publishing.lint.contradictions import name_subject
from chalicelib.domain.publishing.lint.written_rules import Condition, Json, Rule
from chalicelib.domain.targeting.regex import engine
from chalicelib.domain.targeting.regex.ambiguity import is_catastrophic, is_found_in_every_text

_OPPOSITES = {name: f"not_{name}" for name in ("in", "contains", "matches", "cidr", "in_range")} | {
    "eq": "neq"
}
_OPPOSITES |= {negated: name for name, negated in _OPPOSITES.items()}


def lint_condition(condition: Condition, units: Set[str]) -> Iterator[Problem]:
    """``units`` are attributes that every request has."""
    yield from _lint_negation(condition, units)
    if condition.is_test:
        yield from _lint_operand(condition)


def list_unit_names(rule: Rule, written: Json) -> set[str]:
    """The attributes that the definition, whose unit is ``written``, and the rules around divide by."""
    units = [written, *(each.fields.get("unit") for each in (*rule.outer, rule))]
    return {"user_id"}.union(*map(list_attributes, units))


def get_operator(test: Condition) -> str:
    return next(name for name in OPERATORS if name in test.written)


def _lint_negation(condition: Condition, units: Set[str]) -> Iterator[Problem]:
    """Of one test whose attribute may be missing, unless another ``not`` is around."""
    if condition.negations or not isinstance(condition.written, dict) or "not" not in condition.written:
        return
    (inner,) = condition.inner
    conjuncts = inner.list_conjuncts()
    if len(conjuncts) != 1 or not conjuncts[0].is_attribute_test:
        return
    (test,) = conjuncts
    operator, name = get_operator(test), name_subject(test)
    if "missing" in test.written or operator in YES_OR_NO or name in units or name.endswith("the element"):
        return
    opposite = _OPPOSITES.get(operator)
    instead = f"write {opposite} in place of not" if opposite else "add missing: unknown"
    message = (
        f"is true for users without {name}, too: {instead} to leave them out, "
        "or missing: false if that is meant"
    )
    yield Problem(inner.path, message)


def _lint_operand(test: Condition) -> Iterator[Problem]:
    operator, name = get_operator(test), name_subject(test)
    value = test.written[operator]
    path = f"{test.path}.{operator}"
    if operator in ("starts_with", "ends_with", "contains") and value == "":
        yield Problem(path, "matches every text: write exists: true if that is meant")
    if operator == "not_contains" and value == "":
        yield Problem(path, "matches no text: every text contains the empty one")
    if operator == "contains_any" and value == []:
        yield Problem(path, "never holds: the list is empty")
    if operator == "contains_all" and value == []:
        yield Problem(path, "matches every list: write exists: true if that is meant")
    if operator == "not_in" and value == [] and test.is_attribute_test:
        yield Problem(path, f"holds whenever {name} is there: write exists: true if that is meant")
    if operator in ("modulo", "remainder") and isinstance(value, list) and not _is_remainder(*value):
        yield Problem(path, f"never holds: no remainder of {value[0]} is {value[1]}")
    if operator in ("matches", "not_matches"):
        yield from _lint_pattern(value, path, is_negated=operator == "not_matches")


def _is_remainder(divisor: float, remainder: float) -> bool:
    """As Python divides: it has the sign of the divisor."""
    return 0 <= remainder < divisor or divisor < remainder <= 0


def _lint_pattern(pattern: str, path: str, *, is_negated: bool) -> Iterator[Problem]:
    tree = engine.read_pattern(pattern).tree
    if is_found_in_every_text(tree):
        verb = "matches no text" if is_negated else "matches every text"
        yield Problem(path, f"{verb}: its pattern finds the empty text anywhere")
    if is_catastrophic(tree):
        message = "backtracks catastrophically in most engines: several of its repeats match the same text"
        yield Problem(path, message)
