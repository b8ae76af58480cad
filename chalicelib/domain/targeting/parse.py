"""JSON → RulesDocument: the backend's schema, this engine's limits, and the operands of version 2.0."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from chalicelib.domain.bucketing import is_key
from chalicelib.domain.errors import Problem
from chalicelib.domain.targeting import operators_v2, schema
from chalicelib.domain.targeting.document import (
    MAX_CONDITIONS,
    MAX_NESTING,
    MAX_RULES,
    Condition,
    Group,
    InvalidRules,
    Rule,
    RulesDocument,
    TargetingRule,
    Unusable,
)

_T = TypeVar("_T")
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_RULE_FIELDS = frozenset({"id", "name", "description", "rule", "rollout_percentage", "priority"})


def parse(document: object) -> RulesDocument:
    """Refuses with every mistake it finds, at most one per rule, group or condition."""
    raw = _object(document, "")
    version = raw.get("version", "1.0")
    if not isinstance(version, str):
        raise _problem("version", 'must be text: quote it, "2.0"')
    rules = raw.get("rules", [])
    if not isinstance(rules, list) or len(rules) > MAX_RULES:
        raise _problem("rules", f"must be a list of at most {MAX_RULES} rules")
    is_v2 = version == "2.0"
    parts = [(rule, f"rules[{index}]", index) for index, rule in enumerate(rules)]
    if raw.get("default_rule") is not None:
        parts.append((raw["default_rule"], "default_rule", len(rules)))
    parsed = _collect(parts, lambda part: _rule(part[0], part[1], part[2], is_v2))
    if sum(_conditions(rule.group) for rule in parsed) > MAX_CONDITIONS:
        raise _problem("rules", f"hold more than {MAX_CONDITIONS} conditions")
    if is_v2:
        _ids_of_their_own(parsed)
    return RulesDocument(version, parsed[: len(rules)], parsed[-1] if len(parsed) > len(rules) else None)


def _rule(raw: object, path: str, index: int, is_v2: bool) -> TargetingRule:
    fields = _object(raw, path)
    rule_id = _text(fields, "id", path)
    for name in ("name", "description"):
        if fields.get(name) is not None:
            _text(fields, name, path)
    percentage = _integer(fields, "rollout_percentage", path, 100)
    if not 0 <= percentage <= 100:
        raise _problem(f"{path}.rollout_percentage", "must be between 0 and 100")
    priority = _integer(fields, "priority", path, 0)
    if "rule" not in fields:
        raise _problem(f"{path}.rule", "is required: a group of conditions, {} for everybody")
    group = parse_group(fields["rule"], f"{path}.rule", is_v2)
    extra = {name: value for name, value in fields.items() if name not in _RULE_FIELDS}
    return TargetingRule(path, Rule(index, rule_id, extra), group, percentage, priority)


def parse_group(raw: object, path: str, is_v2: bool, depth: int = 1) -> Group:
    if depth > MAX_NESTING:
        raise _problem(path, f"is nested more than {MAX_NESTING} groups deep")
    fields = _object(raw, path)
    operator = fields.get("operator", "and")
    if operator not in ("and", "or", "not"):
        raise _problem(f"{path}.operator", "must be and, or, or not (lower case)")
    conditions = fields.get("conditions", [])
    groups = [] if fields.get("groups") is None else fields["groups"]
    for name, value in (("conditions", conditions), ("groups", groups)):
        if not isinstance(value, list):
            raise _problem(f"{path}.{name}", "must be a list")
    if is_v2 and operator != "and" and not conditions and not groups:
        raise _problem(
            path, f"an empty `{operator}` decides nothing: add a condition, or use `and` for everybody"
        )
    return Group(
        path,
        operator,
        _collect(enumerate(conditions), lambda c: parse_condition(c[1], f"{path}.conditions[{c[0]}]", is_v2)),
        _collect(enumerate(groups), lambda g: parse_group(g[1], f"{path}.groups[{g[0]}]", is_v2, depth + 1)),
    )


def parse_condition(raw: object, path: str, is_v2: bool) -> Condition:
    fields = _object(raw, path)
    attribute = _text(fields, "attribute", path)
    if len(attribute) > 100 or not attribute.replace("_", "").replace(".", "").isalnum():
        raise _problem(f"{path}.attribute", "must be letters, digits, `_` and `.`, at most 100 characters")
    if "value" not in fields:
        raise _problem(f"{path}.value", "is required (it may be null)")
    operator, declared = _text(fields, "operator", path), fields.get("attribute_type")
    condition = Condition(
        path, attribute, operator, fields["value"], fields.get("additional_value"), declared
    )
    try:
        schema.check(condition, fields, is_v2)
    except schema.Refused as refused:
        raise _problem(f"{path}.{refused.field}", str(refused)) from None
    if is_v2:
        try:
            operators_v2.build(condition, "")
        except Unusable as unusable:
            raise _problem(f"{path}.value", str(unusable)) from None
    return condition


def _ids_of_their_own(rules: tuple[TargetingRule, ...]) -> None:
    """Rollouts of version 2.0 are hashed by rule id."""
    seen: set[str] = set()
    problems = []
    for rule in rules:
        if not is_key(rule.rule.id):
            problems.append(
                Problem(f"{rule.path}.id", "must be 1 to 128 of A-Z a-z 0-9 . _ - in version 2.0")
            )
        elif rule.rule.id in seen:
            problems.append(Problem(f"{rule.path}.id", "is the id of another rule: version 2.0 hashes by it"))
        seen.add(rule.rule.id)
    if problems:
        raise InvalidRules(*problems)


def _conditions(group: Group) -> int:
    return len(group.conditions) + sum(map(_conditions, group.groups))


def _collect(parts: Any, one: Callable[[Any], _T]) -> tuple[_T, ...]:
    items: list[_T] = []
    problems: list[Problem] = []
    for part in parts:
        try:
            items.append(one(part))
        except InvalidRules as error:
            problems += error.problems
    if problems:
        raise InvalidRules(*problems)
    return tuple(items)


def _problem(path: str, message: str) -> InvalidRules:
    return InvalidRules(Problem(path, message))


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _object(raw: object, path: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise _problem(path, "must be an object")
    return raw


def _text(fields: Mapping[str, Any], name: str, path: str, default: str | None = None) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise _problem(_at(path, name), "must be text" if name in fields else "is required")
    return value


def _integer(fields: Mapping[str, Any], name: str, path: str, default: int) -> int:
    """The backend's schema takes 50.0, "50" and true for integers."""
    value = fields.get(name, default)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and len(value) <= 20 and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, int):
        return int(value)
    raise _problem(_at(path, name), "must be an integer")
