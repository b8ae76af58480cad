"""An HTTP API: one integration a function, a route for each path, no authorizer.

The functions find routes, decide about keys and answer errors themselves (chalicelib/api/front_door.py).
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from infra.environments import Environment, FunctionName
from infra.front_doors.paths import get_owner, list_routed
from infra.functions import LOGICAL_IDS
from infra.release.alias import refer_to_alias
from infra.resource_names import substitute

API = {"Ref": "HttpApi"}
SECONDS = 29
LOGGED = {
    "requestId": "$context.requestId",
    "functionRequestId": "$context.integration.requestId",  # the request's id in the function's log
    "time": "$context.requestTimeEpoch",
    "method": "$context.httpMethod",
    "route": "$context.routeKey",  # the pattern, not the path: a path may hold an id
    "status": "$context.status",
    "latency": "$context.responseLatency",
    "integrationStatus": "$context.integration.integrationStatus",  # Lambda's own: 403, 429
    "integrationLatency": "$context.integration.latency",
    "bytes": "$context.responseLength",
    "error": "$context.error.responseType",
}


def build_resources(environment: Environment, paths: Iterable[str]) -> dict[str, dict[str, Any]]:
    """``paths`` are the patterns of every route. What fits none goes to `ingest`, which answers 404."""
    resources: dict[str, dict[str, Any]] = {
        "HttpApi": {
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": {
                "Name": f"realtime-{environment.name}",
                "ProtocolType": "HTTP",
                "DisableExecuteApiEndpoint": environment.domain is not None,
            },
        },
        "HttpStage": _build_stage(environment),
    }
    for name in list_routed(environment):
        integration = {
            "ApiId": API,
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": refer_to_alias(LOGICAL_IDS[name]),
            "PayloadFormatVersion": "2.0",
            "TimeoutInMillis": SECONDS * 1000,
        }
        resources[_get_integration_id(name)] = {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": integration,
        }
    for path in paths:
        words = re.findall("[a-z0-9]+", path)
        logical_id = "Route" + "".join(word.capitalize() for word in words)
        resources[logical_id] = _build_route(f"ANY {path}", get_owner(path))
    resources["RouteDefault"] = _build_route("$default", "ingest")
    return resources


def _get_integration_id(name: FunctionName) -> str:
    return f"{LOGICAL_IDS[name]}Integration"


def _build_route(key: str, owner: FunctionName) -> dict[str, Any]:
    properties = {
        "ApiId": API,
        "RouteKey": key,
        "AuthorizationType": "NONE",  # the function decides, by the code of the authorizer
        "Target": substitute(f"integrations/${{{_get_integration_id(owner)}}}"),
    }
    return {"Type": "AWS::ApiGatewayV2::Route", "Properties": properties}


def _build_stage(environment: Environment) -> dict[str, Any]:
    """Throttling, and an access log without user ids, keys, queries and addresses."""
    properties = {
        "ApiId": API,
        "StageName": "$default",
        "AutoDeploy": True,
        "DefaultRouteSettings": {
            "ThrottlingRateLimit": environment.throttle.rate,
            "ThrottlingBurstLimit": environment.throttle.burst,
            "DetailedMetricsEnabled": False,  # a price for each route; the functions count their answers
        },
        "AccessLogSettings": {
            "DestinationArn": {"Fn::GetAtt": ["AccessLog", "Arn"]},
            "Format": json.dumps(LOGGED, separators=(",", ":")),
        },
    }
    return {"Type": "AWS::ApiGatewayV2::Stage", "Properties": properties}
