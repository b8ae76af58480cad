"""JSON → RulesDocument. Checks the platform's schema, this engine's limits, and 2.0's operands."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from chalicelib.domain.bucketing import is_key
from chalicelib.domain.errors import Problem
from chalicelib.domain.spelling import find_similar, suggest
from chalicelib.domain.targeting import operators_v2, schema
from chalicelib.domain.targeting.document import (
    MAX_CONDITIONS,
    MAX_NESTING,
    MAX_RULES,
    Condition,
    Group,
    InvalidOperand,
    InvalidRules,
    Rule,
    RulesDocument,
    TargetingRule,
)

_Part = TypeVar("_Part")
_Parsed = TypeVar("_Parsed")
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
RULE_FIELDS = frozenset({"id", "name", "description", "rule", "rollout_percentage", "priority"})


def parse(document: object) -> RulesDocument:
    """Raises InvalidRules with every mistake, at most one for each rule, group or condition."""
    raw = _read_object(document, "")
    version = raw.get("version", "1.0")
    if not isinstance(version, str):
        raise _invalid("version", 'must be text: quote it, "2.0"')
    rules = raw.get("rules", [])
    if not isinstance(rules, list) or len(rules) > MAX_RULES:
        raise _invalid("rules", f"must be a list of at most {MAX_RULES} rules")
    is_v2 = version == "2.0"
    parts = [(rule, f"rules[{index}]", index) for index, rule in enumerate(rules)]
    if raw.get("default_rule") is not None:
        parts.append((raw["default_rule"], "default_rule", len(rules)))
    parsed = _parse_each(parts, lambda part: _parse_rule(part[0], part[1], part[2], is_v2))
    if sum(_count_conditions(rule.group) for rule in parsed) > MAX_CONDITIONS:
        raise _invalid("rules", f"hold more than {MAX_CONDITIONS} conditions")
    if is_v2:
        _check_ids(parsed)
    return RulesDocument(version, parsed[: len(rules)], parsed[-1] if len(parsed) > len(rules) else None)


def _parse_rule(raw: object, path: str, index: int, is_v2: bool) -> TargetingRule:
    fields = _read_object(raw, path)
    rule_id = _read_text(fields, "id", path)
    for name in ("name", "description"):
        if fields.get(name) is not None:
            _read_text(fields, name, path)
    percentage = _read_integer(fields, "rollout_percentage", path, 100)
    if not 0 <= percentage <= 100:
        raise _invalid(f"{path}.rollout_percentage", "must be between 0 and 100")
    priority = _read_integer(fields, "priority", path, 0)
    if "rule" not in fields:
        raise _invalid(
            f"{path}.rule",
            f"is required{_find_misspelt(fields, 'rule')}: a group of conditions, {{}} for everybody",
        )
    group = _parse_group(fields["rule"], f"{path}.rule", is_v2)
    extra = {name: value for name, value in fields.items() if name not in RULE_FIELDS}
    return TargetingRule(path, Rule(index, rule_id, extra), group, percentage, priority)


def _parse_group(raw: object, path: str, is_v2: bool, depth: int = 1) -> Group:
    if depth > MAX_NESTING:
        raise _invalid(path, f"is nested more than {MAX_NESTING} groups deep")
    fields = _read_object(raw, path)
    operator = fields.get("operator", "and")
    if operator not in ("and", "or", "not"):
        hint = suggest(operator, ("and", "or", "not"))
        raise _invalid(f"{path}.operator", f"must be and, or, or not (lower case){hint}")
    conditions = fields.get("conditions", [])
    groups = [] if fields.get("groups") is None else fields["groups"]
    for name, value in (("conditions", conditions), ("groups", groups)):
        if not isinstance(value, list):
            raise _invalid(f"{path}.{name}", "must be a list")
    if is_v2 and operator != "and" and not conditions and not groups:
        raise _invalid(
            path, f"an empty `{operator}` decides nothing: add a condition, or use `and` for everybody"
        )
    return Group(
        path,
        operator,
        _parse_each(
            enumerate(conditions),
            lambda part: _parse_condition(part[1], f"{path}.conditions[{part[0]}]", is_v2),
        ),
        _parse_each(
            enumerate(groups),
            lambda part: _parse_group(part[1], f"{path}.groups[{part[0]}]", is_v2, depth + 1),
        ),
    )


def _parse_condition(raw: object, path: str, is_v2: bool) -> Condition:
    fields = _read_object(raw, path)
    attribute = _read_text(fields, "attribute", path)
    if len(attribute) > 100 or not attribute.replace("_", "").replace(".", "").isalnum():
        raise _invalid(f"{path}.attribute", "must be letters, digits, `_` and `.`, at most 100 characters")
    if "value" not in fields:
        raise _invalid(f"{path}.value", f"is required{_find_misspelt(fields, 'value')} (it may be null)")
    operator, declared = _read_text(fields, "operator", path), fields.get("attribute_type")
    condition = Condition(
        path, attribute, operator, fields["value"], fields.get("additional_value"), declared
    )
    try:
        schema.check_condition(condition, fields, is_v2)
    except schema.InvalidField as error:
        raise _invalid(f"{path}.{error.field}", str(error)) from None
    if is_v2:
        try:
            operators_v2.build(condition, "")
        except InvalidOperand as error:
            raise _invalid(f"{path}.value", str(error)) from None
    return condition


def _check_ids(rules: tuple[TargetingRule, ...]) -> None:
    """Rollouts of version 2.0 hash the rule's id."""
    ids: set[str] = set()
    problems = []
    for rule in rules:
        if not is_key(rule.rule.id):
            problems.append(
                Problem(f"{rule.path}.id", "must be 1 to 128 of A-Z a-z 0-9 . _ - in version 2.0")
            )
        elif rule.rule.id in ids:
            problems.append(
                Problem(
                    f"{rule.path}.id",
                    "is the id of another rule; version 2.0 hashes ids, so each rule needs its own",
                )
            )
        ids.add(rule.rule.id)
    if problems:
        raise InvalidRules(*problems)


def _count_conditions(group: Group) -> int:
    return len(group.conditions) + sum(map(_count_conditions, group.groups))


def _parse_each(parts: Iterable[_Part], parse_part: Callable[[_Part], _Parsed]) -> tuple[_Parsed, ...]:
    """Raises InvalidRules with the problems of all parts."""
    items: list[_Parsed] = []
    problems: list[Problem] = []
    for part in parts:
        try:
            items.append(parse_part(part))
        except InvalidRules as error:
            problems += error.problems
    if problems:
        raise InvalidRules(*problems)
    return tuple(items)


def _invalid(path: str, message: str) -> InvalidRules:
    return InvalidRules(Problem(path, message))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _read_object(raw: object, path: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise _invalid(path, "must be an object")
    return raw


def _read_text(fields: Mapping[str, Any], name: str, path: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        missing = f"is required{_find_misspelt(fields, name)}"
        raise _invalid(_join(path, name), "must be text" if name in fields else missing)
    return value


def _find_misspelt(fields: Mapping[str, Any], name: str) -> str:
    """The end of a message about a field that is missing."""
    similar = find_similar(name, map(str, fields.keys() - RULE_FIELDS - schema.CONDITION_FIELDS))
    return f", in place of {similar!r}" if similar else ""


def _read_integer(fields: Mapping[str, Any], name: str, path: str, default: int) -> int:
    """The platform's schema accepts 50.0, "50" and true as integers."""
    value = fields.get(name, default)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and len(value) <= 20 and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, int):
        return int(value)
    hint = ""
    if name == "rollout_percentage" and isinstance(value, float) and 0 < value < 1:
        hint = f": {value:g} is a share; did you mean {value * 100:g}?"
    raise _invalid(_join(path, name), f"must be an integer{hint}")
