"""RulesDocument → Rules: one closure per condition, group and rule, made at the first match.

Closures take (context, now) and never raise. Why not generated source: docs/adr/002-targeting-compiled.md.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from chalicelib.domain.targeting import operators_v1, operators_v2, rollout
from chalicelib.domain.targeting.document import (
    Condition,
    Group,
    Rule,
    RulesDocument,
    TargetingRule,
    Unusable,
)
from chalicelib.domain.targeting.fast_conditions import fast_condition
from chalicelib.domain.targeting.values import ERRORS, always, never

Context = Mapping[str, Any]
Matcher = Callable[[Context, float], bool]

_MISSING = object()


class Rules:
    """``match(context, now)`` returns the rule that decides, or None. ``now`` is epoch seconds, UTC.

    It never raises on a context of JSON values. Compiled when first called: a container loads every
    definition but is asked about few. Two threads may both compile; they make the same thing.
    """

    __slots__ = ("document", "match", "salt")

    match: Callable[[Context, float], Rule | None]

    def __init__(self, document: RulesDocument, salt: str = "") -> None:
        self.document = document
        self.salt = salt

        def first_match(context: Context, now: float) -> Rule | None:
            self.match = _document(document, salt)
            return self.match(context, now)

        self.match = first_match


def compile_rules(document: RulesDocument, salt: str = "") -> Rules:
    """``salt`` is the definition's own; only version 2.0 mixes it into rollouts and percentage buckets."""
    return Rules(document, salt)


def compile_condition(condition: Mapping[str, Any], version: str = "1.0") -> Matcher:
    """One condition by itself, even one that the schema would refuse: for check-rules."""
    attribute, operator, value = (condition[name] for name in ("attribute", "operator", "value"))
    parsed = Condition("", attribute, operator, value, condition.get("additional_value"))
    return condition_matcher(parsed, version == "2.0")


def _document(document: RulesDocument, salt: str) -> Callable[[Context, float], Rule | None]:
    compiled = [(rule_matcher(rule, document, salt), rule.rule) for rule in document.by_priority()]
    steps = [(matcher, rule) for matcher, rule in compiled if matcher is not never]
    default = document.default_rule
    if default and document.corrected:
        steps.append((rule_matcher(default, document, salt), default.rule))
        default = None
    otherwise = default.rule if default else None

    if len(steps) == 1:
        ((only, rule),) = steps
        return lambda context, now: rule if only(context, now) else otherwise

    def match(context: Context, now: float) -> Rule | None:
        for matcher, rule in steps:
            if matcher(context, now):
                return rule
        return otherwise

    return match


def rule_matcher(rule: TargetingRule, document: RulesDocument, salt: str) -> Matcher:
    """Conditions and rollout; a user whom the rollout excludes falls through to the next rule."""
    if rule.rollout_percentage == 0:
        return never
    prefix = rollout.hash_prefix(salt, rule.rule.id) if document.corrected else ""
    matches = group_matcher(rule.group, document.corrected, prefix)
    if rule.rollout_percentage == 100 or matches is never:
        return matches
    included = rollout.corrected(rule, salt) if document.corrected else rollout.direct(rule)

    def matcher(context: Context, now: float) -> bool:
        try:
            return matches(context, now) and included(context)
        except ERRORS:  # an identity that cannot be hashed
            return False

    return matcher


def group_matcher(group: Group, is_v2: bool, hash_prefix: str = "") -> Matcher:
    """``always`` and ``never`` stand for groups that no context can change."""
    parts = [condition_matcher(condition, is_v2, hash_prefix) for condition in group.conditions]
    parts += [group_matcher(inner, is_v2, hash_prefix) for inner in group.groups]
    if not parts:
        return always
    if group.operator == "and":
        return _all(parts)
    if group.operator == "or":
        return _any(parts)
    return _not(_any(parts) if is_v2 else _all(parts))


def _all(parts: list[Matcher]) -> Matcher:
    """Two and three are unrolled: most groups are that small, and a loop costs as much as a condition."""
    if never in parts:
        return never
    parts = [part for part in parts if part is not always]
    match parts:
        case []:
            return always
        case [only]:
            return only
        case [a, b]:
            return lambda context, now: a(context, now) and b(context, now)
        case [a, b, c]:
            return lambda context, now: a(context, now) and b(context, now) and c(context, now)

    def every(context: Context, now: float) -> bool:
        for part in parts:  # noqa: SIM110 - all() of a generator takes twice as long
            if not part(context, now):
                return False
        return True

    return every


def _any(parts: list[Matcher]) -> Matcher:
    if always in parts:
        return always
    parts = [part for part in parts if part is not never]
    match parts:
        case []:
            return never
        case [only]:
            return only
        case [a, b]:
            return lambda context, now: a(context, now) or b(context, now)

    def some(context: Context, now: float) -> bool:
        for part in parts:  # noqa: SIM110 - any() of a generator takes twice as long
            if part(context, now):
                return True
        return False

    return some


def _not(part: Matcher) -> Matcher:
    if part is always:
        return never
    if part is never:
        return always
    return lambda context, now: not part(context, now)


def condition_matcher(condition: Condition, is_v2: bool, hash_prefix: str = "") -> Matcher:
    """An absent attribute is "no match" for every operator, and so is null for most of them."""
    path = condition.attribute.split(".") if is_v2 and "." in condition.attribute else None
    fast = None if path else fast_condition(condition, is_v2)
    if fast is not None:
        return fast
    try:
        test = (operators_v2.build if is_v2 else operators_v1.build)(condition, hash_prefix)
    except Unusable:
        return never
    if test is never:
        return never
    null_readers = operators_v2.NULL_READERS if is_v2 else operators_v1.NULL_READERS
    attribute, absent = condition.attribute, _MISSING if condition.operator in null_readers else None

    def matcher(context: Context, now: float) -> bool:
        value = context.get(attribute, absent)
        if value is absent:
            return False
        try:
            return test(value, now)
        except ERRORS:
            return False

    def descending(context: Context, now: float) -> bool:
        value = context.get(attribute, _MISSING)
        if value is _MISSING:
            value = _descend(context, path or (), absent)
        if value is absent:
            return False
        try:
            return test(value, now)
        except ERRORS:
            return False

    return descending if path else matcher


def _descend(context: Context, path: Iterable[str], absent: object) -> Any:
    """Version 2.0: ``a.b`` is the key ``a.b`` if there is one, else ``b`` of the object ``a``."""
    value: Any = context
    for step in path:
        value = value.get(step, absent) if isinstance(value, dict) else absent
        if value is absent:
            return absent
    return value
