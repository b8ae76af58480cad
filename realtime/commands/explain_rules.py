"""Why each targeting rule matches a user or does not, in order of evaluation."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chalicelib.domain.targeting import Rules
from chalicelib.domain.targeting.attributes import read_attribute
from chalicelib.domain.targeting.compiler import build_condition_matcher, build_group_matcher
from chalicelib.domain.targeting.document import Condition, Group, RulesDocument, TargetingRule
from chalicelib.domain.targeting.readability import find_unusable_value
from chalicelib.domain.targeting.rollout import build_hash_prefix

Step = tuple[str, str]
"""A rule and what became of it."""
MAX_RULES = 30
"""Rules that are shown; for the others only their number."""
MAX_VALUE = 60
"""Characters of a value that are shown."""
MAX_ALTERNATIVES = 5
"""Of an `or` that are explained."""
_ABSENT = object()


def explain_rules(rules: Rules, context: Mapping[str, Any], now: float, unit: str | None) -> Iterator[Step]:
    """Ends with the rule that decides."""
    document = rules.document
    deciding_rule = rules.match(context, now, unit)
    ordered = document.by_priority()
    for index, rule in enumerate(ordered):
        if rule.rule is deciding_rule:
            yield f"rule {rule.rule.id}", "matches"
            return
        if index < MAX_RULES:
            yield f"rule {rule.rule.id}", _explain_mismatch(rule, document, rules.salt, context, now, unit)
    if len(ordered) > MAX_RULES:
        yield "…", f"{len(ordered) - MAX_RULES} more rules do not match"
    default = document.default_rule
    if default is not None:
        matches = default.rule is deciding_rule
        outcome = (
            "matches" if matches else _explain_mismatch(default, document, rules.salt, context, now, unit)
        )
        yield f"default rule {default.rule.id}", outcome


def _explain_mismatch(
    rule: TargetingRule,
    document: RulesDocument,
    salt: str,
    context: Mapping[str, Any],
    now: float,
    unit: str | None,
) -> str:
    is_v2 = document.is_v2
    prefix = build_hash_prefix(salt, rule.rule.id) if is_v2 else ""

    def holds(part: Condition | Group) -> bool:
        if isinstance(part, Condition):
            return build_condition_matcher(part, is_v2, prefix)(context, now)
        return build_group_matcher(part, is_v2, prefix)(context, now)

    def explain_condition(condition: Condition) -> str:
        return _explain_condition(condition, context, is_v2)

    if not holds(rule.group):
        return _explain_group(rule.group, holds, explain_condition)
    if is_v2 and unit is None and rule.rollout_percentage:
        return "its conditions match, but there is no unit that its rollout could divide"
    return f"its conditions match, but this user is outside of its rollout of {rule.rollout_percentage} %"


def _explain_group(
    group: Group, holds: Callable[[Condition | Group], bool], explain_condition: Callable[[Condition], str]
) -> str:
    """The first part that keeps the group from matching, or the first alternatives."""
    parts: list[Condition | Group] = [*group.conditions, *group.groups]
    if group.operator == "not":
        return f"{group.path}: what it excludes holds"

    def explain(part: Condition | Group) -> str:
        if isinstance(part, Group):
            return _explain_group(part, holds, explain_condition)
        return explain_condition(part)

    if group.operator == "and":
        return explain(next(part for part in parts if not holds(part)))
    reasons = [explain(part) for part in parts[:MAX_ALTERNATIVES]]
    more = "; …" if len(parts) > MAX_ALTERNATIVES else ""
    return f"{group.path}: none of its {len(parts)} alternatives holds: {'; '.join(reasons)}{more}"


def _explain_condition(condition: Condition, context: Mapping[str, Any], is_v2: bool) -> str:
    name = condition.attribute
    value = read_attribute(context, name, _ABSENT) if is_v2 else context.get(name, _ABSENT)
    if value is _ABSENT:
        return f"{condition.path}: {name} is absent"
    unusable = find_unusable_value(condition, value, is_v2)
    if unusable is not None:
        actual = "" if value is None else f" {_shorten(value)}"
        return f"{condition.path}: {name}{actual} {unusable}"
    wanted = [condition.value]
    if condition.additional_value is not None:
        wanted.append(condition.additional_value)
    operands = ", ".join(map(_shorten, wanted))
    return f"{condition.path}: {name} is not {condition.operator} {operands}, and is {_shorten(value)}"


def _shorten(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace").decode()
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"
