"""optimizely-sdk: a datafile as text. Decisions send no event."""

import json
import logging
from importlib import import_module
from typing import Any

from loadtests.peers.model import COUNTRIES, TIER, VERSION, Client, User


def connect() -> Client:
    library = import_module("optimizely.optimizely")
    logging.getLogger("optimizely").setLevel(logging.CRITICAL)
    client = library.Optimizely(json.dumps(_build_datafile()))
    option = import_module("optimizely.decision.optimizely_decide_option").OptimizelyDecideOption
    options = [option.DISABLE_DECISION_EVENT, option.EXCLUDE_VARIABLES]

    def prepare(user: User) -> Any:
        attributes = {name: value for name, value in user.items() if isinstance(value, str | int)}
        return client.create_user_context(user["user_id"], attributes)

    return Client(prepare, lambda key, user: bool(user.decide(key, options).enabled), client.close)


def _build_datafile() -> dict[str, Any]:
    names = ["country", "app_version", "tier", "beta"]
    conditions = [
        "and",
        ["or", *(_match("country", "exact", country) for country in COUNTRIES)],
        _match("app_version", "semver_ge", VERSION),
        ["or", _match("tier", "exact", TIER), _match("beta", "exact", True)],
    ]
    dummy = ["or", _match("$opt_dummy_attribute", "exact", "$opt_dummy_value")]
    return {
        "version": "4",
        "accountId": "1",
        "projectId": "1",
        "revision": "1",
        "sdkKey": "bench",
        "environmentKey": "production",
        "anonymizeIP": True,
        "botFiltering": False,
        "sendFlagDecisions": False,
        "attributes": [{"id": f"9{index}", "key": name} for index, name in enumerate(names)],
        "audiences": [{"id": "$opt_dummy_audience", "name": "dummy", "conditions": json.dumps(dummy)}],
        "typedAudiences": [{"id": "20", "name": "w2", "conditions": conditions}],
        "events": [],
        "integrations": [],
        "variables": [],
        "groups": [],
        "experiments": [],
        "featureFlags": [_build_flag("w1", "1"), _build_flag("w2", "2")],
        "rollouts": [_build_rollout("1", 5_000, []), _build_rollout("2", 3_000, ["20"])],
    }


def _match(name: str, match: str, value: object) -> dict[str, Any]:
    return {"type": "custom_attribute", "name": name, "match": match, "value": value}


def _build_flag(key: str, number: str) -> dict[str, Any]:
    return {"id": f"3{number}", "key": key, "rolloutId": f"4{number}", "experimentIds": [], "variables": []}


def _build_rollout(number: str, traffic: int, audiences: list[str]) -> dict[str, Any]:
    variation = f"6{number}"
    rule = {
        "id": f"5{number}",
        "key": f"5{number}",
        "status": "Running",
        "layerId": f"4{number}",
        "audienceIds": audiences,
        "variations": [{"id": variation, "key": "on", "featureEnabled": True, "variables": []}],
        "forcedVariations": {},
        "trafficAllocation": [{"entityId": variation, "endOfRange": traffic}],
    }
    return {"id": f"4{number}", "experiments": [rule]}
