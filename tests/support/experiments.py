"""Builds experiments from the fields that a test needs. By default: active, with two equal variants."""

import json
from typing import Any

from chalicelib.domain.definitions.compiler import load_experiment
from chalicelib.domain.definitions.model import DefinitionRow, Experiment


def shares(**allocations: float) -> list[dict[str, Any]]:
    """Variants without a payload."""
    return [{"key": key, "allocation": allocation} for key, allocation in allocations.items()]


def document(key: str = "checkout", **fields: Any) -> dict[str, Any]:
    return {"key": key, "status": "active", "variants": shares(control=0.5, treatment=0.5)} | fields


def experiment(key: str = "checkout", *, version: int = 1, **fields: Any) -> Experiment:
    return load_experiment(json.dumps(document(key, **fields)), version)


def published(key: str = "checkout", **fields: Any) -> DefinitionRow:
    """The row of `experiment` with the same arguments."""
    fields = document(key, **fields)
    return DefinitionRow("experiment", key, json.dumps(fields), fields["status"])


def published_flag(key: str = "dark-mode", **fields: Any) -> DefinitionRow:
    return DefinitionRow("flag", key, json.dumps({"key": key, "type": "boolean"} | fields), "active")


def published_segment(key: str = "testers", **fields: Any) -> DefinitionRow:
    return DefinitionRow("segment", key, json.dumps({"key": key} | fields), "active")
