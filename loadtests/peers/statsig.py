"""statsig-python-core: specs from a data store, without network and without logging."""

import json
from importlib import import_module
from typing import Any

from loadtests.peers.model import COUNTRIES, TIER, VERSION, Client, User

_COMMON = {"isDeviceBased": False, "idType": "userID"}
_TIME = 1_700_000_000_000


def connect() -> Client:
    library = import_module("statsig_python_core")
    store: Any = import_module("statsig_python_core.data_store")
    answer = store.DataStoreResponse(result=json.dumps(_build_specs()), time=_TIME)
    data_store = type("Specs", (store.DataStore,), {"get": lambda _self, _key: answer})()
    options = library.StatsigOptions(
        data_store=data_store,
        disable_network=True,
        disable_all_logging=True,
        disable_country_lookup=True,
        output_log_level="none",
    )
    statsig = library.Statsig("secret-key", options)
    statsig.initialize().wait()

    def prepare(user: User) -> Any:
        custom = {name: value for name, value in user.items() if name not in ("user_id", "account")}
        return library.StatsigUser(user["user_id"], custom=custom)

    return Client(
        prepare, lambda key, user: bool(statsig.check_gate(user, key)), lambda: statsig.shutdown().wait()
    )


def _build_specs() -> dict[str, Any]:
    conditions = {
        "everyone": {"type": "public", "targetValue": None, "operator": None, "field": None},
        "country": _build_condition("country", "any", COUNTRIES),
        "version": _build_condition("app_version", "version_gte", VERSION),
        "tier": _build_condition("tier", "any", [TIER]),
        "beta": _build_condition("beta", "any", ["true"]),
    }
    gates = {
        "w1": [_build_rule("half", ["everyone"], 50)],
        "w2": [_build_rule(each, ["country", "version", each], 30) for each in ("tier", "beta")],
    }
    return {
        "has_updates": True,
        "time": _TIME,
        "company_id": "company",
        "response_format": "dcs-v2",
        "condition_map": {
            name: condition | {"additionalValues": {}} | _COMMON for name, condition in conditions.items()
        },
        "feature_gates": {name: _build_gate(name, rules) for name, rules in gates.items()},
        "dynamic_configs": {},
        "layer_configs": {},
        "layers": {},
        "id_lists": {},
        "experiment_to_layer": {},
        "sdk_configs": {},
        "param_stores": {},
    }


def _build_condition(field: str, operator: str, value: object) -> dict[str, Any]:
    return {"type": "user_field", "targetValue": value, "operator": operator, "field": field}


def _build_rule(name: str, conditions: list[str], percentage: float) -> dict[str, Any]:
    return {
        "name": name,
        "id": name,
        "salt": "same",
        "passPercentage": percentage,
        "conditions": conditions,
        "returnValue": True,
    } | _COMMON


def _build_gate(name: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "salt": name,
        "type": "feature_gate",
        "entity": "feature_gate",
        "enabled": True,
        "defaultValue": False,
        "rules": rules,
        "version": 1,
    } | _COMMON
