"""A firewall and a domain name for the API, where the environment asks for them."""

from typing import Any

from infra.environments import Domain, Environment
from infra.resource_names import substitute

REQUESTS_PER_ADDRESS = 100_000
"""In five minutes. One address of a large customer sends less, a flood more."""
MANAGED_RULES = ("AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet")


def build_resources(environment: Environment) -> dict[str, dict[str, Any]]:
    resources: dict[str, dict[str, Any]] = {}
    if environment.waf:
        resources["Firewall"] = _build_firewall(environment)
        resources["FirewallAssociation"] = {
            "Type": "AWS::WAFv2::WebACLAssociation",
            "Properties": {
                "WebACLArn": {"Fn::GetAtt": ["Firewall", "Arn"]},
                "ResourceArn": substitute(
                    "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${RestAPI}/stages/${RestAPI.Stage}"
                ),
            },
        }
    return resources | (_build_domain(environment.domain) if environment.domain else {})


def _build_firewall(environment: Environment) -> dict[str, Any]:
    limit = {"RateBasedStatement": {"AggregateKeyType": "IP", "Limit": REQUESTS_PER_ADDRESS}}
    rules = [{"Name": "RateLimit", "Priority": 0, "Action": {"Block": {}}, "Statement": limit}]
    for priority, name in enumerate(MANAGED_RULES, 1):
        statement = {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": name}}
        rules.append(
            {"Name": name, "Priority": priority, "OverrideAction": {"None": {}}, "Statement": statement}
        )
    for rule in rules:
        rule["VisibilityConfig"] = _build_visibility(str(rule["Name"]))
    return {
        "Type": "AWS::WAFv2::WebACL",
        "Properties": {
            "Name": f"realtime-{environment.name}",
            "Scope": "REGIONAL",
            "DefaultAction": {"Allow": {}},
            "Rules": rules,
            "VisibilityConfig": _build_visibility(f"realtime-{environment.name}"),
        },
    }


def _build_visibility(name: str) -> dict[str, Any]:
    """Without sampled requests: AWS would keep their headers, which hold keys."""
    return {"CloudWatchMetricsEnabled": True, "SampledRequestsEnabled": False, "MetricName": name}


def _build_domain(domain: Domain) -> dict[str, dict[str, Any]]:
    resources: dict[str, dict[str, Any]] = {
        "DomainName": {
            "Type": "AWS::ApiGateway::DomainName",
            "Properties": {
                "DomainName": domain.name,
                "RegionalCertificateArn": domain.certificate_arn,
                "EndpointConfiguration": {"Types": ["REGIONAL"]},
                "SecurityPolicy": "TLS_1_2",
            },
        },
        "DomainMapping": {
            "Type": "AWS::ApiGateway::BasePathMapping",
            "Properties": {
                "DomainName": {"Ref": "DomainName"},
                "RestApiId": {"Ref": "RestAPI"},
                "Stage": {"Ref": "RestAPI.Stage"},
            },
        },
    }
    if domain.hosted_zone_id:
        resources["DomainRecord"] = {
            "Type": "AWS::Route53::RecordSet",
            "Properties": {
                "Name": domain.name,
                "Type": "A",
                "HostedZoneId": domain.hosted_zone_id,
                "AliasTarget": {
                    "DNSName": {"Fn::GetAtt": ["DomainName", "RegionalDomainName"]},
                    "HostedZoneId": {"Fn::GetAtt": ["DomainName", "RegionalHostedZoneId"]},
                },
            },
        }
    return resources
