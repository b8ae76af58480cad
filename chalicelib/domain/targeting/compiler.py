"""RulesDocument → Rules: a closure for each condition, group and rule, compiled at the first match.

Closures take (context, now) and never raise. Why they are not generated source:
docs/adr/002-targeting-compiled.md.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from chalicelib.domain.targeting import operators_v1, operators_v2, rollout
from chalicelib.domain.targeting.attributes import follow_path
from chalicelib.domain.targeting.document import (
    Condition,
    Group,
    InvalidOperand,
    Rule,
    RulesDocument,
    TargetingRule,
)
from chalicelib.domain.targeting.fast_conditions import build_fast_matcher
from chalicelib.domain.targeting.values import ERRORS, always, never

Context = Mapping[str, Any]
Matcher = Callable[[Context, float], bool]

_MISSING = object()


class Match(Protocol):
    def __call__(self, context: Context, now: float, unit: object = None, /) -> Rule | None: ...


class Rules:
    """``match(context, now, unit)`` returns the rule that decides, or None. ``now`` is epoch seconds, UTC.

    ``unit`` is what the flag or experiment divides: rollouts of version 2.0 hash it, and exclude None. It
    never raises on a context of JSON values. The first call compiles: a container loads every definition
    but evaluates few. Two threads may both compile, with the same result.
    """

    __slots__ = ("document", "match", "salt")

    match: Match

    def __init__(self, document: RulesDocument, salt: str = "") -> None:
        self.document = document
        self.salt = salt

        def first_match(context: Context, now: float, unit: object = None, /) -> Rule | None:
            self.match = _compile_document(document, salt)
            return self.match(context, now, unit)

        self.match = first_match


def compile_rules(document: RulesDocument, salt: str = "") -> Rules:
    """``salt`` is the definition's own; only version 2.0 mixes it into rollouts and percentage buckets."""
    return Rules(document, salt)


def compile_condition(condition: Mapping[str, Any], version: str = "1.0") -> Matcher:
    """One condition by itself, for check-rules. The schema need not accept it."""
    attribute, operator, value = (condition[name] for name in ("attribute", "operator", "value"))
    parsed = Condition("", attribute, operator, value, condition.get("additional_value"))
    return build_condition_matcher(parsed, version == "2.0")


def _compile_document(document: RulesDocument, salt: str) -> Match:
    rules = document.by_priority()
    default = document.default_rule
    if default and document.is_v2:
        rules.append(default)
        default = None
    fallback = default.rule if default else None
    steps = [(*build_rule_matcher(rule, document, salt), rule.rule) for rule in rules]
    steps = [step for step in steps if step[0] is not never]

    if len(steps) == 1 and steps[0][1] is None:
        ((matches, _, rule),) = steps
        return lambda context, now, _unit=None, /: rule if matches(context, now) else fallback

    def match(context: Context, now: float, unit: object = None, /) -> Rule | None:
        for matches, is_included, rule in steps:
            if matches(context, now) and (is_included is None or is_included(context, unit)):
                return rule
        return fallback

    return match


def build_rule_matcher(
    rule: TargetingRule, document: RulesDocument, salt: str
) -> tuple[Matcher, rollout.Rollout | None]:
    """Conditions, and the rollout unless it is 100 %. Whom it excludes falls through to the next rule."""
    if rule.rollout_percentage == 0:
        return never, None
    prefix = rollout.build_hash_prefix(salt, rule.rule.id) if document.is_v2 else ""
    matches = build_group_matcher(rule.group, document.is_v2, prefix)
    if rule.rollout_percentage == 100 or matches is never:
        return matches, None
    include = rollout.compile_rollout_v2(rule, salt) if document.is_v2 else rollout.compile_rollout_v1(rule)

    def is_included(context: Context, unit: object) -> bool:
        try:
            return include(context, unit)
        except ERRORS:  # an identity that cannot be hashed
            return False

    return matches, is_included


def build_group_matcher(group: Group, is_v2: bool, hash_prefix: str = "") -> Matcher:
    """Returns ``always`` or ``never`` if the context does not matter."""
    parts = [build_condition_matcher(condition, is_v2, hash_prefix) for condition in group.conditions]
    parts += [build_group_matcher(inner, is_v2, hash_prefix) for inner in group.groups]
    if not parts:
        return always
    if group.operator == "and":
        return _match_all(parts)
    if group.operator == "or":
        return _match_any(parts)
    return _negate(_match_any(parts) if is_v2 else _match_all(parts))


def _match_all(parts: list[Matcher]) -> Matcher:
    """Most groups have two or three parts: these need no loop, which costs as much as a condition."""
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

    def match_every_part(context: Context, now: float) -> bool:
        for part in parts:  # noqa: SIM110 - all() of a generator takes twice as long
            if not part(context, now):
                return False
        return True

    return match_every_part


def _match_any(parts: list[Matcher]) -> Matcher:
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

    def match_some_part(context: Context, now: float) -> bool:
        for part in parts:  # noqa: SIM110 - any() of a generator takes twice as long
            if part(context, now):
                return True
        return False

    return match_some_part


def _negate(part: Matcher) -> Matcher:
    if part is always:
        return never
    if part is never:
        return always
    return lambda context, now: not part(context, now)


def build_condition_matcher(condition: Condition, is_v2: bool, hash_prefix: str = "") -> Matcher:
    """An absent attribute is "no match" for every operator, and so is null for most of them."""
    path = condition.attribute.split(".") if is_v2 and "." in condition.attribute else None
    fast_matcher = None if path else build_fast_matcher(condition, is_v2)
    if fast_matcher is not None:
        return fast_matcher
    try:
        test = (operators_v2.build if is_v2 else operators_v1.build)(condition, hash_prefix)
    except InvalidOperand:
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

    def nested_matcher(context: Context, now: float) -> bool:
        value = context.get(attribute, _MISSING)
        if value is _MISSING:
            value = follow_path(context, path or (), absent)
        if value is absent:
            return False
        try:
            return test(value, now)
        except ERRORS:
            return False

    return nested_matcher if path else matcher
