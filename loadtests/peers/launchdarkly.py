"""launchdarkly-server-sdk: flags in its in-memory store, in the mode that reads the store only."""

from importlib import import_module
from typing import Any

from loadtests.peers.model import COUNTRIES, TIER, VERSION, Client, User


def connect() -> Client:
    library = import_module("ldclient")
    store = import_module("ldclient.feature_store").InMemoryFeatureStore()
    kinds = import_module("ldclient.versioned_data_kind")
    store.init({kinds.FEATURES: {flag["key"]: flag for flag in _build_flags()}, kinds.SEGMENTS: {}})
    config = import_module("ldclient.config").Config(
        "sdk-key", feature_store=store, use_ldd=True, send_events=False, diagnostic_opt_out=True
    )
    client = library.LDClient(config)

    def prepare(user: User) -> Any:
        builder = library.Context.builder(user["user_id"])
        for name, value in user.items():
            if name != "user_id":
                builder.set(name, value)
        return builder.build()

    return Client(prepare, lambda key, context: bool(client.variation(key, context, False)), client.close)


def _build_flags() -> list[dict[str, Any]]:
    shared: list[dict[str, Any]] = [
        {"attribute": "country", "op": "in", "values": COUNTRIES},
        {"attribute": "app_version", "op": "semVerLessThan", "values": [VERSION], "negate": True},
    ]
    either: list[dict[str, Any]] = [
        {"attribute": "tier", "op": "in", "values": [TIER]},
        {"attribute": "beta", "op": "in", "values": [True]},
    ]
    rules = [
        {"id": clause["attribute"], "clauses": [*shared, clause], "rollout": _roll_out(30)}
        for clause in either
    ]
    return [
        _build_flag("w1", [], {"rollout": _roll_out(50)}),
        _build_flag("w2", rules, {"variation": 0}),
    ]


def _roll_out(percentage: int) -> dict[str, Any]:
    on = percentage * 1000
    return {"variations": [{"variation": 1, "weight": on}, {"variation": 0, "weight": 100_000 - on}]}


def _build_flag(key: str, rules: list[dict[str, Any]], fallthrough: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": key,
        "version": 1,
        "on": True,
        "salt": key,
        "variations": [False, True],
        "offVariation": 0,
        "fallthrough": fallthrough,
        "rules": rules,
        "targets": [],
        "prerequisites": [],
    }
