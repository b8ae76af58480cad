"""openfeature-flagd-core: flagd's evaluator in the process, without a provider around it."""

from importlib import import_module
from typing import Any

from loadtests.peers.model import COUNTRIES, TIER, VERSION, Client, User


def connect() -> Client:
    evaluator = import_module("openfeature.contrib.tools.flagd.core").FlagdCore()
    evaluator.set_flags({"flags": {"w1": _build_flag(_roll_out(50)), "w2": _build_flag(_build_targeting())}})
    context_type = import_module("openfeature.evaluation_context").EvaluationContext

    def prepare(user: User) -> Any:
        return context_type(
            user["user_id"], {name: value for name, value in user.items() if name != "user_id"}
        )

    def decide(key: str, context: Any) -> bool:
        return bool(evaluator.resolve_boolean_value(key, False, context).value)

    return Client(prepare, decide)


def _build_flag(targeting: object) -> dict[str, Any]:
    return {
        "state": "ENABLED",
        "variants": {"on": True, "off": False},
        "defaultVariant": "off",
        "targeting": targeting,
    }


def _roll_out(percentage: int) -> dict[str, Any]:
    return {"fractional": [["on", percentage], ["off", 100 - percentage]]}


def _build_targeting() -> dict[str, Any]:
    conditions = [
        {"in": [{"var": "country"}, COUNTRIES]},
        {"sem_ver": [{"var": "app_version"}, ">=", VERSION]},
        {"or": [{"==": [{"var": "tier"}, TIER]}, {"==": [{"var": "beta"}, True]}]},
    ]
    return {"if": [{"and": conditions}, _roll_out(30), "off"]}
