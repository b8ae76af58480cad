"""growthbook: features given to the constructor."""

from importlib import import_module
from typing import Any

from loadtests.peers.model import COUNTRIES, TIER, VERSION, Client

_FEATURES: dict[str, Any] = {
    "w1": {"defaultValue": False, "rules": [{"force": True, "coverage": 0.5, "hashAttribute": "user_id"}]},
    "w2": {
        "defaultValue": False,
        "rules": [
            {
                "condition": {
                    "country": {"$in": COUNTRIES},
                    "app_version": {"$vgte": VERSION},
                    "$or": [{"tier": TIER}, {"beta": True}],
                },
                "force": True,
                "coverage": 0.3,
                "hashAttribute": "user_id",
            }
        ],
    },
}


def connect() -> Client:
    growthbook = import_module("growthbook").GrowthBook(features=_FEATURES)

    def decide(key: str, attributes: dict[str, Any]) -> bool:
        growthbook.set_attributes(attributes)
        return bool(growthbook.is_on(key))

    return Client(dict, decide, growthbook.destroy)
