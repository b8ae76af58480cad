"""Answers of CloudWatch Evidently's API, from the fields that a test needs."""

import json
from collections.abc import Mapping
from typing import Any

ARN = "arn:aws:evidently:eu-west-1:123456789012:"
START = "2025-01-01T00:00:00+00:00"
RULES = {"launch": "aws.evidently.splits", "experiment": "aws.evidently.onlineab"}


def feature(name: str = "f", **more: Any) -> dict[str, Any]:
    variations = [
        {"name": "off", "value": {"boolValue": False}},
        {"name": "on", "value": {"boolValue": True}},
    ]
    return {
        "arn": f"{ARN}project/shop/feature/{name}",
        "name": name,
        "valueType": "BOOLEAN",
        "evaluationStrategy": "ALL_RULES",
        "variations": variations,
        "defaultVariation": "off",
    } | more


def launch(weights: Mapping[str, int], *overrides: Any, of: str = "f", **more: Any) -> dict[str, Any]:
    step = {"startTime": START, "groupWeights": weights, "segmentOverrides": list(overrides)}
    groups = [{"name": name, "featureVariations": {of: name}} for name in ("on", "off")]
    fields = {"name": "l", "status": "RUNNING", "groups": groups}
    return fields | {"scheduledSplitsDefinition": {"steps": [step]}} | more


def override(segment: str, weights: Mapping[str, int], order: int = 1) -> dict[str, Any]:
    return {"segment": f"{ARN}segment/{segment}", "evaluationOrder": order, "weights": weights}


def experiment(weights: Mapping[str, int], sampling: int = 100_000, **more: Any) -> dict[str, Any]:
    treatments = [{"name": name, "featureVariations": {"f": name}} for name in ("on", "off")]
    definition = {"controlTreatmentName": "off", "treatmentWeights": weights}
    fields = {"name": "x", "status": "RUNNING", "treatments": treatments, "samplingRate": sampling}
    return fields | {"onlineAbDefinition": definition} | more


def segment(pattern: Any, name: str = "s") -> dict[str, Any]:
    return {"arn": f"{ARN}segment/{name}", "name": name, "pattern": json.dumps(pattern)}


def answers(**lists: Any) -> dict[str, Any]:
    """``features``, ``launches``, ``experiments``, ``segments``; by default one feature."""
    return {"features": [feature()]} | lists
