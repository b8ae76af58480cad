"""What is valid and yet hardly meant. Only what is certain is reported: warnings stop a strict publish."""

from collections.abc import Iterator
from typing import Any

from chalicelib.domain.errors import Problem
from chalicelib.domain.targeting import operators_v1, operators_v2
from chalicelib.domain.targeting.compiler import group_matcher, rule_matcher
from chalicelib.domain.targeting.document import (
    Condition,
    Group,
    RulesDocument,
    TargetingRule,
    Unusable,
)
from chalicelib.domain.targeting.lint.contradictions import contradictions
from chalicelib.domain.targeting.lint.types import conflicts
from chalicelib.domain.targeting.regex import engine
from chalicelib.domain.targeting.regex.ambiguity import finds_nothing, is_catastrophic
from chalicelib.domain.targeting.values import ERRORS, Test, always, date_time, never
from chalicelib.domain.targeting.window import CLOCK_FIELDS

_TIMES = frozenset({"before", "after", "between", "time_window"})
_MILLISECONDS_FROM = 1e11


def lint_rules(document: RulesDocument) -> list[Problem]:
    """In document order; the paths are those of the document as it was written."""
    every = [*document.rules, *([document.default_rule] if document.default_rule else [])]
    warnings = list(_document(document, every))
    for rule in every:
        for group in _groups(rule.group):
            warnings += _group(group, document.corrected)
            for condition in group.conditions:
                warnings += _condition(condition, document.corrected)
    conditions = [c for rule in every for group in _groups(rule.group) for c in group.conditions]
    return warnings + list(conflicts(conditions))


def _document(document: RulesDocument, every: list[TargetingRule]) -> Iterator[Problem]:
    if document.version not in ("1.0", "2.0"):
        yield Problem("version", f"{document.version!r} is read as 1.0: write 1.0 or 2.0")
    seen: dict[str, str] = {}
    for rule in every:
        if rule.rule.id in seen:
            yield Problem(f"{rule.path}.id", f"is also the id of {seen[rule.rule.id]}: they share a rollout")
        seen.setdefault(rule.rule.id, rule.path)
    default = document.default_rule
    if default and not document.corrected:
        group = default.group
        if group.conditions or group.groups or default.rollout_percentage != 100:
            yield Problem(default.path, "has conditions or a rollout, which version 1.0 ignores")
    yield from _unreachable(document)


def _unreachable(document: RulesDocument) -> Iterator[Problem]:
    taken_by = None
    for rule in document.by_priority():
        matcher = rule_matcher(rule, document, "")
        if taken_by:
            yield Problem(rule.path, f"is never reached: {taken_by} takes everybody")
        elif matcher is never and rule.rollout_percentage:
            yield Problem(rule.path, "can never match")
        elif matcher is always:
            taken_by = rule.path
    if taken_by and document.default_rule:
        yield Problem(document.default_rule.path, f"is never reached: {taken_by} takes everybody")


def _groups(group: Group) -> Iterator[Group]:
    yield group
    for inner in group.groups:
        yield from _groups(inner)


def _group(group: Group, is_v2: bool) -> Iterator[Problem]:
    children = len(group.conditions) + len(group.groups)
    if group.operator != "and" and not children:
        yield Problem(group.path, f"an empty `{group.operator}` is always true in version 1.0")
    if group.operator == "not" and children > 1 and not is_v2:
        yield Problem(
            group.path, "`not` of several is true unless all of them are: nest an `or` for none of them"
        )
    yield from contradictions(group, is_v2)
    if children and group_matcher(group, is_v2) is always:
        yield Problem(group.path, "is always true")


def _condition(condition: Condition, is_v2: bool) -> Iterator[Problem]:
    path, operator = condition.path, condition.operator
    if operator in _TIMES:
        yield from _times(condition, is_v2)
    try:
        test = (operators_v2.build if is_v2 else operators_v1.build)(condition, "")
    except Unusable as unusable:
        yield Problem(f"{path}.value", f"never matches: {unusable}")
        return
    if test is never:
        yield Problem(path, "can never match")
    elif test is always:
        yield Problem(path, f"matches whenever {condition.attribute} is present")
    else:
        yield from _nearly_always(condition, test)
    if operator == "time_window" and not is_v2 and not condition.value.keys() & set(CLOCK_FIELDS):
        yield Problem(path, "is always true: version 1.0 ignores start and end; version 2.0 reads them")
    if operator == "match_regex":
        yield from _pattern(condition)


def _nearly_always(condition: Condition, test: Test) -> Iterator[Problem]:
    operator, value, path = condition.operator, condition.value, condition.path
    if operator in ("contains", "starts_with", "ends_with") and value == "":
        yield Problem(path, "matches every text and number")
    if operator == "not_contains" and value == "":
        yield Problem(path, "never matches a text or number")
    if operator == "match_regex" and finds_nothing(engine.read(value).tree):
        yield Problem(path, "matches every text: its pattern finds the empty text anywhere")
    if operator == "array_length" and condition.additional_value in ("gt", "gte") and test([], 0.0):
        yield Problem(path, "matches every list, object and text")
    if operator == "json_path" and {*value} & {*"[*"}:
        yield Problem(f"{path}.value", "takes `[` and `*` for parts of names: write $.items.0.sku")


def _pattern(condition: Condition) -> Iterator[Problem]:
    path, longest = f"{condition.path}.value", engine.limit(condition.value)
    if longest is not None:
        yield Problem(path, f"never matches texts beyond {longest} characters, since it looks around or back")
    if is_catastrophic(engine.read(condition.value).tree):
        yield Problem(path, "backtracks catastrophically in most engines: its repeats can take the same text")


def _times(condition: Condition, is_v2: bool) -> Iterator[Problem]:
    value, more = condition.value, condition.additional_value
    if condition.operator == "time_window":
        parts = [(f"value.{name}", value.get(name)) for name in ("start", "end")] if is_v2 else []
    else:
        parts = [("value", value), ("additional_value", more)]
    for name, part in parts:
        if isinstance(part, str) and _is_naive(part):
            meaning = "is read as UTC" if is_v2 else "never matches an attribute with an offset"
            yield Problem(f"{condition.path}.{name}", f"has no offset and {meaning}: add Z or +hh:mm")
        if condition.operator != "between" and not is_v2 and _is_milliseconds(part):
            yield Problem(f"{condition.path}.{name}", "looks like milliseconds; version 1.0 reads seconds")


def _is_naive(text: str) -> bool:
    try:
        return date_time(text).tzinfo is None
    except ERRORS:
        return False


def _is_milliseconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and abs(value) >= _MILLISECONDS_FROM
