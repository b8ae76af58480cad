"""The domain name of a REST or HTTP API, with TLS 1.2 at least.

Both have the same resources, so that a change of the front door only changes the mapping.
"""

from typing import Any

from infra.environments import Domain


def build_resources(domain: Domain, api: dict[str, str], stage: dict[str, str]) -> dict[str, dict[str, Any]]:
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
            "Type": "AWS::ApiGatewayV2::ApiMapping",
            "Properties": {"DomainName": {"Ref": "DomainName"}, "ApiId": api, "Stage": stage},
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
