"""Percentages of users, in both versions: the operator ``percentage_bucket``, and what rollouts hash."""

import hashlib
from collections.abc import Mapping
from typing import Any

from chalicelib.domain import bucketing
from chalicelib.domain.targeting.document import Condition, InvalidOperand
from chalicelib.domain.targeting.values import (
    Test,
    always,
    never,
    read_number_v1,
    read_number_v2,
    read_text_v1,
)

_IDENTIFIERS = ("user_id", "id", "email", "username", "device_id", "client_id", "session_id")


def identify_v1(context: Mapping[str, Any]) -> str:
    """The first identifier that is not empty, or a hash of the whole context."""
    for name in _IDENTIFIERS:
        value = context.get(name)
        if value:
            return str(value)
    pairs = str(sorted(context.items(), key=lambda pair: pair[0]))
    return hashlib.md5(pairs.encode(), usedforsecurity=False).hexdigest()


def build_percentage_bucket_v1(condition: Condition) -> Test:
    """MD5 of the attribute: every rule with the same percentage includes the same users."""
    share = read_number_v1(condition.value)
    if not 0 < share < 100:
        return always if share >= 100 else never
    return lambda value, _now: _hash_to_percent(read_text_v1(value)) < share


def _hash_to_percent(text: str) -> int:
    """0 … 99. Raises UnicodeEncodeError for a lone surrogate, which cannot be hashed."""
    return int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()) % 100


def build_hash_prefix(salt: str, rule_id: str) -> str:
    """Version 2.0 hashes ``rule/{salt}/{rule id}:{user}``; neither salt nor id can contain ``/`` or ``:``."""
    return bucketing.make_prefix("rule", f"{salt}/{rule_id}")


def build_percentage_bucket_v2(condition: Condition, hash_prefix: str) -> Test:
    """The second half of the hash: the first decides the rule's rollout, so the two are independent."""
    share = read_number_v2(condition.value)
    if not 0 <= share <= 100:
        raise InvalidOperand("must be a percentage between 0 and 100")
    buckets = bucketing.share_to_buckets(share / 100)
    if share and not buckets:
        raise InvalidOperand("must be 0, or at least 0.001: there are no smaller buckets")
    if buckets in (0, bucketing.BUCKETS):
        return always if buckets else never
    limit = bucketing.compute_threshold(buckets)

    def test(value: Any, _now: float) -> bool:
        unit = _read_unit(value)
        return unit is not None and bucketing.compute_halves(hash_prefix, unit)[1] < limit

    return test


def _read_unit(value: Any) -> str | None:
    """Version 2.0 hashes text that is not empty, and integers in decimal. None for other values."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
