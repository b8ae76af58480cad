"""Why each targeting rule matches a user or does not, in the order in which they are asked."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chalicelib.domain.targeting import Rules
from chalicelib.domain.targeting.compiler import condition_matcher, group_matcher
from chalicelib.domain.targeting.document import Condition, Group, RulesDocument, TargetingRule
from chalicelib.domain.targeting.rollout import hash_prefix

Step = tuple[str, str]
MOST = 30
"""Rules that are shown; of the others only how many there are."""
LONGEST = 60
"""Characters of a value."""


def rule_steps(rules: Rules, context: Mapping[str, Any], now: float) -> Iterator[Step]:
    """Ends with the rule that decides."""
    document = rules.document
    decides = rules.match(context, now)
    asked = document.by_priority()
    for number, rule in enumerate(asked):
        if rule.rule is decides:
            yield f"rule {rule.rule.id}", "matches"
            return
        if number < MOST:
            yield f"rule {rule.rule.id}", _why_not(rule, document, rules.salt, context, now)
    if len(asked) > MOST:
        yield "…", f"{len(asked) - MOST} more rules do not match"
    default = document.default_rule
    if default is not None:
        matches = default.rule is decides
        seen = "matches" if matches else _why_not(default, document, rules.salt, context, now)
        yield f"default rule {default.rule.id}", seen


def _why_not(
    rule: TargetingRule, document: RulesDocument, salt: str, context: Mapping[str, Any], now: float
) -> str:
    corrected = document.corrected
    prefix = hash_prefix(salt, rule.rule.id) if corrected else ""

    def holds(part: Condition | Group) -> bool:
        if isinstance(part, Condition):
            return condition_matcher(part, corrected, prefix)(context, now)
        return group_matcher(part, corrected, prefix)(context, now)

    if holds(rule.group):
        return f"its conditions match, but this user is outside of its rollout of {rule.rollout_percentage} %"
    return _failing(rule.group, holds, context)


def _failing(group: Group, holds: Callable[[Condition | Group], bool], context: Mapping[str, Any]) -> str:
    """The first part that keeps the group from matching."""
    parts: list[Condition | Group] = [*group.conditions, *group.groups]
    if group.operator == "or":
        return f"{group.path}: none of its {len(parts)} alternatives holds"
    if group.operator == "not":
        return f"{group.path}: what it excludes holds"
    part = next(part for part in parts if not holds(part))
    if isinstance(part, Group):
        return _failing(part, holds, context)
    has = f", and is {_short(context[part.attribute])}" if part.attribute in context else ""
    return f"{part.path}: {part.attribute} is not {part.operator} {_short(part.value)}{has}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
