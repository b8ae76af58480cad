"""Targeting rules, versions 1.0 and 2.0, as conditions of the general form."""

from typing import Any

from chalicelib.domain.bucketing import BUCKETS
from chalicelib.domain.targeting.document import Condition, Group, RulesDocument, TargetingRule
from chalicelib.domain.targeting.rollout import build_hash_prefix

Json = Any


def translate_rule(rule: TargetingRule, document: RulesDocument, salt: str, unit: Json) -> Json:
    """A condition that holds for who matches the rule and is within its own rollout.

    ``unit`` is the operand that the definition divides its users by.
    """
    dialect = "realtime-2.0" if document.is_v2 else "realtime-1.0"
    prefix = build_hash_prefix(salt, rule.rule.id) if document.is_v2 else ""
    condition = _translate_group(rule.group, dialect, prefix)
    if rule.rollout_percentage == 100:
        return condition
    if rule.rollout_percentage == 0:
        return False
    return {"all": [condition, _translate_rollout(rule, document, prefix, unit)]}


def _translate_rollout(rule: TargetingRule, document: RulesDocument, prefix: str, unit: Json) -> Json:
    if document.is_v2:
        scheme = {"scheme": "realtime-1", "prefix": prefix, "half": "first", "unit": unit, "as": "unit"}
        return {"shard": scheme, "ranges": [[0, rule.rollout_percentage * BUCKETS // 100]]}
    scheme = {"scheme": "md5-mod", "suffix": f":{rule.rule.id}", "of": 100}
    scheme |= {"unit": "context", "as": "identity-1.0"}
    return {"shard": scheme, "ranges": [[0, rule.rollout_percentage]]}


def _translate_group(group: Group, dialect: str, prefix: str) -> Json:
    """An empty group holds for everybody, whatever its operator."""
    parts = [_translate_condition(condition, dialect, prefix) for condition in group.conditions]
    parts += [_translate_group(inner, dialect, prefix) for inner in group.groups]
    if not parts:
        return True
    if group.operator == "and":
        return {"all": parts}
    if group.operator == "or":
        return {"any": parts}
    return {"not": {"any" if dialect == "realtime-2.0" else "all": parts}}


def _translate_condition(condition: Condition, dialect: str, prefix: str) -> Json:
    test = {
        "test": f"{dialect}/{condition.operator}",
        "attribute": condition.attribute,
        "value": condition.value,
        "salt": prefix,
    }
    if condition.additional_value is not None:
        test["additional_value"] = condition.additional_value
    return test
