"""A firewall for a REST API or a load balancer: limits for each API key, and AWS's managed rules.

By key, not by address: a backend behind one address sends the requests of all its users.
"""

import json
from typing import Any

from chalicelib.api.http import render_error
from infra.environments import Environment
from infra.resource_names import substitute

WINDOW_SECONDS = 60
MANAGED_RULES = ("AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet")
RETRY_SECONDS = 10
"""The firewall counts again every few seconds."""
ADDRESS_FACTOR = 2
"""One address may send twice what the whole API takes: that is a flood, and no customer."""
TARGETS = {
    "rest": "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${RestAPI}/stages/${RestAPI.Stage}",
    "alb": "${LoadBalancer}",
}


def build_resources(environment: Environment) -> dict[str, dict[str, Any]]:
    if not environment.waf:
        return {}
    association = {
        "WebACLArn": {"Fn::GetAtt": ["Firewall", "Arn"]},
        "ResourceArn": substitute(TARGETS[environment.api]),
    }
    return {
        "Firewall": _build_firewall(environment),
        "FirewallAssociation": {"Type": "AWS::WAFv2::WebACLAssociation", "Properties": association},
    }


def get_key_limit(environment: Environment) -> int:
    """Requests of one API key in a window."""
    return (environment.key_rate or environment.throttle.rate // 2) * WINDOW_SECONDS


def _build_firewall(environment: Environment) -> dict[str, Any]:
    name = f"realtime-{environment.name}"
    spaces = [{"Priority": 0, "Type": "COMPRESS_WHITE_SPACE"}, {"Priority": 1, "Type": "LOWERCASE"}]
    plain = [{"Priority": 0, "Type": "NONE"}]
    limit = get_key_limit(environment)
    # A request without the header, or without the argument, is not counted by that rule.
    header = {"Header": {"Name": "authorization", "TextTransformations": spaces}}
    argument = {"QueryArgument": {"Name": "key", "TextTransformations": plain}}
    flood = environment.throttle.rate * WINDOW_SECONDS * ADDRESS_FACTOR
    rules = [
        _build_rate_rule("RateOfKey", limit, "CUSTOM_KEYS", CustomKeys=[header]),
        _build_rate_rule("RateOfPublicKey", limit, "CUSTOM_KEYS", CustomKeys=[argument]),
        _build_rate_rule("Flood", flood, "IP"),
    ]
    for group in MANAGED_RULES:
        statement = {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": group}}
        rules.append({"Name": group, "OverrideAction": {"None": {}}, "Statement": statement})
    for priority, rule in enumerate(rules):
        rule |= {"Priority": priority, "VisibilityConfig": _build_visibility(rule["Name"])}
    return {
        "Type": "AWS::WAFv2::WebACL",
        "Properties": {
            "Name": name,
            "Scope": "REGIONAL",
            "DefaultAction": {"Allow": {}},
            "CustomResponseBodies": {
                "throttled": {"ContentType": "APPLICATION_JSON", "Content": _render_throttled()}
            },
            "Rules": rules,
            "VisibilityConfig": _build_visibility(name),
        },
    }


def _build_rate_rule(name: str, limit: int, key_type: str, **keys: Any) -> dict[str, Any]:
    """Answers 429; AWS sends this response in place of the gateway's own for blocked requests."""
    headers = {
        "Retry-After": str(RETRY_SECONDS),  # OFREP's clients read whole seconds, and no date
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Expose-Headers": "ETag,Retry-After",
    }
    response = {
        "ResponseCode": 429,
        "CustomResponseBodyKey": "throttled",
        "ResponseHeaders": [{"Name": header, "Value": value} for header, value in headers.items()],
    }
    statement = {
        "AggregateKeyType": key_type,
        **keys,
        "Limit": limit,
        "EvaluationWindowSec": WINDOW_SECONDS,
    }
    return {
        "Name": name,
        "Action": {"Block": {"CustomResponse": response}},
        "Statement": {"RateBasedStatement": statement},
    }


def _render_throttled() -> str:
    """Our error shape, and beside it the fields that OFREP's clients read."""
    message = "This key sends too many requests; wait as long as Retry-After says."
    body = {**render_error("throttled", message), "key": "", "errorCode": "GENERAL", "errorDetails": message}
    return json.dumps(body, separators=(",", ":"))


def _build_visibility(name: str) -> dict[str, Any]:
    """Without sampled requests: AWS would keep their headers, which hold keys."""
    return {"CloudWatchMetricsEnabled": True, "SampledRequestsEnabled": False, "MetricName": name}
