"""Probes: events with known answers and no effect. A new version must answer them before it gets traffic.

The smoke tests send them to the alias, too.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.environments import FunctionName
from realtime.heartbeat import HEADER


@dataclass(frozen=True, slots=True)
class Probe:
    event: dict[str, Any]
    expect: dict[str, Any]
    """Fields that the answer must have. It may have others."""


def build_gateway_event(
    method: str,
    path: str,
    body: str | None = None,
    *,
    parameters: Mapping[str, str] | None = None,
    authorizer: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """An API Gateway event with the fields that Chalice reads. ``path`` is the pattern."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {"content-type": "application/json"},
        "multiValueHeaders": {"content-type": ["application/json"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": parameters and {**parameters},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": path,
            "httpMethod": method,
            "identity": {},
            **({"authorizer": {**authorizer}} if authorizer else {}),
        },
        "body": body,
        "isBase64Encoded": False,
    }


_METHOD = "arn:aws:execute-api:us-east-1:000000000000:probe/api/GET/health"
KEY = "rt_probe00000000000000000000000000000000000000"
"""Of the form of a key, so that it is looked up."""
_DENIED = {"principalId": "none"}
PROBES: Mapping[FunctionName, tuple[Probe, ...]] = {
    "assignment": (
        Probe(build_gateway_event("POST", "/assign", "{}"), {"statusCode": 400}),
        # reads the tables: with a wrong role or table name the answer is storage_unavailable
        Probe(
            {"user_id": "probe", "experiment_key": "probe.absent"},
            {"error": {"code": "experiment_not_found"}},
        ),
    ),
    "feature_flags": (
        Probe(build_gateway_event("POST", "/flags/evaluate", "{}"), {"statusCode": 400}),
        Probe({"user_id": "probe", "flag_key": "probe.absent"}, {"error": {"code": "flag_not_found"}}),
    ),
    "ingest": (
        Probe(build_gateway_event("GET", "/health"), {"statusCode": 200}),
        # reads the table of keys
        Probe(build_gateway_event("POST", "/events", json.dumps({"key": KEY})), {"statusCode": 403}),
    ),
    "admin": (
        Probe({}, {"error": {"code": "gateway_only"}}),
        # reads the tables; a gateway says whose key it is, and nothing is called so
        Probe(
            build_gateway_event(
                "GET",
                "/admin/definitions/{kind}/{key}",
                parameters={"kind": "flag", "key": "probe.absent"},
                authorizer={"principalId": "probe", "scope": "view", "label": "probe"},
            ),
            {"statusCode": 404},
        ),
    ),
    "event_processor": (Probe({"Records": []}, {"batchItemFailures": []}),),
    "assignment_sync": (Probe({"Records": []}, {"batchItemFailures": []}),),
    "webhooks": (Probe({"Records": []}, {"batchItemFailures": []}),),
    "authorizer": (
        Probe({"type": "TOKEN", "authorizationToken": "probe", "methodArn": _METHOD}, _DENIED),
        Probe(  # reads the table of keys
            {"type": "TOKEN", "authorizationToken": f"Bearer {KEY}", "methodArn": _METHOD}, _DENIED
        ),
        Probe(  # is accepted for what is open to everybody
            {"type": "TOKEN", "authorizationToken": HEADER, "methodArn": _METHOD}, {"principalId": "health"}
        ),
    ),
}


def matches(expected: Any, answer: Any) -> bool:
    """Whether every field of ``expected`` is in ``answer``."""
    if isinstance(expected, dict):
        return isinstance(answer, dict) and all(matches(v, answer.get(k)) for k, v in expected.items())
    return bool(expected == answer)
