"""Targeting rules, versions 1.0 and 2.0, as conditions of the general form (docs/adr/015)."""

from typing import Any

from chalicelib.domain.bucketing import BUCKETS
from chalicelib.domain.targeting.document import Condition, Group, RulesDocument, TargetingRule
from chalicelib.domain.targeting.rollout import build_hash_prefix

Json = Any


def translate_rule(rule: TargetingRule, document: RulesDocument, salt: str, unit: Json) -> Json:
    """A condition that holds for who matches the rule and is within its own rollout.

    ``unit`` is the operand that the definition divides its users by. The default rule of version 1.0 takes
    everybody whom no rule has matched, whatever its conditions say.
    """
    if rule is document.default_rule and not document.is_v2:
        return True
    prefix = build_hash_prefix(salt, rule.rule.id) if document.is_v2 else ""
    condition = translate_group(rule.group, document.is_v2, prefix)
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


def translate_group(group: Group, is_v2: bool, prefix: str = "") -> Json:
    """An empty group holds for everybody, whatever its operator. Percentage buckets hash ``prefix``."""
    parts = [translate_condition(condition, is_v2, prefix) for condition in group.conditions]
    parts += [translate_group(inner, is_v2, prefix) for inner in group.groups]
    if not parts:
        return True
    if group.operator == "and":
        return {"all": parts}
    if group.operator == "or":
        return {"any": parts}
    return {"not": {"any" if is_v2 else "all": parts}}


def translate_condition(condition: Condition, is_v2: bool, prefix: str = "") -> Json:
    test = {
        "test": f"realtime-{'2.0' if is_v2 else '1.0'}/{condition.operator}",
        "attribute": condition.attribute,
        "value": condition.value,
        "salt": prefix,
        "path": condition.path,
    }
    if condition.additional_value is not None:
        test["additional_value"] = condition.additional_value
    return test
