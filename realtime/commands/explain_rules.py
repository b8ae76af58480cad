"""Why each targeting rule matches a user or does not, in order of evaluation."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chalicelib.domain.targeting import Rules
from chalicelib.domain.targeting.compiler import build_condition_matcher, build_group_matcher
from chalicelib.domain.targeting.document import Condition, Group, RulesDocument, TargetingRule
from chalicelib.domain.targeting.rollout import build_hash_prefix

Step = tuple[str, str]
"""A rule and what became of it."""
MAX_RULES = 30
"""Rules that are shown; for the others only their number."""
MAX_VALUE = 60
"""Characters of a value that are shown."""


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
            yield f"rule {rule.rule.id}", _explain_mismatch(rule, document, rules.salt, context, now)
    if len(ordered) > MAX_RULES:
        yield "…", f"{len(ordered) - MAX_RULES} more rules do not match"
    default = document.default_rule
    if default is not None:
        matches = default.rule is deciding_rule
        outcome = "matches" if matches else _explain_mismatch(default, document, rules.salt, context, now)
        yield f"default rule {default.rule.id}", outcome


def _explain_mismatch(
    rule: TargetingRule, document: RulesDocument, salt: str, context: Mapping[str, Any], now: float
) -> str:
    is_v2 = document.is_v2
    prefix = build_hash_prefix(salt, rule.rule.id) if is_v2 else ""

    def holds(part: Condition | Group) -> bool:
        if isinstance(part, Condition):
            return build_condition_matcher(part, is_v2, prefix)(context, now)
        return build_group_matcher(part, is_v2, prefix)(context, now)

    if holds(rule.group):
        return f"its conditions match, but this user is outside of its rollout of {rule.rollout_percentage} %"
    return _explain_group(rule.group, holds, context)


def _explain_group(
    group: Group, holds: Callable[[Condition | Group], bool], context: Mapping[str, Any]
) -> str:
    """The first part that keeps the group from matching."""
    parts: list[Condition | Group] = [*group.conditions, *group.groups]
    if group.operator == "or":
        return f"{group.path}: none of its {len(parts)} alternatives holds"
    if group.operator == "not":
        return f"{group.path}: what it excludes holds"
    part = next(part for part in parts if not holds(part))
    if isinstance(part, Group):
        return _explain_group(part, holds, context)
    actual = f", and is {_shorten(context[part.attribute])}" if part.attribute in context else ""
    return f"{part.path}: {part.attribute} is not {part.operator} {_shorten(part.value)}{actual}"


def _shorten(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}…"
