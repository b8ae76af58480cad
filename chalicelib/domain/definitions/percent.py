"""Percentages as text, such as ``20%``: the number that a share or a percentage means, exactly."""

import re
from typing import Any

from chalicelib.domain.targeting.document import MAX_NESTING

_PERCENT = re.compile(r"\s*([+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40}))\s*%\s*")


def read_share(value: Any) -> Any:
    """``20%`` is 0.2. Any other value is returned as it is, for the schema to check."""
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    return float(f"{match[1]}e-2") if match else value


def read_percentage(value: Any) -> Any:
    """``20%`` is 20. Any other value is returned as it is."""
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if not match:
        return value
    number = float(match[1])
    return int(number) if number.is_integer() else number


def read_weight(value: Any) -> Any:
    """``20%`` is 20: percentages are weights too, and relative like them."""
    return read_percentage(value)


def read_rule_percentages(document: Any) -> Any:
    """``document`` with the numbers of its rules' rollouts and allocations, and of percentage buckets in 2.0.

    In 1.0 a bucket of ``20%`` matches nobody, and stays so.
    """
    if not isinstance(document, dict):
        return document
    is_v2 = document.get("version") == "2.0"
    rules = document.get("rules")
    read: dict[str, Any] = {}
    if isinstance(rules, list):
        read["rules"] = [_read_rule(rule, is_v2) for rule in rules]
    if "default_rule" in document:
        read["default_rule"] = _read_rule(document["default_rule"], is_v2)
    return document | read


def _read_rule(rule: Any, is_v2: bool) -> Any:
    if not isinstance(rule, dict):
        return rule
    read: dict[str, Any] = {}
    if "rollout_percentage" in rule:
        read["rollout_percentage"] = read_percentage(rule["rollout_percentage"])
    if isinstance(rule.get("allocation"), dict):
        read["allocation"] = {key: read_share(share) for key, share in rule["allocation"].items()}
    if is_v2 and "rule" in rule:
        read["rule"] = _read_group(rule["rule"], MAX_NESTING)
    return rule | read if read else rule


def _read_group(group: Any, depth: int) -> Any:
    """Deeper groups are refused by the parser."""
    if not isinstance(group, dict) or not depth:
        return group
    read: dict[str, Any] = {}
    if isinstance(group.get("conditions"), list):
        read["conditions"] = [_read_condition(condition) for condition in group["conditions"]]
    if isinstance(group.get("groups"), list):
        read["groups"] = [_read_group(inner, depth - 1) for inner in group["groups"]]
    return group | read if read else group


def _read_condition(condition: Any) -> Any:
    if not isinstance(condition, dict) or condition.get("operator") != "percentage_bucket":
        return condition
    return condition | {name: read_percentage(condition[name]) for name in ("value",) if name in condition}
