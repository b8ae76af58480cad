"""UnleashClient: toggles from a bootstrapped cache; nothing is fetched, registered or reported."""

import tempfile
from importlib import import_module
from typing import Any

from loadtests.peers.model import COUNTRIES, TIER, VERSION, Client, User


def connect() -> Client:
    folder = tempfile.TemporaryDirectory()
    cache = import_module("UnleashClient.cache").FileCache("bench", folder.name)
    cache.bootstrap_from_dict({"version": 2, "features": _build_features()})
    client = import_module("UnleashClient").UnleashClient(
        "http://127.0.0.1:9",  # nothing listens there, and nothing is sent
        "bench",
        cache=cache,
        disable_metrics=True,
        disable_registration=True,
        refresh_interval=86_400,
    )
    client.initialize_client(fetch_toggles=False)

    def prepare(user: User) -> Any:
        properties = {name: _write(value) for name, value in user.items() if name != "user_id"}
        return {"userId": user["user_id"], "properties": properties}

    def close() -> None:
        client.destroy()
        folder.cleanup()

    return Client(prepare, lambda key, context: bool(client.is_enabled(key, context)), close)


def _write(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _build_features() -> list[dict[str, Any]]:
    shared: list[dict[str, Any]] = [
        {"contextName": "country", "operator": "IN", "values": COUNTRIES},
        {"contextName": "app_version", "operator": "SEMVER_LT", "value": VERSION, "inverted": True},
    ]
    either: list[dict[str, Any]] = [
        {"contextName": "tier", "operator": "IN", "values": [TIER]},
        {"contextName": "beta", "operator": "IN", "values": ["true"]},
    ]
    return [
        {"name": "w1", "enabled": True, "strategies": [_roll_out(50, [])]},
        {"name": "w2", "enabled": True, "strategies": [_roll_out(30, [*shared, each]) for each in either]},
    ]


def _roll_out(percentage: int, constraints: list[dict[str, Any]]) -> dict[str, Any]:
    parameters = {"rollout": str(percentage), "stickiness": "userId", "groupId": "bench"}
    return {"name": "flexibleRollout", "parameters": parameters, "constraints": constraints}
