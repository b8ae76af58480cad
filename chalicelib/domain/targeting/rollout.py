"""Whether a rule's rollout includes the user of a context."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.domain import bucketing
from chalicelib.domain.targeting.document import TargetingRule
from chalicelib.domain.targeting.operators_v1 import md5_bucket

Rollout = Callable[[Mapping[str, Any]], bool]

_IDENTIFIERS = ("user_id", "id", "email", "username", "device_id", "client_id", "session_id")


def direct(rule: TargetingRule) -> Rollout:
    """Version 1.0: MD5 of the first truthy identifier, or of the whole context."""
    suffix, percentage = f":{rule.rule.id}", rule.rollout_percentage
    return lambda context: md5_bucket(_identity(context) + suffix) < percentage


def _identity(context: Mapping[str, Any]) -> str:
    for name in _IDENTIFIERS:
        value = context.get(name)
        if value:
            return str(value)
    pairs = str(sorted(context.items(), key=lambda pair: pair[0]))
    return hashlib.md5(pairs.encode(), usedforsecurity=False).hexdigest()


def hash_prefix(salt: str, rule_id: str) -> str:
    """Version 2.0 hashes ``rule/{salt}/{rule id}:{user}``; neither salt nor id can contain ``/`` or ``:``."""
    return bucketing.prefix("rule", f"{salt}/{rule_id}")


def corrected(rule: TargetingRule, salt: str) -> Rollout:
    """Version 2.0: the first half of MurmurHash3 of ``user_id``; without one the user is excluded."""
    prefix = hash_prefix(salt, rule.rule.id)
    limit = bucketing.threshold(rule.rollout_percentage * bucketing.BUCKETS // 100)

    def included(context: Mapping[str, Any]) -> bool:
        unit = unit_text(context.get("user_id"))
        return unit is not None and bucketing.halves(prefix, unit)[0] < limit

    return included


def unit_text(value: Any) -> str | None:
    """What version 2.0 hashes: text that is not empty, or an integer in decimal."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
