"""Builds flags from the fields that a test needs."""

import json
from typing import Any

from chalicelib.domain.definitions.compiler import load_flag
from chalicelib.domain.definitions.model import Evaluation, Flag
from chalicelib.domain.evaluation import evaluate


def flag(key: str = "f", *, type: str = "", version: int = 1, **fields: Any) -> Flag:
    """Boolean, or of the type that the values of its variants show."""
    if not type and "variants" not in fields:
        type = "boolean"
    return load_flag(json.dumps({"key": key} | ({"type": type} if type else {}) | fields), version)


def variants(**shares: float) -> list[dict[str, Any]]:
    """String variants whose value is their key."""
    return [{"key": key, "value": key, "allocation": share} for key, share in shares.items()]


def rules(*parts: dict[str, Any], version: str = "1.0") -> dict[str, Any]:
    """Targeting rules r0, r1, …, each from its own fields."""
    return {"version": version, "rules": [{"id": f"r{index}", **part} for index, part in enumerate(parts)]}


def where(attribute: str, operator: str, value: Any) -> dict[str, Any]:
    return {"conditions": [{"attribute": attribute, "operator": operator, "value": value}]}


def answer(asked_flag: Flag, user: str = "u1", now: float = 1_800_000_000.0) -> Evaluation:
    """Of a flag that refers to no other, without a context."""
    return evaluate(asked_flag, user, {}, now, lambda _key: None)
