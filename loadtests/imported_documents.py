"""W2 as other systems write it: the country one of three, version 2.3.0 or newer, gold or beta; 30 % of them.

Each document has what its system's users would write, with as few rules as the system needs.
"""

from collections.abc import Callable, Mapping
from typing import Any

from loadtests.workloads import COUNTRIES

LISTED = list(COUNTRIES)
MINIMUM = "2.3.0"


def write_unleash() -> Any:
    shared = [
        {"contextName": "country", "operator": "IN", "values": LISTED},
        {"contextName": "app_version", "operator": "SEMVER_GTE", "value": MINIMUM},
    ]
    parameters = {"rollout": "30", "stickiness": "userId", "groupId": "w2"}
    strategies = [
        {"name": "flexibleRollout", "parameters": parameters, "constraints": [*shared, constraint]}
        for constraint in (
            {"contextName": "tier", "operator": "IN", "values": ["gold"]},
            {"contextName": "beta", "operator": "IN", "values": ["true"]},
        )
    ]
    return {"version": 2, "features": [{"name": "w2", "enabled": True, "strategies": strategies}]}


def write_eppo() -> Any:
    def matches(attribute: str, operator: str, value: Any) -> Any:
        return {"attribute": attribute, "operator": operator, "value": value}

    shared = [matches("country", "ONE_OF", LISTED), matches("app_version", "GTE", MINIMUM)]
    others = [matches("tier", "ONE_OF", ["gold"]), matches("beta", "ONE_OF", ["true"])]
    shard = {"salt": "w2-traffic", "ranges": [{"start": 0, "end": 3000}]}
    allocation = {
        "key": "rollout",
        "rules": [{"conditions": [*shared, other]} for other in others],
        "splits": [{"variationKey": "on", "shards": [shard]}],
        "doLog": True,
    }
    flag = {
        "key": "w2",
        "enabled": True,
        "variationType": "BOOLEAN",
        "variations": {"on": {"key": "on", "value": True}, "off": {"key": "off", "value": False}},
        "allocations": [allocation],
        "totalShards": 10_000,
    }
    return {"format": "SERVER", "environment": {"name": "prod"}, "flags": {"w2": flag}}


def write_launchdarkly() -> Any:
    def clause(attribute: str, op: str, *values: Any) -> Any:
        return {"attribute": attribute, "op": op, "values": list(values), "negate": False}

    shared = [clause("country", "in", *LISTED), clause("app_version", "semVerLessThan", MINIMUM)]
    shared[1]["negate"] = True
    weights = [{"variation": 0, "weight": 30_000}, {"variation": 1, "weight": 70_000}]
    rules = [
        {"id": f"rule-{index}", "clauses": [*shared, other], "rollout": {"variations": weights}}
        for index, other in enumerate((clause("tier", "in", "gold"), clause("beta", "in", True)))
    ]
    flag = {
        "key": "w2",
        "on": True,
        "salt": "a1b2",
        "variations": [True, False],
        "offVariation": 1,
        "fallthrough": {"variation": 1},
        "rules": rules,
    }
    return {"flags": {"w2": flag}, "segments": {}}


def write_growthbook() -> Any:
    condition = {
        "country": {"$in": LISTED},
        "app_version": {"$vgte": MINIMUM},
        "$or": [{"tier": "gold"}, {"beta": True}],
    }
    rule = {"condition": condition, "force": True, "coverage": 0.3, "hashAttribute": "user_id"}
    return {"features": {"w2": {"defaultValue": False, "rules": [rule]}}}


def write_flagd() -> Any:
    targeting = {
        "and": [
            {"in": [{"var": "country"}, LISTED]},
            {"sem_ver": [{"var": "app_version"}, ">=", MINIMUM]},
            {"or": [{"==": [{"var": "tier"}, "gold"]}, {"==": [{"var": "beta"}, True]}]},
        ]
    }
    split = {"fractional": [["on", 30], ["off", 70]]}
    flag = {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "off",
        "targeting": {"if": [targeting, split, "off"]},
    }
    return {"flags": {"w2": flag}}


def write_optimizely() -> Any:
    def attribute(name: str, match: str, value: Any) -> Any:
        return {"type": "custom_attribute", "name": name, "match": match, "value": value}

    either = ["or", attribute("tier", "exact", "gold"), attribute("beta", "exact", True)]
    countries = ["or", *(attribute("country", "exact", country) for country in LISTED)]
    audience = {
        "id": "1",
        "name": "targeted",
        "conditions": ["and", countries, attribute("app_version", "semver_ge", MINIMUM), either],
    }

    def rule(number: str, enabled: bool, audiences: list[str], end: int) -> Any:
        variation = {"id": f"v{number}", "key": number, "featureEnabled": enabled, "variables": []}
        return {
            "id": f"r{number}",
            "key": f"r{number}",
            "status": "Running",
            "layerId": "l",
            "variations": [variation],
            "trafficAllocation": [{"entityId": f"v{number}", "endOfRange": end}],
            "audienceIds": audiences,
            "forcedVariations": {},
        }

    rules = [rule("on", True, ["1"], 3_000), rule("off", False, [], 10_000)]
    flag = {"id": "f", "key": "w2", "experimentIds": [], "rolloutId": "rollout", "variables": []}
    return {
        "version": "4",
        "featureFlags": [flag],
        "rollouts": [{"id": "rollout", "experiments": rules}],
        "experiments": [],
        "groups": [],
        "audiences": [],
        "typedAudiences": [audience],
    }


def write_statsig() -> Any:
    def condition(field: str, operator: str, target: Any) -> Any:
        return {"type": "user_field", "field": field, "operator": operator, "targetValue": target}

    shared = [condition("country", "any", LISTED), condition("app_version", "version_gte", MINIMUM)]
    rules = [
        {
            "id": f"rule-{index}",
            "salt": "s",
            "name": f"rule {index}",
            "passPercentage": 30,
            "conditions": [*shared, other],
            "returnValue": True,
            "idType": "userID",
        }
        for index, other in enumerate((condition("tier", "any", ["gold"]), condition("beta", "eq", True)))
    ]
    gate = {
        "name": "w2",
        "type": "feature_gate",
        "salt": "salt",
        "enabled": True,
        "defaultValue": False,
        "rules": rules,
        "idType": "userID",
        "entity": "feature_gate",
    }
    return {"feature_gates": [gate], "dynamic_configs": [], "layer_configs": []}


def write_configcat() -> Any:
    def text_in(attribute: str, values: list[str]) -> Any:
        return {"u": {"a": attribute, "c": 0, "l": values}}

    shared = [text_in("country", LISTED), {"u": {"a": "app_version", "c": 9, "s": MINIMUM}}]
    options = [{"p": 30, "v": {"b": True}, "i": "on"}, {"p": 70, "v": {"b": False}, "i": "off"}]
    others = (text_in("tier", ["gold"]), text_in("beta", ["true"]))
    rules = [{"c": [*shared, other], "p": options} for other in others]
    return {"p": {"s": "salt"}, "s": [], "f": {"w2": {"t": 0, "v": {"b": False}, "i": "off", "r": rules}}}


def write_flagsmith() -> Any:
    def condition(name: str, operator: str, value: str) -> Any:
        return {"property": name, "operator": operator, "value": value}

    shared = [condition("country", "IN", ",".join(LISTED))]
    shared.append(condition("app_version", "GREATER_THAN_INCLUSIVE", f"{MINIMUM}:semver"))
    either = {
        "type": "ANY",
        "conditions": [condition("tier", "EQUAL", "gold"), condition("beta", "EQUAL", "true")],
    }
    rollout = {"type": "ALL", "conditions": [condition("", "PERCENTAGE_SPLIT", "30")]}
    segment = {
        "key": "7",
        "name": "targeted",
        "rules": [{"type": "ALL", "conditions": shared, "rules": [either, rollout]}],
        "overrides": [{"key": "2", "name": "w2", "enabled": True, "value": "on", "priority": 1}],
    }
    feature = {"key": "1", "name": "w2", "enabled": False, "value": "off"}
    environment = {"key": "env", "name": "prod"}
    return {"environment": environment, "features": {"w2": feature}, "segments": {"7": segment}}


def write_split() -> Any:
    def matcher(attribute: str, kind: str, **data: Any) -> Any:
        return {"keySelector": {"attribute": attribute}, "matcherType": kind, "negate": False} | data

    shared = [
        matcher("country", "WHITELIST", whitelistMatcherData={"whitelist": LISTED}),
        matcher("app_version", "GREATER_THAN_OR_EQUAL_TO_SEMVER", stringMatcherData=MINIMUM),
    ]
    others = (
        matcher("tier", "WHITELIST", whitelistMatcherData={"whitelist": ["gold"]}),
        matcher("beta", "EQUAL_TO_BOOLEAN", booleanMatcherData=True),
    )
    conditions = [
        {
            "conditionType": "ROLLOUT",
            "label": "in rule",
            "matcherGroup": {"combiner": "AND", "matchers": [*shared, other]},
            "partitions": [{"treatment": "on", "size": 30}, {"treatment": "off", "size": 70}],
        }
        for other in others
    ]
    flag = {
        "name": "w2",
        "seed": 17,
        "trafficAllocation": 100,
        "trafficAllocationSeed": 5,
        "algo": 2,
        "status": "ACTIVE",
        "killed": False,
        "defaultTreatment": "off",
        "conditions": conditions,
    }
    return {"splits": [flag], "segments": {}}


def write_posthog() -> Any:
    def prop(key: str, operator: str, value: Any) -> Any:
        return {"key": key, "value": value, "operator": operator, "type": "person"}

    shared = [prop("country", "exact", LISTED), prop("app_version", "semver_gte", MINIMUM)]
    groups = [
        {"properties": [*shared, other], "rollout_percentage": 30}
        for other in (prop("tier", "exact", "gold"), prop("beta", "exact", ["true"]))
    ]
    flag = {"key": "w2", "active": True, "filters": {"groups": groups}}
    return {"flags": [flag], "group_type_mapping": {}, "cohorts": {}}


WRITERS: Mapping[str, Callable[[], Any]] = {
    "unleash": write_unleash,
    "eppo": write_eppo,
    "launchdarkly": write_launchdarkly,
    "growthbook": write_growthbook,
    "flagd": write_flagd,
    "optimizely": write_optimizely,
    "statsig": write_statsig,
    "configcat": write_configcat,
    "flagsmith": write_flagsmith,
    "split": write_split,
    "posthog": write_posthog,
}
