"""The environment document that Flagsmith's SDKs download, as the evaluation context that they make of it."""

from collections.abc import Iterator, Mapping
from typing import Any

Fields = Mapping[str, Any]


def map_environment(document: Fields) -> dict[str, Any]:
    project = document.get("project") or {}
    return {
        "environment": {"key": document["api_key"], "name": document.get("name") or ""},
        "features": {state["feature"]["name"]: _map_state(state) for state in document["feature_states"]},
        "segments": dict([*_map_segments(project), *_map_identity_overrides(document)]),
    }


def _map_segments(project: Fields) -> Iterator[tuple[str, Fields]]:
    for segment in project.get("segments") or ():
        key = str(segment["id"])
        yield (
            key,
            {
                "key": key,
                "name": segment["name"],
                "rules": [_map_rule(rule) for rule in segment.get("rules") or ()],
                "overrides": [_map_state(state) for state in segment.get("feature_states") or ()],
            },
        )


def _map_rule(rule: Fields) -> dict[str, Any]:
    return {
        "type": rule["type"],
        "conditions": [
            {
                "property": condition.get("property_") or condition.get("property") or "",
                "operator": condition["operator"],
                "value": condition.get("value"),
            }
            for condition in rule.get("conditions") or ()
        ],
        "rules": [_map_rule(nested) for nested in rule.get("rules") or ()],
    }


def _map_state(state: Fields) -> dict[str, Any]:
    mapped: dict[str, Any] = {
        "key": str(state.get("django_id") or state.get("featurestate_uuid")),
        "name": state["feature"]["name"],
        "enabled": state["enabled"],
        "value": state.get("feature_state_value"),
    }
    variants = state.get("multivariate_feature_state_values") or ()
    if variants:
        mapped["variants"] = [
            {
                "value": variant["multivariate_feature_option"]["value"],
                "weight": variant["percentage_allocation"],
                "priority": _read_order(variant),
            }
            for variant in variants
        ]
    priority = (state.get("feature_segment") or {}).get("priority")
    return mapped | ({} if priority is None else {"priority": priority})


def _read_order(variant: Fields) -> int:
    """Its id, else its UUID as a number."""
    if variant.get("id"):
        return int(variant["id"])
    return int(str(variant["mv_fs_value_uuid"]).replace("-", ""), 16)


def _map_identity_overrides(document: Fields) -> Iterator[tuple[str, Fields]]:
    """Before all segments: a segment of one identity."""
    for override in document.get("identity_overrides") or ():
        identifier = override["identifier"]
        condition = {"property": "$.identity.identifier", "operator": "IN", "value": [identifier]}
        states = override.get("identity_features") or ()
        yield (
            f"identity {identifier}",
            {
                "key": "",
                "name": f"identity {identifier}",
                "rules": [{"type": "ALL", "conditions": [condition]}],
                "overrides": [_map_state(state) | {"priority": float("-inf")} for state in states],
            },
        )
