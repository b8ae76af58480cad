"""Warnings about valid rules that probably do not mean what they say, such as a condition that never matches.

A warning stops a strict publish, so lint reports only what is certain.
"""

from collections.abc import Iterator
from typing import Any

from chalicelib.domain.errors import Problem
from chalicelib.domain.targeting import operators_v1, operators_v2
from chalicelib.domain.targeting.document import (
    Condition,
    Group,
    InvalidOperand,
    RulesDocument,
    TargetingRule,
)
from chalicelib.domain.targeting.lint.constants import find_constant
from chalicelib.domain.targeting.lint.contradictions import find_contradictions
from chalicelib.domain.targeting.lint.lists import find_list_negations
from chalicelib.domain.targeting.lint.types import find_type_conflicts
from chalicelib.domain.targeting.regex import engine
from chalicelib.domain.targeting.regex.ambiguity import is_catastrophic, is_found_in_every_text
from chalicelib.domain.targeting.values import (
    ERRORS,
    MILLISECONDS_FROM,
    Test,
    always,
    has_offset,
    never,
    parse_date_time,
)
from chalicelib.domain.targeting.window import CLOCK_FIELDS

_TIME_OPERATORS = frozenset({"before", "after", "between", "time_window"})


def lint_rules(document: RulesDocument) -> list[Problem]:
    """In document order, with paths in the document as it was written."""
    all_rules = [*document.rules, *([document.default_rule] if document.default_rule else [])]
    warnings = list(_lint_document(document, all_rules))
    groups = [group for rule in all_rules for group in _flatten(rule.group)]
    for group in groups:
        warnings += _lint_group(group, document.is_v2)
        for condition in group.conditions:
            warnings += _lint_condition(condition, document.is_v2)
    conditions = [condition for group in groups for condition in group.conditions]
    warnings += find_list_negations([rule.group for rule in all_rules], conditions, document.is_v2)
    return warnings + list(find_type_conflicts(conditions, document.is_v2))


def _lint_document(document: RulesDocument, rules: list[TargetingRule]) -> Iterator[Problem]:
    if document.version not in ("1.0", "2.0"):
        yield Problem("version", f"{document.version!r} is read as 1.0: write 1.0 or 2.0")
    paths: dict[str, str] = {}
    for rule in rules:
        if rule.rule.id in paths:
            yield Problem(f"{rule.path}.id", f"is also the id of {paths[rule.rule.id]}: they share a rollout")
        paths.setdefault(rule.rule.id, rule.path)
    default = document.default_rule
    if default and not document.is_v2:
        group = default.group
        if group.conditions or group.groups or default.rollout_percentage != 100:
            yield Problem(default.path, "has conditions or a rollout, which version 1.0 ignores")
    yield from _lint_order(document)


def _lint_order(document: RulesDocument) -> Iterator[Problem]:
    matches_all = None
    for rule in document.by_priority():
        constant = find_constant(rule.group, document.is_v2)
        if matches_all:
            yield Problem(rule.path, f"is never reached: {matches_all} matches everybody")
        elif constant is False and rule.rollout_percentage:
            yield Problem(rule.path, "can never match")
        elif constant and rule.rollout_percentage == 100:
            matches_all = rule.path
    if matches_all and document.default_rule:
        yield Problem(document.default_rule.path, f"is never reached: {matches_all} matches everybody")


def _flatten(group: Group) -> Iterator[Group]:
    yield group
    for inner in group.groups:
        yield from _flatten(inner)


def _lint_group(group: Group, is_v2: bool) -> Iterator[Problem]:
    children = len(group.conditions) + len(group.groups)
    if group.operator != "and" and not children:
        yield Problem(group.path, f"an empty `{group.operator}` is always true in version 1.0")
    if group.operator == "not" and children > 1 and not is_v2:
        yield Problem(
            group.path, "`not` of several is true unless all of them are: nest an `or` for none of them"
        )
    yield from find_contradictions(group, is_v2)
    if children and find_constant(group, is_v2):
        yield Problem(group.path, "is always true")


def _lint_condition(condition: Condition, is_v2: bool) -> Iterator[Problem]:
    path, operator = condition.path, condition.operator
    if operator in _TIME_OPERATORS:
        yield from _lint_times(condition, is_v2)
    try:
        test = (operators_v2.build if is_v2 else operators_v1.build)(condition, "")
    except InvalidOperand as error:
        yield Problem(f"{path}.value", f"never matches: {error}")
        return
    if test is never:
        yield Problem(path, "can never match")
    elif test is always:
        yield Problem(path, f"matches whenever {condition.attribute} is present")
    else:
        yield from _lint_operand(condition, test)
    if operator == "time_window" and not is_v2 and not condition.value.keys() & set(CLOCK_FIELDS):
        yield Problem(path, "is always true: version 1.0 ignores start and end; version 2.0 reads them")
    if operator == "match_regex":
        yield from _lint_pattern(condition)


def _lint_operand(condition: Condition, test: Test) -> Iterator[Problem]:
    operator, value, path = condition.operator, condition.value, condition.path
    if operator in ("contains", "starts_with", "ends_with") and value == "":
        yield Problem(path, "matches every text and number")
    if operator == "not_contains" and value == "":
        yield Problem(path, "never matches a text or number")
    if operator == "match_regex" and is_found_in_every_text(engine.read_pattern(value).tree):
        yield Problem(path, "matches every text: its pattern finds the empty text anywhere")
    if operator == "array_length" and condition.additional_value in ("gt", "gte") and test([], 0.0):
        yield Problem(path, "matches every list, object and text")
    if operator == "json_path" and {*value} & {*"[*"}:
        yield Problem(f"{path}.value", "reads `[` and `*` as parts of names: write $.items.0.sku")


def _lint_pattern(condition: Condition) -> Iterator[Problem]:
    path, limit = f"{condition.path}.value", engine.find_length_limit(condition.value)
    if limit is not None:
        yield Problem(
            path, f"never matches texts beyond {limit} characters, as it has look-around or backreferences"
        )
    if is_catastrophic(engine.read_pattern(condition.value).tree):
        yield Problem(
            path, "backtracks catastrophically in most engines: several of its repeats match the same text"
        )


def _lint_times(condition: Condition, is_v2: bool) -> Iterator[Problem]:
    value, more = condition.value, condition.additional_value
    if condition.operator == "time_window":
        parts = [(f"value.{name}", value.get(name)) for name in ("start", "end")] if is_v2 else []
    else:
        parts = [("value", value), ("additional_value", more)]
    for name, part in parts:
        if isinstance(part, str) and _is_naive(part, is_v2):
            meaning = "is read as UTC" if is_v2 else "never matches an attribute with an offset"
            yield Problem(f"{condition.path}.{name}", f"has no offset and {meaning}: add Z or +hh:mm")
        if condition.operator != "between" and not is_v2 and _is_milliseconds(part):
            yield Problem(f"{condition.path}.{name}", "looks like milliseconds; version 1.0 reads seconds")


def _is_naive(text: str, is_v2: bool) -> bool:
    try:
        return not has_offset(text) if is_v2 else parse_date_time(text).tzinfo is None
    except ERRORS:
        return False


def _is_milliseconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and abs(value) >= MILLISECONDS_FROM
