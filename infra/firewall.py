"""In front of the API, where the environment asks for it: a firewall, and a name of its own."""

from typing import Any

from infra.environments import Domain, Environment
from infra.resource_names import sub

REQUESTS_PER_ADDRESS = 100_000
"""In five minutes: above a large customer's egress address, below a flood."""
MANAGED_RULES = ("AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet")


def resources(environment: Environment) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    if environment.waf:
        found["Firewall"] = _firewall(environment)
        found["FirewallAssociation"] = {
            "Type": "AWS::WAFv2::WebACLAssociation",
            "Properties": {
                "WebACLArn": {"Fn::GetAtt": ["Firewall", "Arn"]},
                "ResourceArn": sub(
                    "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${RestAPI}/stages/${RestAPI.Stage}"
                ),
            },
        }
    return found | (_domain(environment.domain) if environment.domain else {})


def _firewall(environment: Environment) -> dict[str, Any]:
    limit = {"RateBasedStatement": {"AggregateKeyType": "IP", "Limit": REQUESTS_PER_ADDRESS}}
    rules = [{"Name": "RateLimit", "Priority": 0, "Action": {"Block": {}}, "Statement": limit}]
    for priority, name in enumerate(MANAGED_RULES, 1):
        statement = {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": name}}
        rules.append(
            {"Name": name, "Priority": priority, "OverrideAction": {"None": {}}, "Statement": statement}
        )
    for rule in rules:
        rule["VisibilityConfig"] = _visible(str(rule["Name"]))
    return {
        "Type": "AWS::WAFv2::WebACL",
        "Properties": {
            "Name": f"realtime-{environment.name}",
            "Scope": "REGIONAL",
            "DefaultAction": {"Allow": {}},
            "Rules": rules,
            "VisibilityConfig": _visible(f"realtime-{environment.name}"),
        },
    }


def _visible(name: str) -> dict[str, Any]:
    """Sampled requests would keep headers, and with them keys."""
    return {"CloudWatchMetricsEnabled": True, "SampledRequestsEnabled": False, "MetricName": name}


def _domain(domain: Domain) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {
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
        found["DomainRecord"] = {
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
    return found
