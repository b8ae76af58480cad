"""Events with known answers and no effect: what a new version must answer before it gets traffic.

The smoke tests send the same ones to the alias.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.environments import FunctionName


@dataclass(frozen=True, slots=True)
class Probe:
    event: dict[str, Any]
    expect: dict[str, Any]
    """Fields that the answer has, and may have more."""


def gateway(method: str, path: str, body: str | None = None) -> dict[str, Any]:
    """An event of API Gateway as Chalice reads it."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": method,
        "headers": {"content-type": "application/json"},
        "multiValueHeaders": {"content-type": ["application/json"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"resourcePath": path, "httpMethod": method, "identity": {}},
        "body": body,
        "isBase64Encoded": False,
    }


_METHOD = "arn:aws:execute-api:us-east-1:000000000000:probe/api/GET/health"
_DENIED = {"principalId": "none"}
PROBES: Mapping[FunctionName, tuple[Probe, ...]] = {
    "assignment": (
        Probe(gateway("POST", "/assign", "{}"), {"statusCode": 400}),
        # asks the tables: a role or a name that is wrong answers storage_unavailable instead
        Probe(
            {"user_id": "probe", "experiment_key": "probe.absent"},
            {"error": {"code": "experiment_not_found"}},
        ),
    ),
    "feature_flags": (
        Probe(gateway("POST", "/flags/evaluate", "{}"), {"statusCode": 400}),
        Probe({"user_id": "probe", "flag_key": "probe.absent"}, {"error": {"code": "flag_not_found"}}),
    ),
    "ingest": (
        Probe(gateway("GET", "/health"), {"statusCode": 200}),
        Probe(gateway("POST", "/events", "[]"), {"statusCode": 400}),
    ),
    "event_processor": (Probe({"Records": []}, {"batchItemFailures": []}),),
    "assignment_sync": (Probe({"Records": []}, {"batchItemFailures": []}),),
    "authorizer": (
        Probe({"type": "TOKEN", "authorizationToken": "probe", "methodArn": _METHOD}, _DENIED),
        Probe(  # asks the table of keys
            {"type": "TOKEN", "authorizationToken": "Bearer rt_probe", "methodArn": _METHOD}, _DENIED
        ),
    ),
}
