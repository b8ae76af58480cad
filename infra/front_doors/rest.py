"""Chalice's API definition as it is deployed: each path calls its function's alias, errors have our shape."""

import json
from collections.abc import Iterator
from typing import Any

from chalicelib.api.cors import make_cors
from chalicelib.api.encoding import ENCODINGS
from chalicelib.api.http import render_error
from chalicelib.api.refusals import ERRORS
from chalicelib.domain.keys import BEARER_PATTERN
from infra.environments import Environment, UsagePlan
from infra.front_doors.paths import get_owner
from infra.functions import LOGICAL_IDS
from infra.release.alias import get_alias_id

OPEN_PATHS = ("/health", "/openapi.json", "/console", "/console/{name}")
SELF_AUTHORIZED_PATHS = ("/events",)
"""Their function reads the key itself."""
METHODS = ("get", "head", "post", "put", "patch", "delete")
GATEWAY_RESPONSES: dict[str, tuple[int, str, str]] = {
    "UNAUTHORIZED": (401, *ERRORS[401]),
    "ACCESS_DENIED": (403, *ERRORS[403]),
    "AUTHORIZER_FAILURE": (500, *ERRORS[500]),
    "AUTHORIZER_CONFIGURATION_ERROR": (500, *ERRORS[500]),
    "INVALID_API_KEY": (403, "forbidden", "This route needs a gateway key in the header X-API-Key."),
    "MISSING_AUTHENTICATION_TOKEN": (404, *ERRORS[404]),  # means an unknown route or method
    "RESOURCE_NOT_FOUND": (404, *ERRORS[404]),
    "REQUEST_TOO_LARGE": (413, *ERRORS[413]),
    # Also for a body that is not compressed as Content-Encoding says: the gateway unpacks bodies itself.
    "UNSUPPORTED_MEDIA_TYPE": (
        415,
        "unsupported_media_type",
        f"Send JSON: Content-Type: application/json, and a Content-Encoding of {ENCODINGS}, or none.",
    ),
    "THROTTLED": (429, "throttled", "Too many requests; wait as long as Retry-After says."),
    "QUOTA_EXCEEDED": (429, "throttled", "The quota of this gateway key is used up."),
    "WAF_FILTERED": (403, "forbidden", "The request was refused by the firewall."),  # by a managed rule
    "INTEGRATION_FAILURE": (502, *ERRORS[502]),
    "INTEGRATION_TIMEOUT": (504, *ERRORS[504]),
    "DEFAULT_4XX": (0, *ERRORS[400]),
    "DEFAULT_5XX": (0, *ERRORS[500]),
}
"""Status (0: unchanged), code and message of every answer that the gateway itself makes."""


def adapt_definition(body: dict[str, Any], environment: Environment) -> dict[str, Any]:
    """Adapt Chalice's Swagger document in place, and return it: each path calls its function's alias."""
    body["paths"] = {
        path: methods for path, methods in body["paths"].items() if get_owner(path) in environment.functions
    }
    for path, _, method in list_operations(body):
        method["x-amazon-apigateway-integration"]["uri"] = _build_invocation_uri(LOGICAL_IDS[get_owner(path)])
        if environment.usage_plan and path not in OPEN_PATHS and get_owner(path) != "admin":
            method["security"] = [*method.get("security", []), {GATEWAY_KEY: []}]
    _allow_headers(body, environment)
    for scheme in body["securityDefinitions"].values():
        scheme["x-amazon-apigateway-authorizer"] |= {
            "authorizerUri": _build_invocation_uri(LOGICAL_IDS["authorizer"]),
            "identityValidationExpression": BEARER_PATTERN,  # garbage costs no call
        }
    if environment.usage_plan:
        scheme = {"type": "apiKey", "name": "x-api-key", "in": "header"}
        body["securityDefinitions"][GATEWAY_KEY] = scheme
    body["x-amazon-apigateway-gateway-responses"] = {
        kind: _build_gateway_response(*answer) for kind, answer in GATEWAY_RESPONSES.items()
    }
    body["info"]["title"] = f"realtime-{environment.name}"
    return body


GATEWAY_KEY = "gateway_key"


def _allow_headers(body: dict[str, Any], environment: Environment) -> None:
    """API Gateway answers preflight requests itself, so it has to know the setting too."""
    cors = make_cors(environment.settings.get("REALTIME_CORS_HEADERS", ""))
    allowed = cors.get_access_control_headers()["Access-Control-Allow-Headers"]
    for methods in body["paths"].values():
        if "options" in methods:
            integration = methods["options"]["x-amazon-apigateway-integration"]
            parameters = integration["responses"]["default"]["responseParameters"]
            parameters["method.response.header.Access-Control-Allow-Headers"] = f"'{allowed}'"


def list_operations(body: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and definition of every route but preflight requests, which call no function."""
    for path, methods in body["paths"].items():
        for name in METHODS:
            if name in methods:
                yield path, name, methods[name]


def build_stage(environment: Environment) -> dict[str, Any]:
    """Throttling, traces, metrics, and an access log without user ids, keys, queries and addresses."""
    fields = {
        "requestId": "$context.requestId",
        "functionRequestId": "$context.integration.requestId",  # the request's id in the function's log
        "traceId": "$context.xrayTraceId",
        "time": "$context.requestTimeEpoch",
        "method": "$context.httpMethod",
        "route": "$context.resourcePath",  # the pattern, not the path: a path may hold an id
        "status": "$context.status",
        "latency": "$context.responseLatency",
        "integrationStatus": "$context.integrationStatus",  # Lambda's own: 403, 429
        "integrationLatency": "$context.integrationLatency",
        "authorizerLatency": "$context.authorizer.latency",
        "bytes": "$context.responseLength",
        "error": "$context.error.responseType",
    }
    return {
        "Name": f"realtime-{environment.name}",
        "EndpointConfiguration": {"Type": "REGIONAL"},
        "OpenApiVersion": "2.0",  # without it SAM adds a second stage, with no limits, log or firewall
        "DisableExecuteApiEndpoint": environment.domain is not None,
        "TracingEnabled": True,
        "MethodSettings": [
            {
                "ResourcePath": "/*",
                "HttpMethod": "*",
                "ThrottlingRateLimit": environment.throttle.rate,
                "ThrottlingBurstLimit": environment.throttle.burst,
                # Metrics of the API as a whole are free, and alarms and dashboard use them. Those of every
                # route cost $0.30 each a month, and the access log has the same figures.
                "MetricsEnabled": False,
                # API Gateway creates the log group of its execution log itself, and it would never expire.
                # The access log, the trace and the functions' logs hold the same facts.
                "LoggingLevel": "OFF",
                "DataTraceEnabled": False,  # it would log bodies, which hold user ids
            }
        ],
        "AccessLogSetting": {
            "DestinationArn": {"Fn::GetAtt": ["AccessLog", "Arn"]},
            "Format": json.dumps(fields, separators=(",", ":")),
        },
    }


def build_access_log(environment: Environment) -> dict[str, Any]:
    return {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {
            "LogGroupName": f"/aws/apigateway/realtime-{environment.name}",
            "RetentionInDays": environment.log_days,
        },
    }


def build_usage_plan(plan: UsagePlan, environment: Environment) -> dict[str, Any]:
    properties = {
        "UsagePlanName": f"realtime-{environment.name}",
        "ApiStages": [{"ApiId": {"Ref": "RestAPI"}, "Stage": {"Ref": "RestAPI.Stage"}}],
        "Throttle": {"RateLimit": plan.throttle.rate, "BurstLimit": plan.throttle.burst},
        "Quota": {"Limit": plan.requests_per_month, "Period": "MONTH"},
    }
    return {"Type": "AWS::ApiGateway::UsagePlan", "Properties": properties}


def _build_invocation_uri(logical: str) -> dict[str, str]:
    return {
        "Fn::Sub": "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/"
        f"${{{get_alias_id(logical)}}}/invocations"
    }


def _build_gateway_response(status: int, code: str, message: str) -> dict[str, Any]:
    """One body for all paths: our error shape, and beside it the fields that OFREP's clients read.

    A gateway response does not know the request's path.
    """
    body = {**render_error(code, message), "key": "", "errorCode": "GENERAL", "errorDetails": message}
    headers = {
        "Access-Control-Allow-Origin": "'*'",
        "Access-Control-Expose-Headers": "'ETag,Retry-After'",
    }
    if status == 429:
        headers["Retry-After"] = "'1'"  # OFREP's clients read whole seconds, and no date
    response: dict[str, Any] = {
        "responseParameters": {f"gatewayresponse.header.{name}": value for name, value in headers.items()},
        "responseTemplates": {"application/json": json.dumps(body, separators=(",", ":"))},
    }
    if status:
        response["statusCode"] = status
    return response
