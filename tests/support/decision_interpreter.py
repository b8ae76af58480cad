"""Flags and experiments decided step by step from their documents: slow, obvious, and without the engine.

It shares no code with the general form. Documents are valid ones, as users write them.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import mmh3

from tests.support import targeting_interpreter

Json = Any
BUCKETS = 100_000


class MissingUnit(Exception):
    """The decision needs a hash, and there is nothing to hash."""


class Answer(NamedTuple):
    variant: str | None
    value: Json
    reason: str
    enabled: bool = False


def evaluate_flag(
    flag: Json, user: str | None, context: Mapping[str, Json], now: float, others: Mapping[str, Json]
) -> Answer:
    """``others`` are the flags that this one may require, by key."""
    variants = flag.get("variants") or [
        {"key": "on", "value": True, "allocation": 1},
        {"key": "off", "value": False, "allocation": 0},
    ]
    default = flag.get("default_variant") or "off"
    off = flag.get("off_variant") or default
    values = {variant["key"]: variant["value"] for variant in variants}

    def answer(variant: str, reason: str, enabled: bool = False) -> Answer:
        return Answer(variant, values[variant], reason, enabled)

    early = find_early_answer(flag, user, context, now, others)
    if early is not None:
        variant, reason = early
        return answer(variant or off, reason, enabled=reason == "OVERRIDE")
    salt = flag.get("salt") or flag["key"]
    unit = read_unit(flag.get("bucket_by", "user_id"), user, context)
    rule, rules = None, flag.get("targeting_rules")
    if rules is not None:
        rule = targeting_interpreter.find_rule(rules, context, now, salt, unit)
        if rule is None:
            return answer(default, "NOT_TARGETED")
    percentage = read_percentage(flag, now)
    if percentage == 0:
        return answer(default, "NOT_IN_ROLLOUT")
    shares = {variant["key"]: variant.get("allocation") or 0 for variant in variants}
    if rule and "variant" in rule:
        shares = {rule["variant"]: 1}
    elif rule and rule.get("allocation"):
        shares = rule["allocation"]
    owners = {variant: share for variant, share in shares.items() if share}
    reason = "TARGETING_MATCH" if rule else "SPLIT"
    if percentage < 100 or len(owners) > 1:
        if unit is None:
            raise MissingUnit
        first, second = place(f"flag/{salt}:{unit}")
        if first >= round(percentage * BUCKETS / 100):
            return answer(default, "NOT_IN_ROLLOUT")
        return answer(pick(owners, second), reason, True)
    is_partial = "rollout_schedule" in flag or flag.get("rollout_percentage", 100) < 100
    (variant,) = owners
    return answer(variant, reason if rule or is_partial else "STATIC", True)


def find_early_answer(
    flag: Json, user: str | None, context: Mapping[str, Json], now: float, others: Mapping[str, Json]
) -> tuple[str | None, str] | None:
    """Variant and reason of what decides before targeting; None as variant is the off variant."""
    if not flag.get("enabled", True):
        return None, "DISABLED"
    if user in flag.get("overrides", {}):
        return flag["overrides"][user], "OVERRIDE"
    for required in flag.get("prerequisites", []):
        other = others.get(required["flag"])
        answer = other and evaluate_flag(other, user, context, now, others)
        if answer is None or answer.variant not in required["variants"]:
            return None, "PREREQUISITE_FAILED"
    return None


def decide_experiment(
    experiment: Json, user: str, context: Mapping[str, Json], now: float, row: Any
) -> Answer:
    """``row`` is the stored assignment that counts, or None."""
    payloads = {variant["key"]: variant.get("payload") for variant in experiment["variants"]}
    excluded = find_exclusion(experiment, user, now)
    if excluded is not None:
        return excluded._replace(value=payloads.get(excluded.variant or ""))
    if row is not None and experiment.get("sticky", True) and row.variant in payloads:
        return Answer(row.variant, payloads[row.variant], "STICKY")
    salt = experiment.get("salt") or experiment["key"]
    if experiment.get("iteration", 1) > 1:
        salt = f"{salt}/{experiment['iteration']}"
    rules = experiment.get("targeting_rules")
    if rules is not None and targeting_interpreter.find_rule(rules, context, now, salt, user) is None:
        return Answer(None, None, "NOT_TARGETED")
    first, second = place(f"experiment/{salt}:{user}")
    if first >= to_buckets(experiment.get("traffic_allocation", 1)):
        return Answer(None, None, "NOT_IN_TRAFFIC")
    variant = pick({each["key"]: each["allocation"] for each in experiment["variants"]}, second)
    reason = "ASSIGNED" if row is None else "STICKY" if row.variant == variant else "REASSIGNED"
    return Answer(variant, payloads[variant], reason)


def find_exclusion(experiment: Json, user: str, now: float) -> Answer | None:
    status = experiment.get("status", "draft")
    if status != "active":
        return Answer(None, None, status.upper())
    if "start_at" in experiment and now < read_time(experiment["start_at"]):
        return Answer(None, None, "NOT_STARTED")
    if "end_at" in experiment and now >= read_time(experiment["end_at"]):
        return Answer(None, None, "ENDED")
    if user in experiment.get("overrides", {}):
        return Answer(experiment["overrides"][user], None, "OVERRIDE")
    holdout, layer = experiment.get("holdout"), experiment.get("layer")
    if holdout and place(f"holdout/{holdout['key']}:{user}")[0] < to_buckets(holdout["share"]):
        return Answer(None, None, "HOLDOUT")
    if layer:
        start, end = to_buckets(layer["start"]), to_buckets(layer["end"])
        if not start <= place(f"layer/{layer['key']}:{user}")[0] < end:
            return Answer(None, None, "NOT_IN_LAYER")
    return None


def place(text: str) -> tuple[int, int]:
    """Both buckets of the hash."""
    first, second = mmh3.hash64(text.encode(), seed=0, x64arch=True, signed=False)
    return (int(first) * BUCKETS) >> 64, (int(second) * BUCKETS) >> 64


def pick(shares: Mapping[str, float], bucket: int) -> str:
    total = Decimal(0)
    for variant, share in shares.items():
        total += Decimal(str(share))
        if bucket < round(total * BUCKETS):
            return variant
    return list(shares)[-1]


def read_unit(attribute: str, user: str | None, context: Mapping[str, Json]) -> str | None:
    if attribute == "user_id":
        return user
    value = context.get(attribute)
    if attribute not in context:
        value = context
        for name in attribute.split("."):
            value = value.get(name) if isinstance(value, dict) else None
    if type(value) not in (str, int) or value == "":
        return None
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return None
    return str(value)


def read_percentage(flag: Json, now: float) -> float:
    steps = flag.get("rollout_schedule", [])
    percentage: float = flag.get("rollout_percentage", 0 if steps else 100)
    for step in steps:
        if now >= read_time(step["at"]):
            percentage = step["percentage"]
    return percentage


def read_time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def to_buckets(share: float) -> int:
    return round(Decimal(str(share)) * BUCKETS)
